package tree

import "slices"

// nodeID is where a node is in its store; 0 is nowhere. It is this process's own:
// nothing that servers compare may depend on it.
type nodeID uint32

// A store's blocks have this many nodes, a power of two.
const (
	blockBits  = 9
	blockNodes = 1 << blockBits
)

// nodeStore is where nodes live. Blocks are few where nodes are many, which is
// what the collector has to look at, and an index needs four bytes to name a node.
// Nodes stay where they are, so pointers to them are good until they are freed; a
// block without nodes is given back, but for one.
type nodeStore struct {
	blocks []*nodeBlock // nil where one was given back
	open   []uint32     // numbers of the blocks with room; the last is filled next
	vacant []uint32     // numbers of the blocks that were given back
	idle   int          // blocks without nodes
}

type nodeBlock struct {
	nodes [blockNodes]znode
	used  int
	fresh uint16   // from here on no place was ever used
	left  []uint16 // places that were used and are free
}

// at returns the node with an id that is in use.
func (s *nodeStore) at(id nodeID) *znode {
	return &s.blocks[(id-1)>>blockBits].nodes[(id-1)&(blockNodes-1)]
}

// allocate returns a node that is zero but for its id.
func (s *nodeStore) allocate() *znode {
	if len(s.open) == 0 {
		s.grow()
	}
	number := s.open[len(s.open)-1]
	b := s.blocks[number]
	at := b.fresh
	if n := len(b.left); n > 0 {
		at, b.left = b.left[n-1], b.left[:n-1]
	} else {
		b.fresh++
	}
	if b.used == 0 {
		s.idle--
	}
	if b.used++; b.used == blockNodes {
		s.open = s.open[:len(s.open)-1]
	}
	n := &b.nodes[at]
	n.id = nodeID(number<<blockBits|uint32(at)) + 1
	return n
}

func (s *nodeStore) grow() {
	number := uint32(len(s.blocks))
	if n := len(s.vacant); n > 0 {
		number, s.vacant = s.vacant[n-1], s.vacant[:n-1]
	} else {
		assert(number < 1<<(32-blockBits)-1, "a tree of %d blocks of nodes", number)
		s.blocks = append(s.blocks, nil)
	}
	s.blocks[number] = &nodeBlock{}
	s.open = append(s.open, number)
	s.idle++
}

// free takes a node's place back. Nothing may point to the node any more.
func (s *nodeStore) free(n *znode) {
	assert(n.id != 0, "a node is freed twice")
	number, at := uint32(n.id-1)>>blockBits, uint16((n.id-1)&(blockNodes-1))
	b := s.blocks[number]
	*n = znode{}
	b.left = append(b.left, at)
	if b.used == blockNodes {
		s.open = append(s.open, number)
	}
	if b.used--; b.used > 0 {
		return
	}
	if s.idle == 0 {
		s.idle++
		return
	}
	i := slices.Index(s.open, number)
	s.open = slices.Delete(s.open, i, i+1)
	s.blocks[number] = nil
	s.vacant = append(s.vacant, number)
}
