package history

import "context"

// door is a client library, as a worker uses it.
type door interface {
	// open makes sure that there is a session, and reports whether there is.
	open(ctx context.Context) bool
	// do carries out a request and records it.
	do(o *operation)
	// close ends the session.
	close(ctx context.Context)
	// knows reports whether the library can carry out such requests.
	knows(k kind) bool
}

// plain reports whether every library can do it.
func plain(k kind) bool {
	switch k {
	case kindCreate, kindSet, kindDelete, kindGet, kindChildren:
		return true
	}
	return false
}

func (s *session) open(ctx context.Context) bool { return s.connect(ctx, true) == nil }

func (s *session) knows(kind) bool { return true }
