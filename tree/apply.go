package tree

import (
	"bytes"
	"strconv"

	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// change is what all operations of one transaction share.
type change struct {
	zxid     zxid.Zxid
	timeMs   int64
	settings Settings
	ids      Identities
	session  uint64
	origin   zxid.ServerID
	undoable bool // inside a multi: note how to take each step back
	watched  bool // somebody watches: collect events
}

// Apply carries out the transaction of record z and fills res, which the caller
// owns and reuses. Watches in w fire through sink before Apply returns; w may be
// nil while a server replays its log. A failed transaction changes nothing but
// LastApplied.
func (t *Tree) Apply(z zxid.Zxid, txn *Transaction, w *WatchRegistry, sink EventSink, res *Result) {
	c := change{
		zxid: z, timeMs: txn.TimeMs, settings: txn.Settings, ids: txn.Identities,
		session: txn.Session, origin: txn.Origin, watched: w != nil && !w.empty(),
	}
	res.reset(txn.Op, txn.Session)
	res.Err = t.apply(&c, txn, res)
	t.lastApplied = z
	if res.Err == wire.OK {
		t.flushQuotas()
		if len(t.events) > 0 {
			w.fire(z, c.settings, t.events, sink)
		}
	}
	t.events = emptied(t.events)
	t.digests.note(z, t.digest)
}

func (t *Tree) apply(c *change, txn *Transaction, res *Result) wire.ErrorCode {
	switch txn.Op {
	case OpCreateSession:
		return t.createSession(c, txn.Body, res)
	case OpAttachSession:
		return t.attachSession(c, txn.Body, res)
	case OpCloseSession:
		return t.closeSession(c, res)
	}
	if code := t.checkOwner(c); code != wire.OK {
		return code
	}
	r := wire.NewReader(txn.Body)
	switch txn.Op {
	case OpCreate, OpCreate2, OpCreateContainer, OpCreateTTL:
		var req wire.CreateRequest
		decodeCreate(&r, wire.OpCode(txn.Op), &req)
		if !r.OK() {
			return wire.ErrMarshalling
		}
		return t.create(c, wire.OpCode(txn.Op), &req, &res.OpResult)
	case OpDelete:
		var req wire.PathVersionRequest
		req.Decode(&r)
		if !r.OK() {
			return wire.ErrMarshalling
		}
		return t.delete(c, &req)
	case OpSetData:
		var req wire.SetDataRequest
		req.Decode(&r)
		if !r.OK() {
			return wire.ErrMarshalling
		}
		return t.setData(c, &req, &res.OpResult)
	case OpSetACL:
		return t.setACL(c, &r, &res.OpResult)
	case OpMulti:
		return t.multi(c, txn.Body, res)
	case OpReap:
		return t.reap(c, &r)
	case OpSetConfig:
		return t.setConfig(c, txn.Body, res)
	case OpReconfig:
		if code := wire.ErrorCode(r.Int()); r.OK() {
			return code
		}
	}
	return wire.ErrMarshalling
}

func (t *Tree) create(c *change, op wire.OpCode, req *wire.CreateRequest, res *OpResult) wire.ErrorCode {
	if code := firstCode(checkCreateMode(op, req, c.settings), checkSlash(req.Path)); code != wire.OK {
		return code
	}
	if req.Flags.Ephemeral() && c.settings&SettingLocalSession != 0 {
		return wire.ErrEphemeralOnLocalSession
	}
	rawACL, code := t.resolveACL(req.ACL, c.ids, c.settings)
	if code != wire.OK {
		return code
	}
	parent := t.parentOf(req.Path, bytes.LastIndexByte(req.Path, '/'))
	if parent == nil {
		return wire.ErrNoNode
	}
	if !t.acls.byID[parent.acl].allows(wire.PermCreate, c.ids, c.settings) {
		return wire.ErrNoAuth
	}
	path := req.Path
	if req.Flags.Sequential() {
		path = appendSequence(append(t.pathScratch[:0], path...), parent.created)
		t.pathScratch = path[:0]
	}
	kind := createKind(op, req.Flags)
	switch {
	case wire.CheckPath(path) != wire.OK:
		return wire.ErrBadArguments
	case t.nodes[string(path)] != nil:
		return wire.ErrNodeExists
	case parent.kind == kindEphemeral:
		return wire.ErrNoChildrenForEphemerals
	case kind == kindEphemeral && c.session == 0:
		return wire.ErrSessionExpired
	}
	n := &znode{
		path: string(path), czxid: c.zxid, mzxid: c.zxid, pzxid: c.zxid,
		ctime: c.timeMs, mtime: c.timeMs, kind: kind,
	}
	if c.settings&SettingEnforceQuota != 0 && t.exceedsQuota(n.path, 1, int64(len(req.Data))) {
		return wire.ErrQuotaExceeded
	}
	switch kind {
	case kindEphemeral:
		n.owner = c.session
	case kindTTL:
		n.owner = uint64(req.TTLMs)
	default: // nobody's
	}
	n.data = copyData(req.Data)
	n.acl = t.acls.use(rawACL).id
	c.note(t, undo{kind: undoCreate, node: n, created: parent.created, pzxid: parent.pzxid})
	t.open(parent)
	parent.created++
	parent.pzxid = c.zxid
	t.seal(parent)
	t.attach(n)
	t.addEvents(c, wire.EventNodeCreated, n)
	res.Path, res.Stat = n.path, n.stat()
	return wire.OK
}

// appendSequence appends a parent's create counter, at least ten digits wide. It
// is a 64-bit number: behind 2147483647 names get longer and are never reused.
func appendSequence(dst []byte, counter int64) []byte {
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], counter, 10)
	for i := len(text); i < 10; i++ {
		dst = append(dst, '0')
	}
	return append(dst, text...)
}

