package sim

import (
	"fmt"

	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab"
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

	// The client's own node holds a number that only grows.
	made      int // of the paths every client creates
	acked     int // highest number that was answered
	tried     int // highest number that was sent
	casOK     int // answered increments of the shared counter
	casTried  int // sent ones whose fate is unknown, and answered ones
	lastName  string
	ephemeral string // path of a live ephemeral node, as far as the client knows
}

type operation struct {
	kind  string
	value int
	since int // shared version that was known to be reached when a sync began
}

const sessionTimeoutMs = 4000

// act is a client's turn: connect, or do the next operation.
func (c *client) act() {
	if c.w.failed() {
		return
	}
	c.w.sched.after(int64(c.w.cli.IntN(int(2*c.w.opt.ThinkUs))), c.act)
	if c.at == nil {
		c.connect()
		return
	}
	if c.busy {
		return
	}
	c.at.touched[c.session] = true
	c.next()
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
	s.pending[s.nextRequest] = c
	b := tree.AppendTransaction(nil, txn)
	s.input(func() { s.replica.Submit(b) })
}

func (c *client) path() string { return fmt.Sprintf("/client-%d", c.n) }

func (c *client) paths() []string { return []string{"/shared", "/queue", "/live", c.path()} }

var openACL = wire.NewACLs(wire.WorldAnyone(31))

func (c *client) next() {
	c.busy = true
	txn := tree.Transaction{Session: c.session}
	switch k := c.w.cli.IntN(100); {
	case c.made < len(c.paths()):
		c.current = operation{kind: "make"}
		txn.Op = tree.OpCreate
		txn.Body = (&wire.CreateRequest{Path: []byte(c.paths()[c.made]), Data: []byte("0"), ACL: openACL}).Append(nil)
	case k < 50:
		c.tried++
		c.current = operation{kind: "set", value: c.tried}
		txn.Op = tree.OpSetData
		txn.Body = (&wire.SetDataRequest{Path: []byte(c.path()), Data: fmt.Appendf(nil, "%d", c.tried), Version: -1}).Append(nil)
	case k < 65:
		version := c.w.sharedVersion(c.at)
		c.casTried++
		c.current = operation{kind: "cas", value: int(version)}
		txn.Op = tree.OpSetData
		txn.Body = (&wire.SetDataRequest{Path: []byte("/shared"), Data: []byte("x"), Version: version}).Append(nil)
	case k < 75:
		c.current = operation{kind: "sequence"}
		txn.Op = tree.OpCreate
		txn.Body = (&wire.CreateRequest{Path: []byte("/queue/n-"), ACL: openACL, Flags: 2}).Append(nil)
	case k < 80:
		if c.local {
			c.upgrade()
		}
		c.ephemeral = livePath(c.n, c.session)
		c.current = operation{kind: "ephemeral"}
		txn.Op = tree.OpCreate
		txn.Body = (&wire.CreateRequest{Path: []byte(c.ephemeral), ACL: openACL, Flags: 1}).Append(nil)
	case k < 85:
		if c.local {
			c.disconnected()
			return
		}
		c.current = operation{kind: "close"}
		txn.Op = tree.OpCloseSession
	default:
		c.sync()
		return
	}
	c.submit(&txn)
}

// sync asks for a read that is as fresh as anything answered so far.
func (c *client) sync() {
	c.current = operation{kind: "sync", since: c.w.check.sharedAcked}
	s := c.at
	s.nextRequest++
	id := s.nextRequest
	s.syncs[id], c.awaits = c, id
	s.input(func() { s.replica.Sync(id) })
}

func (s *server) granted(g zab.Grant) {
	c := s.syncs[g.ID]
	delete(s.syncs, g.ID)
	if c == nil || c.at != s || c.awaits != g.ID {
		return
	}
	c.busy = false
	if got := int(s.w.sharedVersion(s)); got < c.current.since {
		s.w.fail("client %d on server %d: a read after sync sees version %d, %d was answered before (I21)", c.n, s.id, got, c.current.since)
	}
}

