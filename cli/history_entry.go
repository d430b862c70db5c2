package cli

import (
	"encoding/json"
	"fmt"

	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/record"
)

// historyEntry is a record of a history as history --json prints it. What a
// transaction has no use for is left out.
type historyEntry struct {
	Op      string `json:"op"`
	Zxid    string `json:"zxid"`
	Session string `json:"session,omitempty"`
	Server  uint32 `json:"server,omitempty"`
	TimeMs  int64  `json:"time,omitempty"`
	historyDetails
	Ops []historyStep `json:"ops,omitempty"`
}

// historyStep is one operation of a multi.
type historyStep struct {
	Op string `json:"op"`
	historyDetails
}

// historyDetails is what an operation asks for. The path of a sequential create
// is as the client sent it: the number follows from the transactions before.
type historyDetails struct {
	Path    string `json:"path,omitempty"`
	Data    []byte `json:"data,omitempty"`
	Version *int32 `json:"version,omitempty"`
	Flags   int32  `json:"flags,omitempty"`
}

// unreadable is the operation of a record that this program cannot read.
const unreadable = "unreadable"

// historyJSON describes one record as a line of JSON.
func historyJSON(r record.Record) string {
	e := historyEntry{Op: r.Kind.String(), Zxid: fmt.Sprintf("0x%x", uint64(r.Zxid))}
	if r.Kind == record.Transaction {
		var t tree.Transaction
		if err := tree.DecodeTransaction(r.Body(), &t); err != nil {
			e.Op = unreadable
		} else {
			e.describe(&t)
		}
	}
	line, err := json.Marshal(e)
	assert(err == nil, "an entry of a history has no JSON: %v", err)
	return string(line)
}

func (e *historyEntry) describe(t *tree.Transaction) {
	e.Op, e.Session, e.Server, e.TimeMs = t.Op.String(), fmt.Sprintf("0x%x", t.Session), uint32(t.Origin), t.TimeMs
	if t.Op != tree.OpMulti {
		if details, ok := transactionDetails(t); ok {
			e.historyDetails = details
		}
		return
	}
	m := wire.NewMultiReader(t.Body)
	for op, more := m.Next(); more; op, more = m.Next() {
		details, ok := operationDetails(&m.Reader, op)
		if !ok {
			return
		}
		e.Ops = append(e.Ops, historyStep{Op: op.String(), historyDetails: details})
	}
}

// transactionDetails returns what a transaction is about, where it is about one
// path.
func transactionDetails(t *tree.Transaction) (historyDetails, bool) {
	r := wire.NewReader(t.Body)
	switch t.Op {
	case tree.OpCreate, tree.OpCreate2, tree.OpCreateContainer, tree.OpCreateTTL, tree.OpDelete, tree.OpSetData, tree.OpSetACL:
		return operationDetails(&r, wire.OpCode(t.Op))
	case tree.OpDeleteRecursive:
		return operationDetails(&r, wire.OpDeleteRecursive)
	case tree.OpCreateParents:
		return operationDetails(&r, wire.OpCreateParents)
	case tree.OpReap:
		path := r.Buffer()
		return historyDetails{Path: string(path)}, r.OK()
	}
	return historyDetails{}, false
}

// operationDetails reads the record of one operation.
func operationDetails(r *wire.Reader, op wire.OpCode) (historyDetails, bool) {
	var d historyDetails
	switch op {
	case wire.OpCreate, wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL, wire.OpCreateParents:
		var c wire.CreateRequest
		if op == wire.OpCreateTTL || op == wire.OpCreateParents {
			c.DecodeTTL(r)
		} else {
			c.Decode(r)
		}
		d = historyDetails{Path: string(c.Path), Data: c.Data, Flags: int32(c.Flags)}
	case wire.OpSetData:
		var s wire.SetDataRequest
		s.Decode(r)
		d = historyDetails{Path: string(s.Path), Data: s.Data, Version: &s.Version}
	case wire.OpSetACL:
		var s wire.SetACLRequest
		s.Decode(r)
		d = historyDetails{Path: string(s.Path), Version: &s.Version}
	case wire.OpDelete, wire.OpCheck:
		var p wire.PathVersionRequest
		p.Decode(r)
		d = historyDetails{Path: string(p.Path), Version: &p.Version}
	case wire.OpDeleteRecursive:
		var p wire.DeleteRecursiveRequest
		p.Decode(r)
		d = historyDetails{Path: string(p.Path), Version: &p.Version}
	case wire.OpCheckCzxid:
		var p wire.CheckCzxidRequest
		p.Decode(r)
		d = historyDetails{Path: string(p.Path), Version: &p.Version}
	case wire.OpCheckNotExists:
		path := r.Buffer()
		d = historyDetails{Path: string(path)}
	default:
		return d, false
	}
	return d, r.OK()
}