func (t *Tree) delete(c *change, req *wire.PathVersionRequest) wire.ErrorCode {
	if code := checkDeletePath(req.Path); code != wire.OK {
		return code
	}
	parent := t.parentOf(req.Path, bytes.LastIndexByte(req.Path, '/'))
	if parent == nil {
		return wire.ErrNoNode
	}
	if !t.acls.byID[parent.acl].allows(wire.PermDelete, c.ids, c.settings) {
		return wire.ErrNoAuth
	}
	n := t.nodes[string(req.Path)]
	switch {
	case n == nil:
		return wire.ErrNoNode
	case req.Version != -1 && req.Version != n.version:
		return wire.ErrBadVersion
	case n.childCount() > 0:
		return wire.ErrNotEmpty
	}
	t.remove(c, n)
	return wire.OK
}

// remove takes out a node without children.
func (t *Tree) remove(c *change, n *znode) {
	parent := n.parent
	c.note(t, undo{kind: undoDelete, node: n, pzxid: parent.pzxid, acl: t.acls.byID[n.acl]})
	t.addEvents(c, wire.EventNodeDeleted, n)
	t.detach(n)
	t.acls.release(n.acl)
	t.open(parent)
	parent.pzxid = c.zxid
	t.seal(parent)
}

func (t *Tree) setData(c *change, req *wire.SetDataRequest, res *OpResult) wire.ErrorCode {
	n, code := t.writable(c, req.Path, wire.PermWrite)
	if code != wire.OK {
		return code
	}
	if string(req.Path) == pathConfig {
		return wire.ErrNoAuth
	}
	if c.settings&SettingEnforceQuota != 0 && t.exceedsQuota(n.path, 0, int64(len(req.Data)-len(n.data))) {
		return wire.ErrQuotaExceeded
	}
	if req.Version != -1 && req.Version != n.version {
		return wire.ErrBadVersion
	}
	c.note(t, undo{kind: undoSetData, node: n, data: n.data, mzxid: n.mzxid, mtime: n.mtime, version: n.version})
	t.open(n)
	n.mzxid, n.mtime = c.zxid, c.timeMs
	n.version++
	t.seal(n)
	if !c.undoable && req.Data != nil && len(req.Data) > 0 && len(req.Data) == len(n.data) {
		t.overwriteData(n, req.Data)
	} else {
		t.replaceData(n, copyData(req.Data))
	}
	t.addEvents(c, wire.EventNodeDataChanged, n)
	res.Path, res.Stat = n.path, n.stat()
	return wire.OK
}

// writable finds a node by a path that must be valid and that the client must
// have a permission on.
func (t *Tree) writable(c *change, path []byte, want wire.Perms) (*znode, wire.ErrorCode) {
	if code := wire.CheckPath(path); code != wire.OK {
		return nil, code
	}
	n := t.nodes[string(path)]
	if n == nil {
		return nil, wire.ErrNoNode
	}
	if !t.acls.byID[n.acl].allows(want, c.ids, c.settings) {
		return nil, wire.ErrNoAuth
	}
	return n, wire.OK
}

func (t *Tree) setACL(c *change, r *wire.Reader, res *OpResult) wire.ErrorCode {
	var req wire.SetACLRequest
	req.Decode(r)
	if code := firstCode(r.Code(), wire.CheckPath(req.Path)); code != wire.OK {
		return code
	}
	rawACL, code := t.resolveACL(req.ACL, c.ids, c.settings)
	if code != wire.OK {
		return code
	}
	n, code := t.writable(c, req.Path, wire.PermAdmin)
	if code != wire.OK {
		return code
	}
	if req.Version != -1 && req.Version != n.aversion {
		return wire.ErrBadVersion
	}
	t.open(n)
	old := n.acl
	n.acl = t.acls.use(rawACL).id
	n.aversion++
	t.acls.release(old)
	t.seal(n)
	res.Path, res.Stat = n.path, n.stat()
	return wire.OK
}

func (t *Tree) check(c *change, req *wire.PathVersionRequest) wire.ErrorCode {
	n, code := t.writable(c, req.Path, wire.PermRead)
	if code == wire.OK && req.Version != -1 && req.Version != n.version {
		return wire.ErrBadVersion
	}
	return code
}

// reap deletes a container or TTL node that is still idle; a container that was
// never used is taken at the leader's word, who knows how long that may last.
func (t *Tree) reap(c *change, r *wire.Reader) wire.ErrorCode {
	var req wire.PathRequest
	req.Decode(r)
	if !r.OK() {
		return wire.ErrMarshalling
	}
	n := t.nodes[string(req.Path)]
	switch {
	case n == nil:
		return wire.ErrNoNode
	case n.childCount() > 0:
		return wire.ErrNotEmpty
	case !n.idle(c.timeMs) && (n.kind != kindContainer || n.created > 0):
		return wire.ErrBadArguments
	}
	t.remove(c, n)
	return wire.OK
}

// setConfig writes the membership text, which counts no version: -1 from the
// first text on. A server on its own has none, and its node stays as it began.
func (t *Tree) setConfig(c *change, text []byte, res *Result) wire.ErrorCode {
	n := t.nodes[pathConfig]
	if n == nil || c.session != 0 {
		return wire.ErrNoAuth
	}
	if len(text) == 0 && len(n.data) == 0 {
		return wire.OK
	}
	res.Config = text
	t.open(n)
	n.mzxid, n.mtime, n.version = c.zxid, c.timeMs, -1
	t.seal(n)
	data := make([]byte, len(text))
	copy(data, text)
	t.replaceData(n, data)
	t.addEvents(c, wire.EventNodeDataChanged, n)
	res.Path, res.Stat = n.path, n.stat()
	return wire.OK
}
