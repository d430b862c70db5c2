package tree

import (
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

type undoKind uint8

const (
	undoCreate undoKind = iota
	undoDelete
	undoSetData
)

// undo takes one step of a multi back. Steps are taken back in reverse order, so
// that each finds the state it left.
type undo struct {
	kind    undoKind
	node    *znode
	created int64     // the parent's, of undoCreate
	pzxid   zxid.Zxid // the parent's, of undoCreate and undoDelete
	acl     *acl      // of undoDelete
	data    []byte    // the node's, like the rest, of undoSetData
	mzxid   zxid.Zxid
	mtime   int64
	version int32
}

// scratchMax bounds what one huge transaction leaves allocated for the next ones.
const scratchMax = 4096

// emptied returns scratch space without what it pointed to.
func emptied[T any](s []T) []T {
	if cap(s) > scratchMax {
		return nil
	}
	clear(s)
	return s[:0]
}

func (c *change) note(t *Tree, u undo) {
	if c.undoable {
		t.undos = append(t.undos, u)
	}
}

func (t *Tree) takeBack(u *undo) {
	n := u.node
	switch u.kind {
	case undoCreate:
		parent := n.parent
		t.detach(n)
		t.acls.release(n.acl)
		t.open(parent)
		parent.kin().created, parent.kin().pzxid = u.created, u.pzxid
		t.seal(parent)
	case undoDelete:
		n.acl = t.acls.retain(u.acl).id
		t.attach(n)
		t.open(n.parent)
		n.parent.kin().pzxid = u.pzxid
		t.seal(n.parent)
	case undoSetData:
		t.open(n)
		n.mzxid, n.mtime, n.version = u.mzxid, u.mtime, u.version
		t.seal(n)
		t.replaceData(n, u.data)
	}
}

// multi applies all operations or none. A failed one is told in res.Multi alone:
// the reply's header says OK either way.
func (t *Tree) multi(c *change, body []byte, res *Result) wire.ErrorCode {
	if checkMulti(body) != wire.OK {
		return wire.ErrMarshalling
	}
	c.undoable = true
	failed := wire.OK
	m := wire.NewMultiReader(body)
	var req subRequest
	for op, more := m.Next(); more; op, more = m.Next() {
		_ = req.decode(&m.Reader, op) // checkMulti has decoded it before
		res.Multi = append(res.Multi, OpResult{})
		r := &res.Multi[len(res.Multi)-1]
		if failed != wire.OK {
			r.Err = wire.ErrRuntimeInconsistency
			continue
		}
		failed = t.applySub(c, &req, r)
		r.Err = failed
	}
	if failed != wire.OK {
		t.rollBack(res)
	}
	t.forgetUndos(undoDelete)
	return wire.OK
}

// forgetUndos ends what may be taken back. The nodes of the steps of this kind are
// gone then: what was deleted, or after takeAllBack, what was created.
func (t *Tree) forgetUndos(gone undoKind) {
	for i := range t.undos {
		if t.undos[i].kind == gone {
			t.removed = append(t.removed, t.undos[i].node)
		}
	}
	t.undos = emptied(t.undos)
}

// takeAllBack undoes a transaction that failed half way.
func (t *Tree) takeAllBack() {
	for i := len(t.undos) - 1; i >= 0; i-- {
		t.takeBack(&t.undos[i])
	}
	t.forgetUndos(undoCreate)
	t.dropDirtyQuotas()
	t.events = emptied(t.events)
}

func (t *Tree) rollBack(res *Result) {
	t.takeAllBack()
	res.MultiFailed = true
	for i := range res.Multi {
		res.Multi[i] = OpResult{Type: wire.OpError, Err: res.Multi[i].Err}
	}
}

func (t *Tree) applySub(c *change, req *subRequest, r *OpResult) wire.ErrorCode {
	r.Type = req.op
	switch req.op {
	case wire.OpDelete:
		return t.delete(c, &req.pathVersion)
	case wire.OpSetData:
		return t.setData(c, &req.set, r)
	case wire.OpCheck:
		return t.check(c, &req.pathVersion)
	case wire.OpDeleteRecursive:
		return t.deleteRecursive(c, &req.deleteRecursive, r)
	case wire.OpCreateParents:
		return t.createParents(c, &req.create, r)
	case wire.OpCheckNotExists:
		return t.checkNotExists(req.pathVersion.Path)
	case wire.OpCheckCzxid:
		return t.checkCzxid(c, &req.checkCzxid)
	}
	if req.op != wire.OpCreate || req.create.Flags == wire.FlagContainer {
		r.Type = wire.OpCreate2
	}
	return t.create(c, req.op, &req.create, r)
}
