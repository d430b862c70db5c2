package tree

import (
	"hash/maphash"
	"unsafe"
)

// indexShards is how many tables an index has, a power of two. Each grows on its
// own, so no transaction waits for a million entries to move.
const indexShards = 256

// pathIndex holds the nodes and finds them by their path, which they hold
// themselves: eight bytes and some slack a node. The seed is the process's own, so
// nobody can make paths that collide, and nothing depends on the order of the
// entries.
type pathIndex struct {
	nodeStore
	seed   maphash.Seed
	count  int
	shards [indexShards]indexShard
}

// indexShard is a table with open addressing. Its length is a power of two, or 0.
type indexShard struct {
	entries []indexEntry
	used    int
}

// indexEntry is free where id is 0.
type indexEntry struct {
	hash uint32
	id   nodeID
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
	mask := uint32(len(s.entries) - 1)
	for i := uint32(h) & mask; ; i = (i + 1) & mask {
		e := s.entries[i]
		if e.id == 0 {
			return nil
		}
		if e.hash == uint32(h) {
			if n := x.at(e.id); n.path() == path {
				return n
			}
		}
	}
}

// findBytes is find for a path in a request.
func (x *pathIndex) findBytes(path []byte) *znode {
	return x.find(unsafe.String(unsafe.SliceData(path), len(path))) // find keeps nothing of it
}

// guess returns the first node whose path may have that hash, or nil.
func (x *pathIndex) guess(h uint64) *znode {
	s := &x.shards[h>>56]
	if s.used == 0 {
		return nil
	}
	mask := uint32(len(s.entries) - 1)
	for i := uint32(h) & mask; s.entries[i].id != 0; i = (i + 1) & mask {
		if e := s.entries[i]; e.hash == uint32(h) {
			return x.at(e.id)
		}
	}
	return nil
}

// insert adds a node whose path is not in the index.
func (x *pathIndex) insert(n *znode) {
	h := maphash.String(x.seed, n.path())
	s := &x.shards[h>>56]
	if (s.used+1)*16 > len(s.entries)*13 {
		s.grow()
	}
	s.place(indexEntry{uint32(h), n.id})
	s.used++
	x.count++
}

func (s *indexShard) place(e indexEntry) {
	mask := uint32(len(s.entries) - 1)
	i := e.hash & mask
	for s.entries[i].id != 0 {
		i = (i + 1) & mask
	}
	s.entries[i] = e
}

func (s *indexShard) grow() {
	old := s.entries
	s.entries = make([]indexEntry, max(4, 2*len(old)))
	for _, e := range old {
		if e.id != 0 {
			s.place(e)
		}
	}
}

// remove takes out a node that is in the index, and closes the gap: whatever
// stands behind it and could stand in it moves up.
func (x *pathIndex) remove(n *znode) {
	h := maphash.String(x.seed, n.path())
	s := &x.shards[h>>56]
	assert(s.used > 0, "a node is removed from an empty index")
	mask := uint32(len(s.entries) - 1)
	i := uint32(h) & mask
	for s.entries[i].id != n.id {
		assert(s.entries[i].id != 0, "a node is removed that is not in the index")
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; s.entries[j].id != 0; j = (j + 1) & mask {
		if home := s.entries[j].hash & mask; (j-home)&mask >= (j-i)&mask {
			s.entries[i] = s.entries[j]
			i = j
		}
	}
	s.entries[i] = indexEntry{}
	s.used--
	x.count--
}
