package bench

import (
	"maps"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies are kept in nanoseconds, from a tenth of a microsecond to ten
// minutes, to three digits.
const (
	latencyLeast  = 100
	latencyMost   = int64(10 * time.Minute)
	latencyDigits = 3
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(latencyLeast, latencyMost, latencyDigits)
}

func record(h *hdrhistogram.Histogram, ns int64) {
	_ = h.RecordValue(min(max(ns, latencyLeast), latencyMost)) // it is in range
}

// recorder takes the measurements of many connections. It is split so that they
// seldom wait for each other, and not one for each, which would take a hundred
// megabytes for a few hundred connections.
type recorder struct {
	shards [8]shard
	total  atomic.Int64 // operations answered so far, warm-up included
}

type shard struct {
	mu            sync.Mutex
	reads, writes *hdrhistogram.Histogram
	errors        map[string]int64
}

func newRecorder() *recorder {
	r := &recorder{}
	for i := range r.shards {
		r.shards[i] = shard{reads: newHistogram(), writes: newHistogram(), errors: map[string]int64{}}
	}
	return r
}

func (r *recorder) shard(i int) *shard { return &r.shards[i%len(r.shards)] }

// fail counts an error under a name.
func (s *shard) fail(name string) {
	s.mu.Lock()
	s.errors[name]++
	s.mu.Unlock()
}

// into adds everything that was measured to a result.
func (r *recorder) into(res *Result) {
	reads, writes := newHistogram(), newHistogram()
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		reads.Merge(s.reads)
		writes.Merge(s.writes)
		for name, n := range s.errors {
			res.fail(name, n)
		}
		s.mu.Unlock()
	}
	both := reads.TotalCount() > 0 && writes.TotalCount() > 0
	if both {
		res.ReadLatency, res.WriteLatency = quantiles(reads), quantiles(writes)
	}
	reads.Merge(writes)
	res.Operations = reads.TotalCount()
	res.Latency = quantiles(reads)
}

func (res *Result) fail(name string, n int64) {
	errors := maps.Clone(res.Errors)
	if errors == nil {
		errors = map[string]int64{}
	}
	errors[name] += n
	res.Errors = errors
}

// quantiles are microseconds, with one digit behind the point.
func quantiles(h *hdrhistogram.Histogram) *Quantiles {
	if h.TotalCount() == 0 {
		return nil
	}
	at := func(q float64) float64 { return micros(h.ValueAtQuantile(q)) }
	return &Quantiles{Mean: round(h.Mean()/1e3, 1), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: micros(h.Max())}
}

func micros(ns int64) float64 { return round(float64(ns)/1e3, 1) }

func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}

var processStart = time.Now()

// now is monotonic, in nanoseconds.
func now() int64 { return int64(time.Since(processStart)) }
