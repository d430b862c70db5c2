package cli

import "testing"

// TestMemoryIsGivenBackAfterALoad looks at a server through two loads.
func TestMemoryIsGivenBackAfterALoad(t *testing.T) {
	const mb = 1 << 20
	var q quietness
	for i, step := range []struct {
		allocated uint64
		want      bool
	}{
		{5 * mb, false}, // the start
		{5 * mb, false},
		{5 * mb, false}, // quiet, but there was no load
		{500 * mb, false},
		{900 * mb, false},
		{900*mb + 1000, false}, // quiet for one look
		{900*mb + 2000, true},
		{900*mb + 3000, false}, // once is enough
		{901 * mb, false},
		{902 * mb, false}, // a little at a time is no load
		{950 * mb, false},
		{950 * mb, false},
		{950 * mb, true},
	} {
		if got := q.look(step.allocated); got != step.want {
			t.Errorf("look %d at %d bytes: got %v, want %v", i, step.allocated, got, step.want)
		}
	}
}

// TestCollectorPace: the heap grows by the same whatever its size, within what is
// sensible.
func TestCollectorPace(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		base uint64
		want int
	}{{0, gcPercentMost}, {1 * mb, gcPercentMost}, {96 * mb, 100}, {192 * mb, 50}, {4000 * mb, gcPercentLeast}} {
		if got := gcPercent(c.base); got != c.want {
			t.Errorf("at %d MB: got %d %%, want %d", c.base/mb, got, c.want)
		}
	}
}
