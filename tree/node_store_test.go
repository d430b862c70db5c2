package tree

import (
	"math/rand/v2"
	"testing"
)

// places counts the nodes of a store and checks what it keeps about its blocks.
func (s *nodeStore) places() (used int) {
	open, vacant, idle := 0, 0, 0
	for _, b := range s.blocks {
		if b == nil {
			vacant++
			continue
		}
		live := 0
		for i := range b.nodes {
			if b.nodes[i].id != 0 {
				live++
			}
		}
		assert(live == b.used && int(b.fresh) == live+len(b.left), "a block has %d nodes and %d places left, counts %d of %d",
			live, len(b.left), b.used, b.fresh)
		if b.used < blockNodes {
			open++
		}
		if b.used == 0 {
			idle++
		}
		used += b.used
	}
	assert(open == len(s.open) && vacant == len(s.vacant) && idle == s.idle, "%d blocks with room, %d vacant, %d idle; noted are %d, %d, %d",
		open, vacant, idle, len(s.open), len(s.vacant), s.idle)
	return used
}

// TestNodeStore allocates and frees: every node keeps its place and its content
// until it is freed, and blocks are given back.
func TestNodeStore(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		var s nodeStore
		var live []*znode
		value := map[*znode]int64{}
		for step := range 30_000 {
			grow := step/5000%2 == 0 // by turns more and fewer
			if len(live) == 0 || r.IntN(10) < 3 != grow {
				n := s.allocate()
				if n.ctime != 0 || value[n] != 0 || s.at(n.id) != n {
					t.Fatalf("seed %d: got a node that is not fresh, or not where its id says", seed)
				}
				n.ctime = int64(step) + 1
				live, value[n] = append(live, n), n.ctime
				continue
			}
			i := r.IntN(len(live))
			n := live[i]
			live[i] = live[len(live)-1]
			live = live[:len(live)-1]
			if n.ctime != value[n] {
				t.Fatalf("seed %d: got %d in a node, want %d", seed, n.ctime, value[n])
			}
			delete(value, n)
			s.free(n)
		}
		if got := s.places(); got != len(live) {
			t.Fatalf("seed %d: %d places are taken, want %d", seed, got, len(live))
		}
		for _, n := range live {
			s.free(n)
		}
		if s.places() != 0 || len(s.blocks)-len(s.vacant) != 1 {
			t.Fatalf("seed %d: %d blocks are kept for no node, want 1", seed, len(s.blocks)-len(s.vacant))
		}
	}
}
