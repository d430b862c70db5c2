package replica

import (
	"slices"

	"github.com/zabkeeper/zabkeeper/zab"
)

// expiry holds the deadlines of all sessions; only a serving leader has one.
// Deadlines are rounded up to a granule, so that touching a session is cheap
// and a session never ends early.
type expiry struct {
	granule  zab.Millis
	sessions map[uint64]*deadline
	buckets  map[int64][]uint64 // sessions whose deadline was once this granule
	next     int64              // every granule before it has been looked at
}

type deadline struct {
	timeout zab.Millis
	bucket  int64
}

func newExpiry(granule, now zab.Millis) *expiry {
	return &expiry{granule: granule, sessions: make(map[uint64]*deadline), buckets: make(map[int64][]uint64), next: int64(now / granule)}
}

func (e *expiry) add(session uint64, timeout, now zab.Millis) {
	d := e.sessions[session]
	if d == nil {
		d = &deadline{}
		e.sessions[session] = d
	}
	d.timeout = timeout
	d.bucket = 0 // a client that comes back may ask for less time than it had
	e.touch(session, now)
}

func (e *expiry) remove(session uint64) { delete(e.sessions, session) }

// touch gives a session its full timeout from now.
func (e *expiry) touch(session uint64, now zab.Millis) {
	d := e.sessions[session]
	if d == nil {
		return
	}
	bucket := int64((now+d.timeout)/e.granule) + 1
	if bucket <= d.bucket {
		return
	}
	d.bucket = bucket
	e.buckets[bucket] = append(e.buckets[bucket], session)
}

// shift moves every deadline by a time in which this server slept and could not
// have heard anybody (T5).
func (e *expiry) shift(gap zab.Millis) {
	by := int64(gap/e.granule) + 1
	moved := make(map[int64][]uint64, len(e.buckets))
	for b, sessions := range e.buckets {
		moved[b+by] = sessions
	}
	for _, d := range e.sessions {
		d.bucket += by
	}
	e.buckets = moved
	e.next += by
}

// due returns the sessions whose time is over, at most limit of them, in order.
func (e *expiry) due(now zab.Millis, limit int) []uint64 {
	var out []uint64
	for ; e.next <= int64(now/e.granule) && len(out) < limit; e.next++ {
		sessions := e.buckets[e.next]
		delete(e.buckets, e.next)
		slices.Sort(sessions)
		for _, s := range sessions {
			if d := e.sessions[s]; d != nil && d.bucket == e.next {
				out = append(out, s)
			}
		}
	}
	return out
}
