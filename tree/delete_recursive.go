package tree

import "github.com/zabkeeper/zabkeeper/wire"

func checkDeleteRecursive(req *wire.DeleteRecursiveRequest) wire.ErrorCode {
	if code := checkDeletePath(req.Path); code != wire.OK {
		return code
	}
	if req.Limit < 0 || req.Limit > wire.DeleteLimitMax {
		return wire.ErrBadArguments
	}
	return wire.OK
}

// deleteRecursive takes out a node and everything below it, or nothing. The
// deepest go first, so that watches fire as for one delete after another.
func (t *Tree) deleteRecursive(c *change, req *wire.DeleteRecursiveRequest, res *OpResult) wire.ErrorCode {
	if code := checkDeleteRecursive(req); code != wire.OK {
		return code
	}
	parent := t.parentOf(req.Path, lastSlash(req.Path))
	if parent == nil {
		return wire.ErrNoNode
	}
	if !t.acls.byID[parent.acl].allows(wire.PermDelete, c.ids, c.settings) {
		return wire.ErrNoAuth
	}
	top := t.nodes.findBytes(req.Path)
	switch {
	case top == nil:
		return wire.ErrNoNode
	case req.Version != -1 && req.Version != top.version:
		return wire.ErrBadVersion
	}
	limit := int(req.Limit)
	if limit == 0 {
		limit = wire.DeleteLimitDefault
	}
	limit = min(limit, wire.DeleteLimitMax-c.deleted)
	if limit < 1 {
		return wire.ErrLimitExceeded
	}
	nodes := []*znode{top} // level by level, so that backwards no node comes before one below it
	for i := 0; i < len(nodes); i++ {
		n := nodes[i]
		if n.childCount() == 0 {
			continue
		}
		if len(nodes)+n.childCount() > limit {
			return wire.ErrLimitExceeded
		}
		if !t.acls.byID[n.acl].allows(wire.PermDelete, c.ids, c.settings) {
			return wire.ErrNoAuth
		}
		for child := range n.children().all {
			nodes = append(nodes, child)
		}
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		t.remove(c, nodes[i])
	}
	c.deleted += len(nodes)
	res.Count = int32(len(nodes))
	return wire.OK
}
