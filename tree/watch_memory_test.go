package tree

import (
	"fmt"
	"runtime"
	"testing"
)

// liveBytes is what the heap holds after a collection.
func liveBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMemoryOfWatches keeps the figures of docs/architecture.md: 132 bytes for a
// watch on a path of its own, 18 of them the path's, and 72 for the one watch of a
// watcher among many on a path. There is some room for other Go releases.
func TestMemoryOfWatches(t *testing.T) {
	const n = 100_000
	for _, c := range []struct {
		name string
		add  func(w *WatchRegistry, i int)
		most int64
	}{
		{"paths of one watcher", func(w *WatchRegistry, i int) { w.Add(1, WatchData, []byte(fmt.Sprintf("/services/%08d", i))) }, 170},
		{"watchers of one path", func(w *WatchRegistry, i int) { w.Add(WatcherID(i+1), WatchData, []byte("/config")) }, 100},
	} {
		before := liveBytes()
		w := NewWatchRegistry()
		for i := range n {
			c.add(w, i)
		}
		each := (liveBytes() - before) / n
		t.Logf("%s: %d bytes a watch", c.name, each)
		if each > c.most {
			t.Errorf("%s: %d bytes a watch, at most %d", c.name, each, c.most)
		}
		runtime.KeepAlive(w)
	}
}
