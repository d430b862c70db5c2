package history

import (
	"cmp"
	"context"
	"net"
	"slices"
	"time"
)

// History is what the clients of a load saw.
type History struct {
	seconds  float64
	begun    time.Time // what the times of the record count from
	session  time.Duration
	root     string
	parts    []*part
	journals [][]*operation // one per client, in its order
	dial     func(context.Context, string) (net.Conn, error)
}

// Traffic says how much was answered.
type Traffic struct {
	Answered   int // with success or a refusal
	Seconds    float64
	PerSecond  float64
	LongestGap time.Duration // without an answered write
	Unknown    int           // requests whose outcome nobody told
}

// Traffic says how much was answered.
func (h *History) Traffic() Traffic {
	t := Traffic{Seconds: h.seconds}
	// What clients do behind the end is to close their sessions.
	end := time.Duration(h.seconds * float64(time.Second))
	writes := []time.Duration{0, end}
	for _, o := range h.all() {
		switch {
		case !o.kind.answerable():
		case o.outcome == outcomeUnknown:
			t.Unknown++
		default:
			t.Answered++
			if o.kind.writes() && o.ok() && o.ret < end {
				writes = append(writes, o.ret)
			}
		}
	}
	slices.Sort(writes)
	for i := range writes[1:] {
		t.LongestGap = max(t.LongestGap, writes[i+1]-writes[i])
	}
	if t.Seconds > 0 {
		t.PerSecond = float64(t.Answered) / t.Seconds
	}
	return t
}

// all returns every entry in the order of invocation.
func (h *History) all() []*operation {
	all := slices.Concat(h.journals...)
	slices.SortStableFunc(all, func(a, b *operation) int { return cmp.Compare(a.invoke, b.invoke) })
	return all
}
