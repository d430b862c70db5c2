package sim

import (
	"fmt"
	"strconv"

	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

func (c *client) path() string { return fmt.Sprintf("/client-%d", c.n) }

// paths are made by every client before anything else.
func (c *client) paths() []string {
	return []string{"/shared", "/queue", "/live", "/locks", "/bank-a", "/bank-b", c.path()}
}

func livePath(n int, session uint64) string { return fmt.Sprintf("/live/%d-%d", n, session) }

var openACL = wire.NewACLs(wire.WorldAnyone(31))

// next sends the next operation.
func (c *client) next() {
	c.busy = true
	switch k := c.w.cli.IntN(100); {
	case c.made < len(c.paths()):
		c.create("make", c.paths()[c.made], "0", wire.FlagPersistent)
	case k < 30:
		c.tried++
		c.set("set", c.tried, c.path(), strconv.Itoa(c.tried), -1)
	case k < 42:
		version := c.w.sharedVersion(c.at)
		c.casTried++
		c.set("cas", int(version), "/shared", "x", version)
	case k < 48:
		c.create("sequence", "/queue/n-", "", wire.FlagPersistentSequential)
	case k < 52:
		c.own(func() {
			c.ephemeral = livePath(c.n, c.session)
			c.create("ephemeral", c.ephemeral, "", wire.FlagEphemeral)
		})
	case k < 62:
		c.transfer()
	case k < 68:
		c.own(c.useLock)
	case k < 71:
		if c.local {
			c.disconnected()
			return
		}
		c.send("close", 0, tree.OpCloseSession, nil)
	case k < 85:
		c.read()
	default:
		c.sync("sync")
	}
}

// own does what needs a session that everybody knows.
func (c *client) own(do func()) {
	if c.local {
		c.upgrade()
	}
	do()
}

func (c *client) send(kind string, value int, op tree.Op, body []byte) {
	c.current = operation{kind: kind, value: value}
	c.submit(&tree.Transaction{Op: op, Session: c.session, Body: body})
}

func (c *client) create(kind, path, data string, flags wire.CreateFlags) {
	c.send(kind, 0, tree.OpCreate, (&wire.CreateRequest{Path: []byte(path), Data: []byte(data), ACL: openACL, Flags: flags}).Append(nil))
}

func (c *client) set(kind string, value int, path, data string, version int32) {
	c.send(kind, value, tree.OpSetData, (&wire.SetDataRequest{Path: []byte(path), Data: []byte(data), Version: version}).Append(nil))
}

// transfer moves an amount between two znodes in one multi, on the condition
// that nobody else changed either; the sum stays what it is.
func (c *client) transfer() {
	amount := 1 + c.w.cli.IntN(9)
	a, versionA := c.at.number("/bank-a")
	b, versionB := c.at.number("/bank-b")
	if c.w.cli.IntN(4) == 0 {
		versionB += 1000 // the second half fails: the first must not have been
	}
	body := wire.AppendMultiOp(nil, wire.OpSetData)
	body = (&wire.SetDataRequest{Path: []byte("/bank-a"), Data: strconv.AppendInt(nil, int64(a-amount), 10), Version: versionA}).Append(body)
	body = wire.AppendMultiOp(body, wire.OpSetData)
	body = (&wire.SetDataRequest{Path: []byte("/bank-b"), Data: strconv.AppendInt(nil, int64(b+amount), 10), Version: versionB}).Append(body)
	c.send("transfer", 0, tree.OpMulti, wire.AppendMultiEnd(body))
}

// sync asks for a read that is as fresh as anything answered so far.
func (c *client) sync(kind string) {
	c.current = operation{kind: kind, since: c.w.check.sharedAcked, newest: c.w.check.newestWrite}
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
	c.done++
	if got := int(s.w.sharedVersion(s)); got < c.current.since {
		s.w.fail("client %d on server %d: a read after sync sees version %d, %d was answered before (I21)", c.n, s.id, got, c.current.since)
	}
	if z := s.replica.State().Zxid; z < c.current.newest {
		s.w.fail("client %d on server %d: a read after sync sees the state at %s, %s was answered before (I21)", c.n, s.id, z, c.current.newest)
	}
	if c.current.kind == "look at lock" {
		c.lookAtLock(s)
	}
}

// answered is what the server replies to the client.
func (c *client) answered(s *server, z zxid.Zxid, txn *tree.Transaction, res *tree.Result) {
	if c.at != s || c.awaits != txn.Request {
		return // the client has given this connection up
	}
	c.busy = false
	c.done++
	if z < c.lastZxid {
		c.w.fail("client %d was shown %s after %s (I23)", c.n, z, c.lastZxid)
	}
	if z <= c.current.newest {
		c.w.fail("client %d: a write is ordered as %s, and %s was answered before it was sent (I21)", c.n, z, c.current.newest)
	}
	if z > c.w.check.committed.zxid {
		c.w.fail("client %d was answered %s, committed is %s (I21)", c.n, z, c.w.check.committed.zxid)
	}
	c.lastZxid = z
	c.w.check.newestWrite = max(c.w.check.newestWrite, z)
	switch code := res.HeaderErr(); code {
	case wire.OK:
		c.succeeded(z, txn, res)
	case wire.ErrSessionExpired, wire.ErrSessionMoved, wire.ErrSessionPassword:
		if c.current.kind == "connect" || code == wire.ErrSessionExpired {
			c.session, c.ephemeral, c.lock = 0, "", lock{}
		}
		if c.current.kind == "cas" {
			c.casTried-- // refused: it had no effect
		}
		c.disconnected()
	case wire.ErrBadVersion:
		if c.current.kind == "cas" {
			c.casTried--
		}
	case wire.ErrNodeExists:
		if c.current.kind == "make" {
			c.made++
		}
	case wire.ErrNoNode:
		if c.current.kind != "release" {
			c.w.fail("client %d: %s answered %v", c.n, c.current.kind, code)
		}
		c.lock = lock{}
	default:
		c.w.fail("client %d: %s answered %v", c.n, c.current.kind, code)
	}
}

func (c *client) succeeded(z zxid.Zxid, txn *tree.Transaction, res *tree.Result) {
	c.w.check.writes++
	switch c.current.kind {
	case "connect":
		c.session = res.Session.ID
		if txn.Op == tree.OpCreateSession {
			c.ephemeral, c.lock = "", lock{}
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
	case "lock":
		c.lock = lock{path: res.Path, token: z}
	case "release":
		c.lock = lock{}
	case "close":
		c.disconnected()
		c.session, c.ephemeral, c.lock = 0, "", lock{}
	}
}
