package tree

import (
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

	// What extensions in this transaction have done so far, which bounds it.
	parentPathBytes int
	deleted         int
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
	t.freeRemoved()
	t.digests.note(z, t.digest)
}

// freeRemoved gives up the places of the nodes that are gone for good.
func (t *Tree) freeRemoved() {
	if len(t.removed) == 0 {
		return
	}
	for _, n := range t.removed {
		t.nodes.free(n)
	}
	t.removed = emptied(t.removed)
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
	case OpDeleteRecursive:
		var req wire.DeleteRecursiveRequest
		req.Decode(&r)
		if !r.OK() {
			return wire.ErrMarshalling
		}
		return t.deleteRecursive(c, &req, &res.OpResult)
	case OpCreateParents:
		var req wire.CreateRequest
		decodeCreate(&r, wire.OpCreateParents, &req)
		if !r.OK() {
			return wire.ErrMarshalling
		}
		return t.createParents(c, &req, &res.OpResult)
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
	parent := t.parentOf(req.Path, lastSlash(req.Path))
	if parent == nil {
		return wire.ErrNoNode
	}
	if !t.acls.byID[parent.acl].allows(wire.PermCreate, c.ids, c.settings) {
		return wire.ErrNoAuth
	}
	n, code := t.place(c, parent, &newNode{
		path: req.Path, data: req.Data, rawACL: rawACL, flags: req.Flags, kind: createKind(op, req.Flags), ttlMs: req.TTLMs,
	})
	if code != wire.OK {
		return code
	}
	res.Path, res.Stat = n.path(), n.stat()
	return wire.OK
}

func (t *Tree) delete(c *change, req *wire.PathVersionRequest) wire.ErrorCode {
	if code := checkDeletePath(req.Path); code != wire.OK {
		return code
	}
	parent := t.parentOf(req.Path, lastSlash(req.Path))
	if parent == nil {
		return wire.ErrNoNode
	}
	if !t.acls.byID[parent.acl].allows(wire.PermDelete, c.ids, c.settings) {
		return wire.ErrNoAuth
	}
	n := t.nodes.findBytes(req.Path)
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
	c.note(t, undo{kind: undoDelete, node: n, pzxid: parent.pzxid(), acl: t.acls.byID[n.acl]})
	t.addEvents(c, wire.EventNodeDeleted, n)
	t.detach(n)
	t.acls.release(n.acl)
	t.open(parent)
	parent.kin().pzxid = c.zxid
	t.seal(parent)
	if !c.undoable {
		t.removed = append(t.removed, n)
	}
}

func (t *Tree) setData(c *change, req *wire.SetDataRequest, res *OpResult) wire.ErrorCode {
	n, code := t.writable(c, req.Path, wire.PermWrite)
	if code != wire.OK {
		return code
	}
	if string(req.Path) == pathConfig {
		return wire.ErrNoAuth
	}
	if c.settings&SettingEnforceQuota != 0 && t.exceedsQuota(n.path(), 0, int64(len(req.Data)-n.dataBytes())) {
		return wire.ErrQuotaExceeded
	}
	if req.Version != -1 && req.Version != n.version {
		return wire.ErrBadVersion
	}
	c.note(t, undo{kind: undoSetData, node: n, data: n.data(), mzxid: n.mzxid, mtime: n.mtime, version: n.version})
	t.open(n)
	n.mzxid, n.mtime = c.zxid, c.timeMs
	n.version++
	t.seal(n)
	if !c.undoable && len(req.Data) > 0 && len(req.Data) == n.dataBytes() {
		t.overwriteData(n, req.Data)
	} else {
		t.replaceData(n, req.Data)
	}
	t.addEvents(c, wire.EventNodeDataChanged, n)
	res.Path, res.Stat = n.path(), n.stat()
	return wire.OK
}

// writable finds a node by a path that must be valid and that the client must
// have a permission on.
func (t *Tree) writable(c *change, path []byte, want wire.Perms) (*znode, wire.ErrorCode) {
	if code := wire.CheckPath(path); code != wire.OK {
		return nil, code
	}
	n := t.nodes.findBytes(path)
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
	if req.Version != -1 && req.Version != n.aversion() {
		return wire.ErrBadVersion
	}
	t.open(n)
	old := n.acl
	n.acl = t.acls.use(rawACL).id
	n.kin().aversion++
	t.acls.release(old)
	t.seal(n)
	res.Path, res.Stat = n.path(), n.stat()
	return wire.OK
}

func (t *Tree) check(c *change, req *wire.PathVersionRequest) wire.ErrorCode {
	n, code := t.writable(c, req.Path, wire.PermRead)
	if code == wire.OK && req.Version != -1 && req.Version != n.version {
		return wire.ErrBadVersion
	}
	return code
}

// checkNotExists asks for no permission: it tells no more than exists does.
func (t *Tree) checkNotExists(path []byte) wire.ErrorCode {
	if code := wire.CheckPath(path); code != wire.OK {
		return code
	}
	if t.node(path) != nil {
		return wire.ErrNodeExists
	}
	return wire.OK
}

func (t *Tree) checkCzxid(c *change, req *wire.CheckCzxidRequest) wire.ErrorCode {
	n, code := t.writable(c, req.Path, wire.PermRead)
	switch {
	case code != wire.OK:
		return code
	case int64(n.czxid) != req.Czxid:
		return wire.ErrNodeReplaced
	case req.Version != -1 && req.Version != n.version:
		return wire.ErrBadVersion
	}
	return wire.OK
}

// reap deletes a container or TTL node that is still idle; a container that was
// never used is taken at the leader's word, who knows how long that may last.
func (t *Tree) reap(c *change, r *wire.Reader) wire.ErrorCode {
	var req wire.PathRequest
	req.Decode(r)
	if !r.OK() {
		return wire.ErrMarshalling
	}
	n := t.nodes.findBytes(req.Path)
	switch {
	case n == nil:
		return wire.ErrNoNode
	case n.childCount() > 0:
		return wire.ErrNotEmpty
	case !n.idle(c.timeMs) && (n.kind != kindContainer || n.created() > 0):
		return wire.ErrBadArguments
	}
	t.remove(c, n)
	return wire.OK
}

// setConfig writes the membership text, which counts no version: -1 from the
// first text on. A server on its own has none, and its node stays as it began.
func (t *Tree) setConfig(c *change, text []byte, res *Result) wire.ErrorCode {
	n := t.nodes.find(pathConfig)
	if n == nil || c.session != 0 {
		return wire.ErrNoAuth
	}
	if len(text) == 0 && n.dataBytes() == 0 {
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
	res.Path, res.Stat = n.path(), n.stat()
	return wire.OK
}
