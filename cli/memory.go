package cli

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The collector's pace. A small heap is collected when it has grown several
// times, which costs nothing; a large tree is kept from doubling the memory of
// the process.
const (
	heapSlackBytes  = 96 << 20
	gcPercentLeast  = 20
	gcPercentMost   = 800
	gcAdjustEvery   = time.Second
	gcPercentEnvVar = "GOGC"
)

// A server that does hardly anything gives back what the load before had it
// take, once for every load.
const (
	idleAllocatedBytes = 512 << 10 // between two looks
	idleLooks          = 2         // in a row
	loadAllocatedBytes = 16 << 20
)

// relaxCollector suits recovery, which builds a large heap and throws little of
// it away, and a load generator, which is not to take the time of what it measures.
func relaxCollector() {
	if os.Getenv(gcPercentEnvVar) == "" {
		debug.SetGCPercent(gcPercentMost)
	}
}

// paceCollector adjusts the garbage collector to the size of the live heap and
// gives memory back in quiet times, until stop is closed. Whoever sets GOGC
// decides instead.
func paceCollector(stop <-chan struct{}) {
	if os.Getenv(gcPercentEnvVar) != "" {
		return
	}
	sample := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"},
		// What the collector's percentage is of: the live heap and the roots.
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
	}
	t := time.NewTicker(gcAdjustEvery)
	defer t.Stop()
	set := 0
	var quiet quietness
	for {
		metrics.Read(sample)
		base := uint64(0)
		for _, s := range sample[1:] {
			base += s.Value.Uint64()
		}
		percent := gcPercent(base)
		if percent != set {
			debug.SetGCPercent(percent)
			set = percent
		}
		if quiet.look(sample[0].Value.Uint64()) {
			debug.FreeOSMemory()
		}
		select {
		case <-t.C:
		case <-stop:
			return
		}
	}
}

// gcPercent lets the heap grow by heapSlackBytes, as far as that is sensible for
// so many bytes that the percentage is of.
func gcPercent(baseBytes uint64) int {
	if baseBytes == 0 {
		return gcPercentMost
	}
	return int(min(max(heapSlackBytes*100/baseBytes, gcPercentLeast), gcPercentMost))
}

// quietness tells when a load is over.
type quietness struct {
	seen  uint64 // bytes allocated up to the last look
	freed uint64 // up to when memory was given back, or the start
	looks int    // in a row with hardly anything allocated
}

// look takes the bytes that were allocated up to now and reports whether it is
// time to give memory back.
func (q *quietness) look(allocated uint64) bool {
	q.looks++
	if allocated-q.seen > idleAllocatedBytes {
		q.looks = 0
	}
	q.seen = allocated
	if q.looks < idleLooks || allocated-q.freed < loadAllocatedBytes {
		return false
	}
	q.freed = allocated
	return true
}
