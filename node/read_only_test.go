package node

import (
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
)

// readOnlyServer is a cluster of three of which only the server with the number
// returned is left, with /seen in its tree, and what a client needs to come back
// with a global session.
func readOnlyServer(t *testing.T) (c *cluster, left int, global wire.ConnectRequest) {
	c = newCluster(t, 3, func(o *Options) { o.TickMs, o.ReadOnly = 100, true })
	c.awaitServing()
	left = c.follower()
	conn := dialRaw(t, c.opts[left].ClientAddress)
	s, _ := conn.hello(wire.ConnectRequest{TimeoutMs: 20_000})
	global = wire.ConnectRequest{TimeoutMs: 20_000, SessionID: s.SessionID, Password: s.Password[:]}
	if h := conn.ask(wire.OpCreate, createBody("/seen", wire.FlagEphemeral)); h.Err != wire.OK {
		t.Fatal(h.Err)
	}
	for i := range c.nodes {
		if i != left {
			c.stop(i)
		}
	}
	n := c.nodes[left]
	eventually(t, "the server is read-only", func() bool { return n.mode() == modeReadOnly })
	if conn.frame() != nil {
		t.Error("the connection from before was not closed")
	}
	return c, left, global
}

// R01, R02.
//
// covers: R01, R02
func TestReadOnlyMode(t *testing.T) {
	c, left, _ := readOnlyServer(t)
	n, address := c.nodes[left], c.opts[left].ClientAddress
	if w := n.word("isro", nil); w != "ro" {
		t.Errorf("isro: %q", w)
	}
	if w := n.word("srvr", nil); !strings.Contains(w, "Mode: read-only\n") || !strings.Contains(w, "READ-ONLY mode; serving only read-only clients\n") {
		t.Errorf("srvr: %q", w)
	}
	if a, ok := dialRaw(t, address).hello(wire.ConnectRequest{TimeoutMs: 20_000}); ok {
		t.Errorf("a client without the flag: %+v", a)
	}
	conn := dialRaw(t, address)
	s, ok := conn.hello(wire.ConnectRequest{TimeoutMs: 20_000, ReadOnly: true})
	if !ok || !s.ReadOnly || !tree.IsLocalSession(uint64(s.SessionID)) {
		t.Fatalf("%+v, %v", s, ok)
	}
	if h := conn.ask(wire.OpExists, existsBody("/seen")); h.Err != wire.OK {
		t.Errorf("exists: %v", h.Err)
	}
	for _, op := range []wire.OpCode{wire.OpCreate, wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL, wire.OpDelete, wire.OpSetData,
		wire.OpSetACL, wire.OpMulti, wire.OpReconfig, wire.OpSync, wire.OpCheck} {
		if h := conn.ask(op, nil); h.Err != wire.ErrNotReadOnly {
			t.Errorf("%v: %v", op, h.Err)
		}
	}
	// It comes back to this server, and ends.
	again := dialRaw(t, address)
	if a, ok := again.hello(wire.ConnectRequest{TimeoutMs: 20_000, SessionID: s.SessionID, Password: s.Password[:], ReadOnly: true}); !ok || a.SessionID != s.SessionID {
		t.Errorf("again: %+v, %v", a, ok)
	}
	if h := again.ask(wire.OpCloseSession, nil); h.Err != wire.OK || again.frame() != nil {
		t.Errorf("close: %v", h.Err)
	}
	if a, ok := dialRaw(t, address).hello(wire.ConnectRequest{TimeoutMs: 20_000, SessionID: s.SessionID, Password: s.Password[:], ReadOnly: true}); !ok || a.SessionID != 0 {
		t.Errorf("after its end: %+v, %v", a, ok)
	}
}

// R03, R04.
//
// covers: R03, R04
func TestLeavingReadOnlyMode(t *testing.T) {
	c, left, global := readOnlyServer(t)
	n, address := c.nodes[left], c.opts[left].ClientAddress
	global.ReadOnly = true
	if a, ok := dialRaw(t, address).hello(global); ok {
		t.Errorf("a global session: %+v", a)
	}
	unknown := global
	unknown.SessionID++
	if a, ok := dialRaw(t, address).hello(unknown); ok {
		t.Errorf("a session that others may know: %+v", a)
	}
	conn := dialRaw(t, address)
	if a, ok := conn.hello(wire.ConnectRequest{TimeoutMs: 20_000, ReadOnly: true}); !ok || !a.ReadOnly {
		t.Fatalf("%+v, %v", a, ok)
	}
	c.start((left + 1) % 3)
	eventually(t, "there is a leader", n.Serving)
	if conn.frame() != nil {
		t.Error("the read-only connection goes on")
	}
	if w := n.word("isro", nil); w != "rw" {
		t.Errorf("isro: %q", w)
	}
	if n.locals.count() != 0 {
		t.Errorf("%d local sessions are left", n.locals.count())
	}
	normal := dialRaw(t, address)
	if a, ok := normal.hello(wire.ConnectRequest{TimeoutMs: 20_000, ReadOnly: true}); !ok || a.ReadOnly || tree.IsLocalSession(uint64(a.SessionID)) {
		t.Errorf("%+v, %v", a, ok)
	}
	if h := normal.ask(wire.OpCreate, createBody("/new", 0)); h.Err != wire.OK {
		t.Errorf("create: %v", h.Err)
	}
	back := dialRaw(t, address)
	if a, ok := back.hello(global); !ok || a.SessionID != global.SessionID {
		t.Errorf("the global session: %+v, %v", a, ok)
	}
	if !n.hasNode("/seen") {
		t.Error("the global session was expired")
	}
}

func TestABlankServerIsNotReadOnly(t *testing.T) {
	c := newCluster(t, 3, func(o *Options) { o.TickMs, o.ReadOnly = 100, true })
	c.awaitServing()
	for i := range c.nodes {
		c.stop(i)
	}
	c.opts[0].DataDir = t.TempDir()
	c.start(0)
	n := c.nodes[0]
	var mode sessionMode
	n.ask(func() {
		n.loop.servedLast = monotonic() - n.opt.readOnlyAfter()
		mode = n.wantedMode()
	})
	if mode != modeClosed {
		t.Errorf("a server without anything is in mode %d", mode)
	}
}

func TestARemovedServerIsNotReadOnly(t *testing.T) {
	c, left, _ := readOnlyServer(t)
	n := c.nodes[left]
	var mode sessionMode
	n.ask(func() {
		n.loop.removed = true
		mode = n.wantedMode()
	})
	if mode != modeClosed {
		t.Errorf("a server that was removed is in mode %d", mode)
	}
}
