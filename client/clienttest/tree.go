package clienttest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

type node struct {
	data    []byte
	acl     wire.ACLs
	stat    wire.Stat
	created int32 // children so far, for sequential names
}

type tree struct {
	nodes map[string]*node
	zxid  int64
}

func newTree() tree { return tree{nodes: map[string]*node{"/": {}}} }

func (t *tree) clone() tree {
	c := tree{nodes: maps.Clone(t.nodes), zxid: t.zxid}
	for p, n := range c.nodes {
		copied := *n
		c.nodes[p] = &copied
	}
	return c
}

func (t *tree) children(path string) []string {
	var names []string
	for p := range t.nodes {
		if wire.Parent(p) == path {
			names = append(names, wire.Base(p))
		}
	}
	slices.Sort(names)
	return names
}

func (t *tree) below(path string) (n int32) {
	prefix := strings.TrimSuffix(path, "/") + "/"
	for p := range t.nodes {
		if p != "/" && strings.HasPrefix(p, prefix) {
			n++
		}
	}
	return n
}

func (t *tree) ephemerals(session int64) []string {
	var paths []string
	for p, n := range t.nodes {
		if n.stat.EphemeralOwner == session {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths
}

func (t *tree) stat(n *node, path string) wire.Stat {
	st := n.stat
	st.DataLength, st.NumChildren = int32(len(n.data)), int32(len(t.children(path)))
	return st
}

func (t *tree) create(req *wire.CreateRequest, session int64) (string, wire.ErrorCode) {
	path := string(req.Path)
	parent := t.nodes[wire.Parent(path)]
	if parent == nil {
		return "", wire.ErrNoNode
	}
	if req.Flags.Sequential() {
		path = fmt.Sprintf("%s%010d", path, parent.created)
	}
	switch {
	case wire.CheckPath(path) != wire.OK:
		return "", wire.ErrBadArguments
	case t.nodes[path] != nil:
		return "", wire.ErrNodeExists
	case parent.stat.EphemeralOwner != 0:
		return "", wire.ErrNoChildrenForEphemerals
	}
	t.zxid++
	n := &node{data: slices.Clone(req.Data), acl: wire.NewACLs(req.ACL.List()...)}
	n.stat.Czxid, n.stat.Mzxid, n.stat.Pzxid = t.zxid, t.zxid, t.zxid
	if req.Flags.Ephemeral() {
		n.stat.EphemeralOwner = session
	}
	t.nodes[path] = n
	parent.created++
	parent.stat.Cversion++
	parent.stat.Pzxid = t.zxid
	return path, wire.OK
}

func (t *tree) delete(path string, version int32) wire.ErrorCode {
	n := t.nodes[path]
	switch {
	case path == "/":
		return wire.ErrBadArguments
	case n == nil:
		return wire.ErrNoNode
	case version != -1 && version != n.stat.Version:
		return wire.ErrBadVersion
	case len(t.children(path)) > 0:
		return wire.ErrNotEmpty
	}
	t.remove(path)
	return wire.OK
}

func (t *tree) remove(path string) {
	t.zxid++
	delete(t.nodes, path)
	if parent := t.nodes[wire.Parent(path)]; parent != nil {
		parent.stat.Cversion++
		parent.stat.Pzxid = t.zxid
	}
}

func (t *tree) set(path string, data []byte, version int32) wire.ErrorCode {
	if code := t.check(path, version); code != wire.OK {
		return code
	}
	t.zxid++
	n := t.nodes[path]
	n.data = slices.Clone(data)
	n.stat.Version++
	n.stat.Mzxid = t.zxid
	return wire.OK
}

func (t *tree) check(path string, version int32) wire.ErrorCode {
	switch n := t.nodes[path]; {
	case n == nil:
		return wire.ErrNoNode
	case version != -1 && version != n.stat.Version:
		return wire.ErrBadVersion
	}
	return wire.OK
}
