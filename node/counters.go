package node

import (
	"sync"
	"sync/atomic"
	"time"
)

// counters are what the server counts; plain atomics, read by the four-letter
// words and by whoever exposes metrics.
type counters struct {
	received     atomic.Uint64
	sent         atomic.Uint64
	rejected     atomic.Uint64
	authFailed   atomic.Uint64
	replyRefused atomic.Uint64 // longer than the client takes
	elections    atomic.Uint64
	diffs        atomic.Uint64
	snaps        atomic.Uint64
	readLatency  latencyMeter
	writeLatency latencyMeter
	fsync        latencyMeter
	snapshotTime latencyMeter
	pauses       latencyMeter // of the loop, above pauseMaxMs
}

// latency sums up durations; the zero value is empty.
type latency struct {
	count    uint64
	sum      time.Duration
	min, max time.Duration
}

func (l *latency) add(d time.Duration) {
	if l.count == 0 || d < l.min {
		l.min = d
	}
	l.max = max(l.max, d)
	l.count++
	l.sum += d
}

// mean returns the average in milliseconds.
func (l *latency) mean() float64 {
	if l.count == 0 {
		return 0
	}
	return float64(l.sum) / float64(l.count) / float64(time.Millisecond)
}

func (l *latency) merge(o latency) {
	if o.count == 0 {
		return
	}
	if l.count == 0 || o.min < l.min {
		l.min = o.min
	}
	l.max = max(l.max, o.max)
	l.count += o.count
	l.sum += o.sum
}

// latencyMeter is a latency that many goroutines add to.
type latencyMeter struct {
	mu sync.Mutex
	l  latency
}

func (m *latencyMeter) observe(d time.Duration) {
	m.mu.Lock()
	m.l.add(d)
	m.mu.Unlock()
}

func (m *latencyMeter) get() latency {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.l
}

func (m *latencyMeter) reset() {
	m.mu.Lock()
	m.l = latency{}
	m.mu.Unlock()
}
