package tree

import (
	"slices"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Session is what every server knows about a client's session.
type Session struct {
	ID        uint64 // the zxid of the transaction that created it, or LocalSessionBit and what its server chose
	TimeoutMs int32
	Owner     zxid.ServerID // the only server whose writes for it are applied
	Nonce     uint64        // which of the owner's connections has it
	Password  [wire.PasswordBytes]byte
}

type session struct {
	Session
	ephemerals map[*znode]struct{} // nil until the first one
}

func (s *session) term() uint64 {
	h := mix(mix(seedSession, s.ID), uint64(s.Owner))
	return hashBytes(mix(mix(h, s.Nonce), uint64(uint32(s.TimeoutMs))), s.Password[:])
}

// sorted returns the ephemerals in path order.
func (s *session) sorted() []*znode {
	list := make([]*znode, 0, len(s.ephemerals))
	for n := range s.ephemerals {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b *znode) int { return strings.Compare(a.path(), b.path()) })
	return list
}

// Session returns a live session.
func (t *Tree) Session(id uint64) (Session, bool) {
	if s := t.sessions[id]; s != nil {
		return s.Session, true
	}
	return Session{}, false
}

// SessionCount returns the number of live sessions.
func (t *Tree) SessionCount() int { return len(t.sessions) }

// ForEachSession calls fn for the live sessions in id order until it returns
// false.
func (t *Tree) ForEachSession(fn func(Session) bool) {
	for _, id := range t.sessionIDs() {
		if !fn(t.sessions[id].Session) {
			return
		}
	}
}

func (t *Tree) sessionIDs() []uint64 {
	ids := make([]uint64, 0, len(t.sessions))
	for id := range t.sessions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Ephemerals returns the paths of a session's ephemeral nodes in order.
func (t *Tree) Ephemerals(id uint64) []string {
	s := t.sessions[id]
	if s == nil {
		return nil
	}
	paths := make([]string, 0, len(s.ephemerals))
	for _, n := range s.sorted() {
		paths = append(paths, n.path())
	}
	return paths
}

// checkOwner refuses a client's write that comes from another server than the
// one the session is attached to (A18), or after the session ended.
func (t *Tree) checkOwner(c *change) wire.ErrorCode {
	if c.session == 0 {
		return wire.OK
	}
	s := t.sessions[c.session]
	switch {
	case c.settings&SettingLocalSession != 0:
		return checkLocalOwner(c.session, s)
	case s == nil:
		return wire.ErrSessionExpired
	case s.Owner != c.origin:
		return wire.ErrSessionMoved
	}
	return wire.OK
}

func (t *Tree) createSession(c *change, body []byte, res *Result) wire.ErrorCode {
	b, ok := decodeSessionBody(body)
	id := uint64(c.zxid)
	if c.session != 0 {
		id = c.session
		ok = ok && IsLocalSession(id)
	}
	if !ok || id == 0 || t.sessions[id] != nil {
		return wire.ErrMarshalling
	}
	s := &session{Session: Session{ID: id, TimeoutMs: b.timeoutMs, Owner: c.origin, Nonce: b.nonce, Password: b.password}}
	t.sessions[id] = s
	t.digest += s.term()
	res.setSession(s)
	return wire.OK
}

func (t *Tree) attachSession(c *change, body []byte, res *Result) wire.ErrorCode {
	b, ok := decodeSessionBody(body)
	if !ok {
		return wire.ErrMarshalling
	}
	s := t.sessions[c.session]
	if s == nil {
		return wire.ErrSessionExpired
	}
	if s.Password != b.password {
		return wire.ErrSessionPassword
	}
	t.digest -= s.term()
	s.TimeoutMs, s.Owner, s.Nonce = b.timeoutMs, c.origin, b.nonce
	t.digest += s.term()
	res.setSession(s)
	return wire.OK
}

// closeSession ends a session whoever asks: its client, through whichever
// server, or the leader that expires it.
func (t *Tree) closeSession(c *change, res *Result) wire.ErrorCode {
	s := t.sessions[c.session]
	if s == nil {
		return wire.ErrSessionExpired
	}
	res.setSession(s)
	for _, n := range s.sorted() {
		t.remove(c, n)
	}
	assert(len(s.ephemerals) == 0, "session %x keeps %d ephemerals", s.ID, len(s.ephemerals))
	t.digest -= s.term()
	delete(t.sessions, s.ID)
	return wire.OK
}
