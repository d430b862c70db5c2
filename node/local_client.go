package node

import (
	"crypto/rand"
	"slices"
	"time"

	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
)

// connectLocal establishes a session that is this server's alone, where the
// request is for one. handled is false when the replicated table has to be asked.
func (c *clientConn) connectLocal(req *wire.ConnectRequest, mode sessionMode) (handled bool) {
	n, id := c.n, uint64(req.SessionID)
	timeout := n.clampTimeout(req.TimeoutMs)
	s := tree.Session{ID: id, TimeoutMs: timeout}
	outcome := attachUnknown
	switch {
	case id == 0 && (mode == modeReadOnly || n.opt.LocalSessions.Enabled):
		if c.newLocal(&s, mode) {
			outcome = attachDone
		}
	case tree.IsLocalSession(id):
		var old *clientConn
		outcome, old = n.locals.attach(id, c, timeout, req.Password)
		if copy(s.Password[:], req.Password); old != nil && old != c {
			old.dismiss()
		}
		// A session of a read-only server was never another's.
		if outcome == attachUnknown && id&localIDReadOnly != 0 {
			outcome = attachRefused
		}
	}
	switch {
	case outcome == attachDone:
		c.welcomeLocal(&s, mode)
	case outcome == attachRefused:
		c.refuse()
	case mode == modeReadOnly || id == 0 && n.opt.LocalSessions.Enabled:
		// A global session lives on, and a server without a leader cannot know
		// all of them: its client is to look for a server that can say.
		c.dismiss()
	default:
		return false
	}
	return true
}

// newLocal makes a session for s, with an id that the replicated table has not
// either: a life whose numbers ran out begins again.
func (c *clientConn) newLocal(s *tree.Session, mode sessionMode) bool {
	_, _ = rand.Read(s.Password[:]) // never fails
	for s.ID = c.n.locals.newID(mode); c.n.knowsSession(s.ID); {
		s.ID = c.n.locals.newID(mode)
	}
	return c.n.locals.add(&localSession{id: s.ID, password: s.Password, conn: c, timeout: time.Duration(s.TimeoutMs) * time.Millisecond}, mode)
}

func (n *Node) knowsSession(id uint64) bool {
	n.tree.RLock()
	defer n.tree.RUnlock()
	_, known := n.replica.State().Tree.Session(id)
	return known
}

func (n *Node) clampTimeout(ms int32) int32 {
	return min(max(ms, n.opt.MinSessionMs), n.opt.MaxSessionMs)
}

func (c *clientConn) welcomeLocal(s *tree.Session, mode sessionMode) {
	c.mu.Lock()
	c.local, c.readOnly = true, mode == modeReadOnly
	c.welcome(s)
	c.mu.Unlock()
	c.flush()
}

// refuse answers a handshake with zeros and closes.
func (c *clientConn) refuse() {
	c.mu.Lock()
	c.answerConnect(&wire.ConnectResponse{})
	c.closeWhenWritten()
	c.mu.Unlock()
	c.flush()
}

// closeLocal ends a local session in the turn of its client's request. c.mu is
// held.
func (c *clientConn) closeLocal() {
	c.n.locals.remove(c.reader.Session)
	c.closeWhenWritten()
}

// upgrade makes the session a global one, with a transaction in front of the one
// that needs it. What the client asks from now on belongs to the global session.
// c.mu is held.
func (c *clientConn) upgrade(w *batchWork) {
	id := c.reader.Session
	c.n.locals.upgrade(id)
	txn := tree.Transaction{Op: tree.OpCreateSession, Origin: c.n.opt.ID, Request: c.id << sequenceBits, Session: id,
		Body: tree.AppendSessionBody(nil, c.timeoutMs, c.password, c.id)}
	w.submits = appendSubmission(w.submits, &txn)
	w.upgraded, c.local = id, false
}

// upgraded runs when the transactions of an upgrade are on their way: whoever
// asks for the session from now on comes behind them.
func (n *Node) upgraded(w *batchWork) {
	if w.upgraded != 0 {
		n.locals.remove(w.upgraded)
		w.upgraded = 0
	}
}

// refusedReadOnly reports what a server without a leader does not do.
func refusedReadOnly(op wire.OpCode) bool {
	switch op.Class() {
	case wire.ClassWrite:
		return op != wire.OpCloseSession
	case wire.ClassReconfig, wire.ClassSync:
		return true
	case wire.ClassUnknown:
		return op == wire.OpCheck
	}
	return false
}

// expireLocal ends the local sessions that were not heard of for too long; it is
// called with this period.
func (n *Node) expireLocal(now, every time.Duration) {
	for _, c := range n.locals.expire(now, every+pauseMaxMs*time.Millisecond) {
		c.dismiss()
	}
}

// list returns the local sessions in order, with their timeouts.
func (l *localSessions) list() []tree.Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []tree.Session
	for _, s := range l.byID {
		out = append(out, tree.Session{ID: s.id, TimeoutMs: int32(s.timeout / time.Millisecond)})
	}
	slices.SortFunc(out, func(a, b tree.Session) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out
}
