package tree

import (
	"bytes"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

// Reader is who reads: the connection's session, identities and the settings of
// the server. ReplyBytesMax is the longest reply the client takes, 0 when it did
// not say.
type Reader struct {
	Session       uint64
	Identities    Identities
	Settings      Settings
	ReplyBytesMax int
}

// ReadResult tells what a read answers in the reply's header, and which watch the
// caller must register under the same lock. Path aliases the request.
type ReadResult struct {
	Err   wire.ErrorCode
	Watch WatchKind
	Path  []byte
}

// Read answers an operation of wire.ClassRead and appends the reply's body to
// dst, nothing when it fails. It changes nothing.
func (t *Tree) Read(op wire.OpCode, body []byte, who *Reader, dst []byte) ([]byte, ReadResult) {
	r := wire.NewReader(body)
	switch op {
	case wire.OpGetData, wire.OpExists, wire.OpGetChildren, wire.OpGetChildren2:
		var req wire.PathWatchRequest
		req.Decode(&r)
		if !r.OK() || req.Path == nil {
			return dst, ReadResult{Err: wire.ErrMarshalling}
		}
		return t.readWatched(op, &req, who, dst)
	case wire.OpGetACL, wire.OpGetEphemerals, wire.OpGetAllChildrenNumber:
		var req wire.PathRequest
		req.Decode(&r)
		code := r.Code()
		switch {
		case code != wire.OK:
		case req.Path == nil && op != wire.OpGetEphemerals: // there it means all
			code = wire.ErrMarshalling
		case op == wire.OpGetACL:
			dst, code = t.appendGetACL(req.Path, who, dst)
		case op == wire.OpGetEphemerals:
			dst = t.appendGetEphemerals(req.Path, who, dst)
		default:
			dst, code = t.appendDescendants(req.Path, who, dst)
		}
		return dst, ReadResult{Err: code}
	case wire.OpListPage:
		var req wire.ListPageRequest
		if req.Decode(&r); !r.OK() {
			return dst, ReadResult{Err: wire.ErrMarshalling}
		}
		dst, code := t.appendPage(&req, who, dst)
		return dst, ReadResult{Err: code}
	case wire.OpMultiRead:
		dst, code := t.appendMultiRead(body, who, dst)
		return dst, ReadResult{Err: code}
	}
	return dst, ReadResult{Err: wire.ErrUnimplemented}
}

func (t *Tree) readWatched(op wire.OpCode, req *wire.PathWatchRequest, who *Reader, dst []byte) ([]byte, ReadResult) {
	if op == wire.OpExists && bytes.IndexByte(req.Path, 0) >= 0 {
		return dst, ReadResult{Err: wire.ErrBadArguments}
	}
	res := ReadResult{Path: req.Path}
	n, code := t.readable(req.Path, who)
	if res.Err = code; code != wire.OK {
		// Only exists leaves a watch on what is not there; ACLs guard it when it comes.
		if op == wire.OpExists && code == wire.ErrNoNode && req.Watch {
			res.Watch = WatchData
		}
		return dst, res
	}
	if req.Watch {
		res.Watch = WatchData
		if op == wire.OpGetChildren || op == wire.OpGetChildren2 {
			res.Watch = WatchChild
		}
	}
	switch op {
	case wire.OpGetData:
		dst = wire.AppendBuffer(dst, n.data())
	case wire.OpGetChildren:
		return appendChildren(dst, n), res
	case wire.OpGetChildren2:
		dst = appendChildren(dst, n)
	}
	stat := n.stat()
	return stat.Append(dst), res
}

// readable finds a node the reader may read.
func (t *Tree) readable(path []byte, who *Reader) (*znode, wire.ErrorCode) {
	n := t.node(path)
	if n == nil {
		return nil, wire.ErrNoNode
	}
	if n != extensionsNode && !t.acls.byID[n.acl].allows(wire.PermRead, who.Identities, who.Settings) {
		return nil, wire.ErrNoAuth
	}
	return n, wire.OK
}

func appendChildren(dst []byte, n *znode) []byte {
	dst = wire.AppendInt(dst, int32(n.childCount()))
	prefix := n.prefix()
	for child := range n.children().all {
		dst = wire.AppendString(dst, child.path()[prefix:])
	}
	return dst
}

func (t *Tree) appendGetACL(path []byte, who *Reader, dst []byte) ([]byte, wire.ErrorCode) {
	n := t.node(path)
	switch n {
	case nil:
		return dst, wire.ErrNoNode
	case extensionsNode:
		return appendExtensionsACL(dst), wire.OK
	}
	a := t.acls.byID[n.acl]
	switch {
	case a.allows(wire.PermAdmin, who.Identities, who.Settings):
		dst = append(dst, a.raw...)
	case a.allows(wire.PermRead, who.Identities, who.Settings):
		dst = appendMasked(dst, a)
	default:
		return dst, wire.ErrNoAuth
	}
	stat := n.stat()
	return stat.Append(dst), wire.OK
}

// appendMasked hides the password hashes of digest entries.
func appendMasked(dst []byte, a *acl) []byte {
	r := wire.NewReader([]byte(a.raw))
	list := r.ACLs()
	dst = wire.AppendInt(dst, int32(list.Len()))
	for e := range list.All {
		if user, _, ok := bytes.Cut(e.ID, []byte(":")); ok && string(e.Scheme) == schemeDigest {
			e.ID = append(append([]byte{}, user...), ":x"...)
		}
		dst = e.Append(dst)
	}
	return dst
}

func (t *Tree) appendGetEphemerals(prefix []byte, who *Reader, dst []byte) []byte {
	trimmed := strings.TrimSpace(string(prefix))
	at, count := len(dst), int32(0)
	dst = wire.AppendInt(dst, 0)
	if s := t.sessions[who.Session]; s != nil {
		for _, n := range s.sorted() {
			if trimmed == "" || trimmed == "/" || strings.HasPrefix(n.path(), string(prefix)) {
				dst = wire.AppendString(dst, n.path())
				count++
			}
		}
	}
	wire.AppendInt(dst[at:at], count)
	return dst
}

func (t *Tree) appendDescendants(path []byte, who *Reader, dst []byte) ([]byte, wire.ErrorCode) {
	n, code := t.readable(path, who)
	if code != wire.OK {
		return dst, code
	}
	count := t.nodes.len() - 1
	if n != t.root {
		count = 0
		for d := nextInSubtree(n, n.path()); d != nil; d = nextInSubtree(d, n.path()) {
			count++
		}
	}
	return wire.AppendInt(dst, int32(count)), wire.OK
}

// multiReadBytesMax bounds the answer: one small request can name a large node
// many thousand times.
const multiReadBytesMax = 64 << 20

// appendMultiRead answers every read on its own: one that fails does not fail the
// others. Watch flags are ignored.
func (t *Tree) appendMultiRead(body []byte, who *Reader, dst []byte) ([]byte, wire.ErrorCode) {
	start := len(dst)
	m := wire.NewMultiReader(body)
	for op, more := m.Next(); more; op, more = m.Next() {
		var req wire.PathWatchRequest
		req.Decode(&m.Reader)
		if !m.OK() || req.Path == nil || !wire.MultiReadAllowed(op) || len(dst)-start > multiReadBytesMax {
			return dst[:start], wire.ErrMarshalling
		}
		req.Watch = false
		before := len(dst)
		var res ReadResult
		dst, res = t.readWatched(op, &req, who, wire.AppendMultiResult(dst, op))
		if res.Err != wire.OK {
			dst = wire.AppendMultiError(dst[:before], res.Err)
		}
	}
	if !m.OK() {
		return dst[:start], wire.ErrMarshalling
	}
	return wire.AppendMultiEnd(dst), wire.OK
}

// CheckReconfig says whether the client of a reconfig may change the membership:
// its session must be attached to its server, and it needs WRITE on
// /zookeeper/config, or be an operator.
func (t *Tree) CheckReconfig(txn *Transaction, settings Settings) wire.ErrorCode {
	c := change{session: txn.Session, origin: txn.Origin, settings: txn.Settings}
	if code := t.checkOwner(&c); code != wire.OK {
		return code
	}
	n := t.nodes.find(pathConfig)
	if txn.Settings&SettingOperator == 0 && (n == nil || !t.acls.byID[n.acl].allows(wire.PermWrite, txn.Identities, settings)) {
		return wire.ErrNoAuth
	}
	return wire.OK
}
