package tree

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestPathIndex compares with a map, over growth, removal and return.
func TestPathIndex(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		x, twin := newPathIndex(), map[string]*znode{}
		paths := make([]string, 3000)
		for i := range paths {
			paths[i] = fmt.Sprintf("/p/%d", i)
		}
		for range 20_000 {
			path := paths[r.IntN(len(paths))]
			if n := twin[path]; n == nil {
				n = x.allocate()
				setText(n, path, nil)
				x.insert(n)
				twin[path] = n
			} else if r.IntN(3) > 0 {
				x.remove(n)
				x.free(n)
				delete(twin, path)
			}
		}
		if x.len() != len(twin) {
			t.Fatalf("seed %d: %d nodes, want %d", seed, x.len(), len(twin))
		}
		for _, path := range paths {
			if got := x.find(path); got != twin[path] || x.findBytes([]byte(path)) != got {
				t.Fatalf("seed %d: %s: got %p, want %p", seed, path, got, twin[path])
			}
		}
		for _, n := range twin {
			x.remove(n)
		}
		if x.len() != 0 || x.find(paths[0]) != nil {
			t.Errorf("seed %d: something is left", seed)
		}
	}
}

// TestPathIndexClosesGaps removes from tables that are as full as they get, where
// closing a gap is hardest.
func TestPathIndexClosesGaps(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		x := newPathIndex()
		var in []*znode
		for len(in) < 13*indexShards/2 {
			n := x.allocate()
			setText(n, fmt.Sprintf("/%d/%d", seed, len(in)), nil)
			x.insert(n)
			in = append(in, n)
		}
		r.Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
		for i, n := range in {
			x.remove(n)
			for _, left := range in[i+1 : min(i+20, len(in))] {
				if x.find(left.path()) != left {
					t.Fatalf("seed %d: %s is lost when %s is removed", seed, left.path(), n.path())
				}
			}
		}
	}
}
