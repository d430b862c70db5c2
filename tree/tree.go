package tree

import (
	"slices"

	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// The system nodes.
const (
	pathRoot   = "/"
	pathSystem = "/zookeeper"
	pathQuota  = "/zookeeper/quota"
	pathConfig = "/zookeeper/config"
)

// Tree is the replicated state of one server. See the package comment for who
// may call what at the same time.
type Tree struct {
	nodes       *pathIndex
	root        *znode
	acls        aclTable
	sessions    map[uint64]*session
	reapable    map[*znode]struct{} // containers and TTL nodes
	quotas      map[string]*quota   // by the path they limit
	dirtyQuotas []*quota
	lastApplied zxid.Zxid
	digest      uint64
	digests     digestLog
	dataBytes   int64 // of paths and data
	ephemerals  int

	image *Image
	mark  uint16

	foreseen uint64 // what Foresee read, so that it is not left out as useless

	// Scratch space of Apply.
	events      []pendingEvent
	undos       []undo
	removed     []*znode // for good, by the transaction at hand
	pathScratch []byte
	aclScratch  []byte
}

func newTree() *Tree {
	return &Tree{
		nodes:    newPathIndex(),
		acls:     aclTable{byRaw: make(map[string]*acl)},
		sessions: make(map[uint64]*session),
		reapable: make(map[*znode]struct{}),
		quotas:   make(map[string]*quota),
	}
}

// New returns the tree of an ensemble that has applied nothing: the root and the
// system nodes, which no transaction created.
func New() *Tree {
	t := newTree()
	open := wire.NewACLs(wire.WorldAnyone(wire.PermAll)).Bytes()
	read := wire.NewACLs(wire.WorldAnyone(wire.PermRead)).Bytes()
	for _, path := range [...]string{pathRoot, pathSystem, pathQuota} {
		n := t.nodes.allocate()
		n.acl = t.acls.use(open).id
		setText(n, path, []byte{})
		t.attach(n)
	}
	config := t.nodes.allocate()
	config.acl, config.kin().aversion = t.acls.use(read).id, -1
	setText(config, pathConfig, []byte{})
	t.attach(config)
	return t
}

// LastApplied returns the zxid of the last record that changed this tree or
// could have.
func (t *Tree) LastApplied() zxid.Zxid { return t.lastApplied }

// SetLastApplied notes a record that is no transaction of this package.
func (t *Tree) SetLastApplied(z zxid.Zxid) {
	t.lastApplied = z
	t.digests.note(z, t.digest)
}

// Digest returns a sum over all nodes and sessions that does not depend on the
// way they came about: equal state, equal digest. LastApplied is not part of it.
func (t *Tree) Digest() uint64 { return t.digest }

// NodeCount returns the number of nodes, the root and system nodes included.
func (t *Tree) NodeCount() int { return t.nodes.len() }

// DataBytes returns the bytes of all paths and data.
func (t *Tree) DataBytes() int64 { return t.dataBytes }

// EphemeralCount returns the number of ephemeral nodes.
func (t *Tree) EphemeralCount() int { return t.ephemerals }

// parentOf returns the parent a path would have, or nil. The path need not be
// valid: everything before the last slash is looked up as it is.
func (t *Tree) parentOf(path []byte, lastSlash int) *znode {
	if lastSlash == 0 {
		return t.root
	}
	return t.nodes.findBytes(path[:lastSlash])
}

// attach puts a node with path, data, numbers and a counted ACL into the tree
// and into every index. Its parent, found by path, is changed by the caller.
func (t *Tree) attach(n *znode) {
	t.nodes.insert(n)
	t.link(n)
	t.quotaAdd(n.path(), 1, int64(n.dataBytes()))
	t.quotaAttached(n)
}

// link is attach for a node that can be found already, without the quotas, which
// need the whole subtree to be there.
func (t *Tree) link(n *znode) {
	if n.path() == pathRoot {
		t.root = n
	} else {
		if n.parent == nil {
			n.parent = t.nodes.find(wire.Parent(n.path()))
		}
		assert(n.parent != nil, "a node has no parent")
		n.parent.kin().children.insert(n, n.parent.prefix())
	}
	n.mark = t.mark
	t.dataBytes += int64(len(n.path()) + n.dataBytes())
	t.digest += t.statTerm(n) + dataTerm(n)
	switch n.kind {
	case kindEphemeral:
		s := t.sessions[n.owner()]
		if s.ephemerals == nil {
			s.ephemerals = make(map[*znode]struct{})
		}
		s.ephemerals[n] = struct{}{}
		t.ephemerals++
	case kindContainer, kindTTL:
		t.reapable[n] = struct{}{}
	default: // a persistent node is in no list
	}
}

// detach is the inverse of attach. The ACL stays counted until the caller
// releases it, and the node keeps its place until the transaction is over.
func (t *Tree) detach(n *znode) {
	assert(n.childCount() == 0, "a node with children is removed")
	t.imageTouch(n)
	t.quotaDetached(n)
	t.quotaAdd(n.path(), -1, -int64(n.dataBytes()))
	switch n.kind {
	case kindEphemeral:
		delete(t.sessions[n.owner()].ephemerals, n)
		t.ephemerals--
	case kindContainer, kindTTL:
		delete(t.reapable, n)
	default: // a persistent node is in no list
	}
	t.digest -= t.statTerm(n) + dataTerm(n)
	t.dataBytes -= int64(len(n.path()) + n.dataBytes())
	t.nodes.remove(n)
	n.parent.family.children.remove(n, n.parent.prefix())
}

// replaceData gives n a copy of other data.
func (t *Tree) replaceData(n *znode, data []byte) {
	t.imageTouch(n)
	t.digest -= dataTerm(n)
	delta := int64(len(data) - n.dataBytes())
	setText(n, n.path(), data)
	t.digest += dataTerm(n)
	t.dataBytes += delta
	t.quotaAdd(n.path(), 0, delta)
}

// overwriteData copies data of the same length over n's own.
func (t *Tree) overwriteData(n *znode, data []byte) {
	t.imageTouch(n)
	t.digest -= dataTerm(n)
	copy(n.data(), data)
	t.digest += dataTerm(n)
}

// ReapCandidates returns the paths a leader may propose to reap now: containers
// that had children and are empty, containers never used for maxNeverUsedMs
// (unless that is 0), and childless TTL nodes that outlived their time. Apply
// checks again.
func (t *Tree) ReapCandidates(nowMs, maxNeverUsedMs int64) []string {
	var paths []string
	for n := range t.reapable {
		unused := n.kind == kindContainer && n.created() == 0 && n.childCount() == 0 &&
			maxNeverUsedMs > 0 && nowMs-n.ctime > maxNeverUsedMs
		if unused || n.idle(nowMs) {
			paths = append(paths, n.path())
		}
	}
	slices.Sort(paths)
	return paths
}

// idle reports whether a container or TTL node has had its time.
func (n *znode) idle(nowMs int64) bool {
	if n.childCount() > 0 {
		return false
	}
	switch n.kind {
	case kindContainer:
		return n.created() > 0
	case kindTTL:
		return nowMs-n.mtime > int64(n.owner())
	default: // never reaped
		return false
	}
}
