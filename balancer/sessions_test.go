package balancer

import (
	"testing"
	"time"
)

func TestSessionsAreForgotten(t *testing.T) {
	s, on, now := newSessions(), &backend{id: 1}, time.Unix(1000, 0)
	s.opened(1, on, 10*time.Second, now)
	s.opened(2, on, 10*time.Second, now)
	s.opened(2, on, 10*time.Second, now) // the new connection before the end of the old one
	s.ended(1, now)
	s.ended(2, now)
	now = now.Add(11 * time.Second)
	s.opened(3, on, time.Second, now)
	if s.server(1) != nil || s.server(2) != on || s.server(3) != on || s.server(0) != nil {
		t.Errorf("got %v, want sessions 2 and 3", s.known)
	}
}
