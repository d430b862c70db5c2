package node

import "sync"

// admission bounds the writes that are under way for all clients of this
// server. A connection that already has something outstanding waits before it
// reads more; nothing is refused.
type admission struct {
	mu       sync.Mutex
	room     *sync.Cond
	count    int
	limit    int
	throttle int // of every connection; 0 for none
}

func newAdmission(limit, throttle int) *admission {
	a := &admission{limit: limit, throttle: throttle}
	a.room = sync.NewCond(&a.mu)
	return a
}

func (a *admission) enter(n int) {
	a.mu.Lock()
	a.count += n
	a.mu.Unlock()
}

func (a *admission) leave(n int) {
	a.mu.Lock()
	before := a.count
	a.count -= n
	if n > 0 && (before > a.limit && a.count <= a.limit || a.throttle > 0 && before > a.throttle && a.count <= a.throttle) {
		a.room.Broadcast()
	}
	a.mu.Unlock()
}

// wait returns when there is room. Every write that entered leaves, with its
// reply or with its connection, so the wait ends.
func (a *admission) wait() { a.waitUntil(a.limit) }

// waitUntil waits until no more than limit are under way, where limit is one of
// the two that are known.
func (a *admission) waitUntil(limit int) {
	a.mu.Lock()
	for a.count > limit {
		a.room.Wait()
	}
	a.mu.Unlock()
}

func (a *admission) above(limit int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.count > limit
}
