package sim

import (
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// client is one client with a session: it connects to any server, does one
// operation at a time, and remembers what it was answered.
type client struct {
	w        *World
	n        int
	session  uint64
	local    bool // nobody but its server knows the session
	password [wire.PasswordBytes]byte
	at       *server // attached here; nil while it is not connected
	attempt  uint64  // changes with every connection
	busy     bool
	awaits   uint64 // the request that will be answered
	current  operation
	lastZxid zxid.Zxid
	stopped  bool // does nothing any more
	done     int  // answered operations

	// The client's own node holds a number that only grows.
	made      int // of the paths every client creates
	acked     int // highest number that was answered
	tried     int // highest number that was sent
	casOK     int // answered increments of the shared counter
	casTried  int // sent ones whose fate is unknown, and answered ones
	lastName  string
	ephemeral string // path of a live ephemeral node, as far as the client knows
	watching  watch
	lock      lock
}

type operation struct {
	kind   string
	value  int
	since  int       // shared version that was known to be reached when a sync began
	newest zxid.Zxid // the newest write that was answered to anybody when this was sent
}

const sessionTimeoutMs = 4000

// act is a client's turn: connect, or do the next operation.
func (c *client) act() {
	if c.w.failed() || c.stopped {
		return
	}
	c.w.sched.after(int64(c.w.cli.IntN(int(2*c.w.par.thinkUs))), c.act)
	if c.at == nil {
		c.connect()
		return
	}
	if c.session != 0 {
		c.at.touched[c.session] = true
	}
	if !c.busy {
		c.next()
	}
}

func (c *client) connect() {
	s := c.w.servers[c.w.cli.IntN(len(c.w.servers))]
	if !s.up || !s.serving || s.pausedUntil > c.w.sched.now || s.replica.State().Zxid < c.lastZxid {
		return
	}
	c.attempt++
	if c.session == 0 && c.w.cli.IntN(3) == 0 {
		// As a server's table of local sessions does it: no transaction.
		c.at, c.local, c.ephemeral = s, true, ""
		c.session = tree.LocalSessionBit | uint64(c.n)<<32 | c.attempt
		return
	}
	c.at, c.busy = s, true
	c.current = operation{kind: "connect"}
	txn := tree.Transaction{Op: tree.OpCreateSession}
	if c.session != 0 {
		txn.Op, txn.Session = tree.OpAttachSession, c.session
	} else {
		c.password = [wire.PasswordBytes]byte{byte(c.n), byte(c.attempt), byte(c.attempt >> 8)}
	}
	txn.Body = tree.AppendSessionBody(nil, sessionTimeoutMs, c.password, c.attempt)
	c.submit(&txn)
	attempt := c.attempt
	c.w.sched.after(sessionTimeoutMs*1000/2, func() { c.impatient(attempt) })
}

// impatient gives up a server that does not answer.
func (c *client) impatient(attempt uint64) {
	if c.attempt == attempt && c.at != nil && c.busy {
		c.disconnected()
	} else if c.attempt == attempt && c.at != nil {
		c.w.sched.after(sessionTimeoutMs*1000/2, func() { c.impatient(attempt) })
	}
}

// upgrade makes a local session global, in front of the write that needs it.
func (c *client) upgrade() {
	c.local = false
	c.password = [wire.PasswordBytes]byte{byte(c.n), byte(c.attempt), byte(c.attempt >> 8)}
	s := c.at
	b := tree.AppendTransaction(nil, &tree.Transaction{Op: tree.OpCreateSession, Origin: s.id, Session: c.session,
		Body: tree.AppendSessionBody(nil, sessionTimeoutMs, c.password, c.attempt)})
	s.input(func() { s.replica.Submit(b) })
}

func (c *client) submit(txn *tree.Transaction) {
	s := c.at
	s.nextRequest++
	if c.local {
		txn.Settings |= tree.SettingLocalSession
	}
	txn.Origin, txn.Request, c.awaits = s.id, s.nextRequest, s.nextRequest
	c.current.newest = c.w.check.newestWrite
	s.pending[s.nextRequest] = c
	b := tree.AppendTransaction(nil, txn)
	s.input(func() { s.replica.Submit(b) })
}

// disconnected ends the connection; an operation that was under way may have
// happened or may still happen.
func (c *client) disconnected() {
	if c.at != nil && c.at.up {
		c.at.replica.State().Watches.RemoveWatcher(c.watcher())
	}
	c.at, c.busy, c.awaits, c.watching = nil, false, 0, watch{}
	if c.local {
		c.session, c.local = 0, false
	}
}

// loseClients closes the connections of a server that serves nobody any more.
func (s *server) loseClients() {
	for _, c := range s.w.clients {
		if c.at == s {
			c.disconnected()
		}
	}
	clear(s.pending)
	clear(s.syncs)
	clear(s.touchedAt)
}

// touch reports the sessions that were heard from.
func (s *server) touch() {
	var ids []uint64
	for _, c := range s.w.clients {
		if c.at == s && s.touched[c.session] {
			ids = append(ids, c.session)
			s.touchedAt[c.session] = s.w.sched.now
		}
	}
	clear(s.touched)
	s.input(func() { s.replica.Touch(ids) })
}

// expired checks that a leader does not end a session that it was told of just
// now, also when it slept meanwhile.
func (w *World) expired(s *server, session uint64) {
	at, ok := s.touchedAt[session]
	if !ok || !s.serving {
		return
	}
	if ago := w.sched.now - at; float64(ago) < 0.94*sessionTimeoutMs*1000 {
		w.fail("leader %d ends session %x, which it heard from %.3f s ago (T5)", s.id, session, float64(ago)/1e6)
	}
}

// clientsLeave closes connections of a session that was attached elsewhere.
func (w *World) clientsLeave(s *server, session uint64, owner zxid.ServerID) {
	if owner == s.id {
		return
	}
	for _, c := range w.clients {
		if c.at == s && c.session == session && c.current.kind != "connect" {
			c.disconnected()
		}
	}
}

// sessionClosed also checks that nothing of the session is left (I18).
func (w *World) sessionClosed(s *server, session uint64) {
	for _, c := range w.clients {
		if s.has(livePath(c.n, session)) {
			w.fail("server %d: session %x ended and %s is there (I18)", s.id, session, livePath(c.n, session))
		}
		if c.at == s && c.session == session {
			c.disconnected()
		}
	}
}
