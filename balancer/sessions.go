package balancer

import "time"

const (
	// sessionsMax bounds how many sessions are remembered; beyond it clients are
	// routed as new ones, which costs nothing but a change of server.
	sessionsMax = 1 << 17
	// sessionSweep is how often forgotten sessions are looked for.
	sessionSweep = 5 * time.Second
)

// sessions remembers which server a session was last accepted by.
type sessions struct {
	known map[int64]*session
	swept time.Time
}

type session struct {
	on      *backend
	open    int // connections
	timeout time.Duration
	left    time.Time // when the last connection ended
}

func newSessions() sessions { return sessions{known: map[int64]*session{}} }

// server returns the server of a session, nil when it is not known.
func (s *sessions) server(id int64) *backend {
	if k := s.known[id]; id != 0 && k != nil {
		return k.on
	}
	return nil
}

// opened records that a server accepted a session.
func (s *sessions) opened(id int64, on *backend, timeout time.Duration, now time.Time) {
	s.sweep(now)
	k := s.known[id]
	if k == nil {
		if len(s.known) >= sessionsMax {
			return
		}
		k = &session{}
		s.known[id] = k
	}
	k.on, k.timeout = on, timeout
	k.open++
}

// ended records the end of a connection.
func (s *sessions) ended(id int64, now time.Time) {
	if k := s.known[id]; k != nil && k.open > 0 {
		k.open--
		k.left = now
	}
}

// sweep forgets sessions that have expired by now.
func (s *sessions) sweep(now time.Time) {
	if now.Sub(s.swept) < sessionSweep {
		return
	}
	s.swept = now
	for id, k := range s.known {
		if k.open == 0 && now.Sub(k.left) > k.timeout {
			delete(s.known, id)
		}
	}
}
