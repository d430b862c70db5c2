package replica

import "testing"

// TestReattachingShortensADeadline: a client that comes back and asks for less
// time than it had is judged by what it asks for now.
func TestReattachingShortensADeadline(t *testing.T) {
	e := newExpiry(10, 0)
	e.add(7, 10_000, 0)
	e.touch(7, 100)
	e.add(7, 500, 200)
	if due := e.due(700, 10); len(due) != 0 {
		t.Errorf("expired at 700, %v; its time is 500 from 200 on", due)
	}
	if due := e.due(720, 10); len(due) != 1 || due[0] != 7 {
		t.Errorf("due at 720: got %v, want session 7", due)
	}
	e.remove(7)
	if due := e.due(20_000, 10); len(due) != 0 {
		t.Errorf("a removed session is due: %v", due)
	}
}
