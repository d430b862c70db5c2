package node

import "sync"

// admission bounds the writes that are under way for all clients of this
// server. A connection that already has something outstanding waits before it
// reads more; nothing is refused.
type admission struct {
	mu    sync.Mutex
	room  *sync.Cond
	count int
	limit int
}

func newAdmission(limit int) *admission {
	a := &admission{limit: limit}
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
	if n > 0 && before > a.limit && a.count <= a.limit {
		a.room.Broadcast()
	}
	a.mu.Unlock()
}

// wait returns when there is room. Every write that entered leaves, with its
// reply or with its connection, so the wait ends.
func (a *admission) wait() {
	a.mu.Lock()
	for a.count > a.limit {
		a.room.Wait()
	}
	a.mu.Unlock()
}
