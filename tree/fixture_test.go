package tree

import (
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// fixture drives a tree as a server would: zxids count up, the clock ticks ten
// milliseconds a transaction, and every transaction passes through its encoding.
type fixture struct {
	t        testing.TB
	tree     *Tree
	watches  *WatchRegistry
	events   []firedEvent
	z        zxid.Zxid
	ms       int64
	session  uint64
	origin   zxid.ServerID
	ids      []Identity
	settings Settings
	res      Result
}

type firedEvent struct {
	w    WatcherID
	kind wire.EventType
	path string
	zxid int64
}

func newFixture(t testing.TB) *fixture {
	f := &fixture{t: t, tree: New(), watches: NewWatchRegistry(), z: zxid.New(1, 0), ms: 1_000_000, origin: 1}
	f.session = f.newSession()
	return f
}

func (f *fixture) WatchEvent(w WatcherID, ev *Event) {
	f.events = append(f.events, firedEvent{w, ev.Type, ev.Path, ev.Zxid})
}

func (f *fixture) apply(op Op, body []byte) wire.ErrorCode {
	f.t.Helper()
	f.z++
	f.ms += 10
	txn := Transaction{
		Op: op, Settings: f.settings, TimeMs: f.ms, Origin: f.origin, Request: 7, Session: f.session,
		Identities: NewIdentities(f.ids), Body: body,
	}
	encoded := AppendTransaction(nil, &txn)
	var decoded Transaction
	if err := DecodeTransaction(encoded, &decoded); err != nil {
		f.t.Fatalf("decode own transaction: %v", err)
	}
	f.tree.Apply(f.z, &decoded, f.watches, f, &f.res)
	clear(encoded) // the log buffer is reused
	return f.res.Err
}

func (f *fixture) newSession() uint64 {
	saved := f.session
	f.session = 0
	code := f.apply(OpCreateSession, AppendSessionBody(nil, 4000, [16]byte{1, 2, 3}, 9))
	f.session = saved
	if code != wire.OK {
		f.t.Fatalf("create session: %v", code)
	}
	return f.res.Session.ID
}

var openACL = wire.NewACLs(wire.WorldAnyone(wire.PermAll))

func createBody(path, data string, flags wire.CreateFlags, acl wire.ACLs) []byte {
	req := wire.CreateRequest{Path: []byte(path), Data: []byte(data), ACL: acl, Flags: flags}
	return req.Append(nil)
}

func (f *fixture) create(path, data string, flags wire.CreateFlags) wire.ErrorCode {
	f.t.Helper()
	return f.apply(OpCreate, createBody(path, data, flags, openACL))
}

func (f *fixture) mustCreate(path, data string, flags wire.CreateFlags) string {
	f.t.Helper()
	if code := f.create(path, data, flags); code != wire.OK {
		f.t.Fatalf("create %s: %v", path, code)
	}
	return f.res.Path
}

func pathVersion(path string, version int32) []byte {
	req := wire.PathVersionRequest{Path: []byte(path), Version: version}
	return req.Append(nil)
}

func (f *fixture) delete(path string, version int32) wire.ErrorCode {
	f.t.Helper()
	return f.apply(OpDelete, pathVersion(path, version))
}

func setBody(path, data string, version int32) []byte {
	req := wire.SetDataRequest{Path: []byte(path), Data: []byte(data), Version: version}
	return req.Append(nil)
}

func (f *fixture) set(path, data string, version int32) wire.ErrorCode {
	f.t.Helper()
	return f.apply(OpSetData, setBody(path, data, version))
}

func (f *fixture) setACL(path string, acl wire.ACLs, version int32) wire.ErrorCode {
	f.t.Helper()
	req := wire.SetACLRequest{Path: []byte(path), ACL: acl, Version: version}
	return f.apply(OpSetACL, req.Append(nil))
}

// multi builds a multi body out of (op, record) pairs.
type subOp struct {
	op   wire.OpCode
	body []byte
}

func multiBody(ops ...subOp) []byte {
	var b []byte
	for _, o := range ops {
		b = append(wire.AppendMultiOp(b, o.op), o.body...)
	}
	return wire.AppendMultiEnd(b)
}

func (f *fixture) reader() *Reader {
	return &Reader{Session: f.session, Identities: NewIdentities(f.ids), Settings: f.settings}
}

func (f *fixture) get(path string) (string, wire.Stat, wire.ErrorCode) {
	f.t.Helper()
	req := wire.PathWatchRequest{Path: []byte(path)}
	reply, res := f.tree.Read(wire.OpGetData, req.Append(nil), f.reader(), nil)
	if res.Err != wire.OK {
		return "", wire.Stat{}, res.Err
	}
	var got wire.DataResponse
	r := wire.NewReader(reply)
	got.Decode(&r)
	if !r.OK() || len(r.Rest()) > 0 {
		f.t.Fatalf("getData %s: reply does not decode", path)
	}
	return string(got.Data), got.Stat, wire.OK
}

func (f *fixture) stat(path string) wire.Stat {
	f.t.Helper()
	_, stat, code := f.get(path)
	if code != wire.OK {
		f.t.Fatalf("stat of %s: %v", path, code)
	}
	return stat
}

// watch sends a read with its watch flag set and registers what it asks for.
func (f *fixture) watch(w WatcherID, op wire.OpCode, path string) wire.ErrorCode {
	f.t.Helper()
	req := wire.PathWatchRequest{Path: []byte(path), Watch: true}
	_, res := f.tree.Read(op, req.Append(nil), f.reader(), nil)
	f.watches.Add(w, res.Watch, res.Path)
	return res.Err
}

func (f *fixture) takeEvents() []firedEvent {
	events := f.events
	f.events = nil
	return events
}

// fullDigest computes the digest from nothing, which the incremental one must equal.
func fullDigest(t *Tree) uint64 {
	var sum uint64
	found := 0
	for i := range t.nodes.shards {
		for _, e := range t.nodes.shards[i].entries {
			if e.id != 0 {
				n := t.nodes.at(e.id)
				found++
				sum += t.statTerm(n) + dataTerm(n)
			}
		}
	}
	assert(found == t.nodes.len(), "the index counts %d nodes and has %d", t.nodes.len(), found)
	assert(found == t.nodes.places(), "%d nodes are in the tree, and %d places are taken", found, t.nodes.places())
	for _, s := range t.sessions {
		sum += s.term()
	}
	return sum
}
