package bench

import (
	"sync/atomic"
	"time"
)

// Timeline is how many requests were answered in each step of the measured time.
// It shows dips and stalls that a mean over seconds hides.
type Timeline struct {
	StartUnixMicros int64   `json:"start_unix_us"`
	StepMs          float64 `json:"step_ms"`
	Operations      []int64 `json:"operations"` // one number a step
}

// timelineStepLeast bounds the number of steps.
const timelineStepLeast = time.Millisecond

// timeline counts answers by the time at which they came; nil counts nothing.
type timeline struct {
	window window
	step   int64
	start  time.Time
	counts []atomic.Int64
}

func newTimeline(o *Options, w window) *timeline {
	if o.Timeline == 0 {
		return nil
	}
	steps := (w.to - w.from + int64(o.Timeline) - 1) / int64(o.Timeline)
	return &timeline{window: w, step: int64(o.Timeline), start: time.Now().Add(time.Duration(w.from - now())), counts: make([]atomic.Int64, steps)}
}

// add counts n answers that were there at t.
func (l *timeline) add(t int64, n uint64) {
	if l != nil && l.window.has(t) {
		l.counts[(t-l.window.from)/l.step].Add(int64(n))
	}
}

func (l *timeline) into(res *Result) {
	if l == nil {
		return
	}
	res.Timeline = &Timeline{StartUnixMicros: l.start.UnixMicro(), StepMs: float64(l.step) / 1e6, Operations: make([]int64, len(l.counts))}
	for i := range l.counts {
		res.Timeline.Operations[i] = l.counts[i].Load()
	}
}
