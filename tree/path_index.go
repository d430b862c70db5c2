package tree

import "hash/maphash"

// indexShards is how many tables an index has, a power of two. Each grows on its
// own, so no transaction waits for a million entries to move.
const indexShards = 256

// pathIndex finds nodes by their path, which the nodes themselves hold: twelve
// bytes and some slack a node, half of what a map with the path as its key takes.
// The seed is the process's own, so nobody can make paths that collide, and
// nothing depends on the order of the entries.
type pathIndex struct {
	seed   maphash.Seed
	count  int
	shards [indexShards]indexShard
}

// indexShard is a table with open addressing. Both slices have the same length, a
// power of two, or none.
type indexShard struct {
	hashes []uint32
	nodes  []*znode // nil is free
	used   int
}

func newPathIndex() *pathIndex { return &pathIndex{seed: maphash.MakeSeed()} }

func (x *pathIndex) len() int { return x.count }

// find returns the node with that path, or nil.
func (x *pathIndex) find(path string) *znode {
	h := maphash.String(x.seed, path)
	s := &x.shards[h>>56]
	if s.used == 0 {
		return nil
	}
	mask := uint32(len(s.nodes) - 1)
	for i := uint32(h) & mask; ; i = (i + 1) & mask {
		n := s.nodes[i]
		if n == nil || s.hashes[i] == uint32(h) && n.path() == path {
			return n
		}
	}
}

// findBytes is find for a path in a request.
func (x *pathIndex) findBytes(path []byte) *znode {
	h := maphash.Bytes(x.seed, path)
	s := &x.shards[h>>56]
	if s.used == 0 {
		return nil
	}
	mask := uint32(len(s.nodes) - 1)
	for i := uint32(h) & mask; ; i = (i + 1) & mask {
		n := s.nodes[i]
		if n == nil || s.hashes[i] == uint32(h) && n.path() == string(path) {
			return n
		}
	}
}

// insert adds a node whose path is not in the index.
func (x *pathIndex) insert(n *znode) {
	h := maphash.String(x.seed, n.path())
	s := &x.shards[h>>56]
	if (s.used+1)*16 > len(s.nodes)*13 {
		s.grow()
	}
	s.place(uint32(h), n)
	s.used++
	x.count++
}

func (s *indexShard) place(h uint32, n *znode) {
	mask := uint32(len(s.nodes) - 1)
	i := h & mask
	for s.nodes[i] != nil {
		i = (i + 1) & mask
	}
	s.hashes[i], s.nodes[i] = h, n
}

func (s *indexShard) grow() {
	old := *s
	size := max(4, 2*len(old.nodes))
	s.hashes, s.nodes = make([]uint32, size), make([]*znode, size)
	for i, n := range old.nodes {
		if n != nil {
			s.place(old.hashes[i], n)
		}
	}
}

// remove takes out a node that is in the index, and closes the gap: whatever
// stands behind it and could stand in it moves up.
func (x *pathIndex) remove(n *znode) {
	h := maphash.String(x.seed, n.path())
	s := &x.shards[h>>56]
	assert(s.used > 0, "a node is removed from an empty index")
	mask := uint32(len(s.nodes) - 1)
	i := uint32(h) & mask
	for s.nodes[i] != n {
		assert(s.nodes[i] != nil, "a node is removed that is not in the index")
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; s.nodes[j] != nil; j = (j + 1) & mask {
		if home := s.hashes[j] & mask; (j-home)&mask >= (j-i)&mask {
			s.hashes[i], s.nodes[i] = s.hashes[j], s.nodes[j]
			i = j
		}
	}
	s.nodes[i] = nil
	s.used--
	x.count--
}
