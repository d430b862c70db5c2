package node

import "time"

// touchSessions tells the replica, and through it the leader, which sessions
// were heard from. Half a tick, and at least four times per shortest timeout,
// is often enough for none to end early.
func (n *Node) touchSessions() {
	every := min(time.Duration(n.opt.TickMs)*time.Millisecond/2, time.Duration(n.opt.MinSessionMs)*time.Millisecond/4)
	every = max(every, 10*time.Millisecond)
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-n.stop:
			return
		}
		var sessions []uint64
		n.clients.each(func(c *clientConn) {
			if id := c.session.Load(); id != 0 && c.active.Swap(false) && !n.locals.touch(id) {
				sessions = append(sessions, id)
			}
		})
		n.expireLocal(monotonic(), every)
		if len(sessions) > 0 {
			n.inbox.post(func() { n.replica.Touch(sessions) })
		}
	}
}