// answered is what the server replies to the client.
func (c *client) answered(s *server, z zxid.Zxid, txn *tree.Transaction, res *tree.Result) {
	if c.at != s || c.awaits != txn.Request {
		return // the client has given this connection up
	}
	c.busy = false
	if z < c.lastZxid {
		c.w.fail("client %d was shown %s after %s (I23)", c.n, z, c.lastZxid)
	}
	c.lastZxid = z
	switch code := res.HeaderErr(); code {
	case wire.OK:
		c.succeeded(txn, res)
	case wire.ErrSessionExpired, wire.ErrSessionMoved, wire.ErrSessionPassword:
		if c.current.kind == "connect" || code == wire.ErrSessionExpired {
			c.session, c.ephemeral = 0, ""
		}
		if c.current.kind == "cas" {
			c.casTried-- // refused: it had no effect
		}
		c.disconnected()
	case wire.ErrBadVersion:
		c.casTried--
	case wire.ErrNodeExists:
		if c.current.kind == "make" {
			c.made++
		}
	default:
		c.w.fail("client %d: %s answered %v", c.n, c.current.kind, code)
	}
}

func (c *client) succeeded(txn *tree.Transaction, res *tree.Result) {
	c.w.check.writes++
	switch c.current.kind {
	case "connect":
		c.session = res.Session.ID
		if txn.Op == tree.OpCreateSession {
			c.ephemeral = ""
		}
	case "make":
		c.made++
	case "set":
		c.acked = c.current.value
	case "cas":
		c.casOK++
		c.w.check.sharedAcked = max(c.w.check.sharedAcked, int(res.Stat.Version))
	case "sequence":
		if res.Path <= c.lastName {
			c.w.fail("client %d: sequence %s after %s", c.n, res.Path, c.lastName)
		}
		c.lastName = res.Path
	case "close":
		c.session, c.at, c.ephemeral = 0, nil, ""
	}
}

func (c *client) disconnected() {
	c.at, c.busy, c.awaits = nil, false, 0
	if c.local {
		c.session, c.local = 0, false
	}
}

func livePath(n int, session uint64) string { return fmt.Sprintf("/live/%d-%d", n, session) }

// loseClients closes the connections of a server that serves nobody any more.
func (s *server) loseClients() {
	for _, c := range s.w.clients {
		if c.at == s {
			c.disconnected()
		}
	}
	clear(s.pending)
	clear(s.syncs)
}

func (s *server) touch() {
	var ids []uint64
	for _, c := range s.w.clients {
		if c.at == s && s.touched[c.session] {
			ids = append(ids, c.session)
		}
	}
	clear(s.touched)
	s.input(func() { s.replica.Touch(ids) })
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

// sessionClosed also checks that an upgraded session leaves no ephemeral node.
func (w *World) sessionClosed(s *server, session uint64) {
	for _, c := range w.clients {
		if tree.IsLocalSession(session) && s.has(livePath(c.n, session)) {
			w.fail("server %d: session %x ended and %s is there (L01)", s.id, session, livePath(c.n, session))
		}
		if c.at == s && c.session == session {
			c.disconnected()
		}
	}
}

func (s *server) has(path string) bool {
	_, res := s.replica.State().Tree.Read(wire.OpExists, (&wire.PathWatchRequest{Path: []byte(path)}).Append(nil), &tree.Reader{}, nil)
	return res.Err == wire.OK
}

// sharedVersion reads the shared counter's version on a server.
func (w *World) sharedVersion(s *server) int32 {
	body := (&wire.PathWatchRequest{Path: []byte("/shared")}).Append(nil)
	b, res := s.replica.State().Tree.Read(wire.OpExists, body, &tree.Reader{}, nil)
	if res.Err != wire.OK {
		return 0
	}
	var st wire.Stat
	r := wire.NewReader(b)
	st.Decode(&r)
	return st.Version
}
