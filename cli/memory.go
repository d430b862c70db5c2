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
	heapSlackBytes  = 48 << 20
	gcPercentLeast  = 20
	gcPercentMost   = 400
	gcAdjustEvery   = 2 * time.Second
	heapLiveMetric  = "/gc/heap/live:bytes"
	gcPercentEnvVar = "GOGC"
)

// relaxCollector suits recovery, which builds a large heap and throws little of
// it away.
func relaxCollector() {
	if os.Getenv(gcPercentEnvVar) == "" {
		debug.SetGCPercent(gcPercentMost)
	}
}

// paceCollector adjusts the garbage collector to the size of the live heap until
// stop is closed. Whoever sets GOGC decides instead.
func paceCollector(stop <-chan struct{}) {
	if os.Getenv(gcPercentEnvVar) != "" {
		return
	}
	sample := []metrics.Sample{{Name: heapLiveMetric}}
	t := time.NewTicker(gcAdjustEvery)
	defer t.Stop()
	set := 0
	for {
		metrics.Read(sample)
		percent := gcPercent(sample[0].Value.Uint64())
		if percent != set {
			debug.SetGCPercent(percent)
			set = percent
		}
		select {
		case <-t.C:
		case <-stop:
			return
		}
	}
}

func gcPercent(liveBytes uint64) int {
	if liveBytes == 0 {
		return gcPercentMost
	}
	return int(min(max(heapSlackBytes*100/liveBytes, gcPercentLeast), gcPercentMost))
}
