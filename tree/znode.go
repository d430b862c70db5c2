package tree

import (
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

type nodeKind uint8

const (
	kindPersistent nodeKind = iota
	kindEphemeral
	kindContainer
	kindTTL
	kindCount
)

// znode is one node of the tree: 80 bytes besides its text and its family.
type znode struct {
	text    *byte  // the path and the data behind it, in one piece; see text.go
	parent  *znode // nil for the root
	family  *family
	czxid   zxid.Zxid
	mzxid   zxid.Zxid
	ctime   int64
	mtime   int64
	pathLen uint32
	dataLen int32 // -1 for null
	version int32

	id   nodeID // where it is in its store
	acl  uint32
	mark uint16 // equals Tree.mark: not, or no longer, part of a running image
	kind nodeKind
}

// family is what only nodes have that have or had children, an owner, or another
// ACL than their first; most nodes do not.
type family struct {
	children childList
	created  int64 // children ever created: names sequential nodes, never goes back
	pzxid    zxid.Zxid
	owner    uint64 // session of an ephemeral, ttl in ms of a TTL node
	aversion int32  // how often the ACL has changed
}

// kin returns n's family to be changed.
func (n *znode) kin() *family {
	if n.family == nil {
		n.family = &family{pzxid: n.czxid}
	}
	return n.family
}

// pzxid is the last change of the children's list: until there is one, the
// node's own creation.
func (n *znode) pzxid() zxid.Zxid {
	if n.family == nil {
		return n.czxid
	}
	return n.family.pzxid
}

func (n *znode) created() int64 {
	if n.family == nil {
		return 0
	}
	return n.family.created
}

func (n *znode) owner() uint64 {
	if n.family == nil {
		return 0
	}
	return n.family.owner
}

func (n *znode) aversion() int32 {
	if n.family == nil {
		return 0
	}
	return n.family.aversion
}

// children returns the list of n's children, nil where it never had any.
func (n *znode) children() *childList {
	if n.family == nil {
		return nil
	}
	return &n.family.children
}

// prefix returns how many bytes the paths of n's children have before the name.
func (n *znode) prefix() int {
	if n.parent == nil {
		return 1
	}
	return len(n.path()) + 1
}

func (n *znode) name() string {
	if n.parent == nil {
		return ""
	}
	return n.path()[n.parent.prefix():]
}

func (n *znode) childCount() int {
	if n.family == nil {
		return 0
	}
	return n.family.children.count
}

func (n *znode) stat() wire.Stat {
	s := wire.Stat{
		Czxid: int64(n.czxid), Mzxid: int64(n.mzxid), Ctime: n.ctime, Mtime: n.mtime,
		Version: n.version, Cversion: int32(2*n.created() - int64(n.childCount())), Aversion: n.aversion(),
		DataLength: int32(n.dataBytes()), NumChildren: int32(n.childCount()), Pzxid: int64(n.pzxid()),
	}
	if n.kind == kindEphemeral {
		s.EphemeralOwner = int64(n.owner())
	}
	return s
}

// statTerm is the part of the digest that a node's numbers make. It leaves the
// data out, so that a new child does not hash its parent's data.
func (t *Tree) statTerm(n *znode) uint64 {
	h := hashBytes(seedPath, n.path())
	h = mix(mix(h, uint64(n.czxid)), uint64(n.mzxid))
	h = mix(mix(h, uint64(n.pzxid())), uint64(n.ctime))
	h = mix(mix(h, uint64(n.mtime)), uint64(n.created()))
	h = mix(mix(h, uint64(n.kind)), n.owner())
	h = mix(h, uint64(uint32(n.version))|uint64(uint32(n.aversion()))<<32)
	return mix(h, t.acls.byID[n.acl].hash)
}

func dataTerm(n *znode) uint64 {
	h := hashBytes(hashBytes(seedData, n.path()), n.data())
	if n.dataLen < 0 {
		return mix(h, 1)
	}
	return h
}

// open prepares n for a change of its numbers, seal ends it: together they keep
// the digest, and a running image keeps the old form.
func (t *Tree) open(n *znode) {
	t.imageTouch(n)
	t.digest -= t.statTerm(n)
}

func (t *Tree) seal(n *znode) { t.digest += t.statTerm(n) }
