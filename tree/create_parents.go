package tree

import (
	"bytes"
	"slices"

	"github.com/zabkeeper/zabkeeper/wire"
)

// parentPathBytesMax bounds the paths of the parents that one transaction makes,
// all added up: what a client could have sent in a multi of plain creates. One
// short path of many components would otherwise cost memory in its square.
const parentPathBytesMax = wire.FrameBytesMax

// checkCreateParents judges the whole path in advance, as parents are made
// before the node itself is looked at.
func checkCreateParents(req *wire.CreateRequest, settings Settings) wire.ErrorCode {
	op := wire.OpCreate
	switch {
	case req.Flags.TTL():
		op = wire.OpCreateTTL
	case req.Flags == wire.FlagContainer:
		op = wire.OpCreateContainer
	}
	if code := firstCode(checkCreateMode(op, req, settings), checkSlash(req.Path)); code != wire.OK {
		return code
	}
	path := req.Path
	if req.Flags.Sequential() { // the rules are for the path that it will be
		path = append(slices.Clip(path), '0')
	}
	if wire.CheckPath(path) != wire.OK || bytes.HasPrefix(req.Path, []byte(wire.PathExtensions+"/")) {
		return wire.ErrBadArguments
	}
	return wire.OK
}

// createParents makes a node and what is missing above it: persistent nodes
// without data and with the ACL of the node. All of it has one zxid.
func (t *Tree) createParents(c *change, req *wire.CreateRequest, res *OpResult) wire.ErrorCode {
	if code := checkCreateParents(req, c.settings); code != wire.OK {
		return code
	}
	rawACL, code := t.resolveACL(req.ACL, c.ids, c.settings)
	if code != wire.OK {
		return code
	}
	last := bytes.LastIndexByte(req.Path, '/')
	parent, made, code := t.nearest(c, req.Path, last)
	switch {
	case code != wire.OK:
		return code
	case !t.acls.byID[parent.acl].allows(wire.PermCreate, c.ids, c.settings):
		return wire.ErrNoAuth
	case parent.kind == kindEphemeral && made < last:
		return wire.ErrNoChildrenForEphemerals
	}
	alone := !c.undoable // the steps have to be taken back here when a later one fails
	c.undoable = true
	for made < last && code == wire.OK {
		made = nextSlash(req.Path, made+1)
		parent, code = t.place(c, parent, &newNode{path: req.Path[:made], data: []byte{}, rawACL: rawACL})
		res.Count++
	}
	if code == wire.OK {
		n := newNode{path: req.Path, data: req.Data, rawACL: rawACL, flags: req.Flags, kind: createKind(wire.OpCreate, req.Flags), ttlMs: req.TTLMs}
		parent, code = t.place(c, parent, &n)
	}
	if alone {
		c.undoable = false
		if code != wire.OK {
			t.takeAllBack()
		}
		t.forgetUndos(undoDelete)
	}
	if code != wire.OK {
		return code
	}
	res.Path, res.Stat = parent.path(), parent.stat()
	return wire.OK
}

// nearest returns the lowest node above path that is there, and the length of
// its path up to the slash behind it: what follows, up to lastSlash, is missing.
func (t *Tree) nearest(c *change, path []byte, lastSlash int) (*znode, int, wire.ErrorCode) {
	for end := lastSlash; end > 0; end = bytes.LastIndexByte(path[:end], '/') {
		if n := t.nodes.findBytes(path[:end]); n != nil {
			return n, end, wire.OK
		}
		if c.parentPathBytes += end; c.parentPathBytes > parentPathBytesMax {
			return nil, 0, wire.ErrLimitExceeded
		}
	}
	return t.root, 0, wire.OK
}

// nextSlash returns where the component that starts at from ends.
func nextSlash(path []byte, from int) int {
	return from + bytes.IndexByte(path[from:], '/')
}
