package node

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// rawClient speaks the protocol by hand, so that a test sees what is answered and
// when a connection ends.
type rawClient struct {
	t  *testing.T
	nc net.Conn
}

func dialRaw(t *testing.T, address string) *rawClient {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(30 * time.Second))
	return &rawClient{t, nc}
}

// hello connects; ok is false when the server closes without a word.
func (c *rawClient) hello(req wire.ConnectRequest) (answer wire.ConnectResponse, ok bool) {
	c.t.Helper()
	req.HasReadOnly = true
	if req.Password == nil {
		req.Password = make([]byte, wire.PasswordBytes)
	}
	_, _ = c.nc.Write(wire.EndFrame(req.Append(wire.BeginFrame(nil)), 0))
	body := c.frame()
	if body == nil {
		return answer, false
	}
	r := wire.NewReader(body)
	answer.Decode(&r)
	return answer, r.OK()
}

// frame returns nil when the connection is closed.
func (c *rawClient) frame() []byte {
	c.t.Helper()
	var head [4]byte
	if _, err := readFull(c.nc, head[:]); err != nil {
		return nil
	}
	n, _ := wire.FrameLength(head, 1<<20)
	body := make([]byte, n)
	if _, err := readFull(c.nc, body); err != nil {
		return nil
	}
	return body
}

func readFull(nc net.Conn, b []byte) (int, error) {
	n := 0
	for n < len(b) {
		m, err := nc.Read(b[n:])
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

func (c *rawClient) send(xid int32, op wire.OpCode, body []byte) {
	b := wire.RequestHeader{Xid: xid, Op: op}.Append(wire.BeginFrame(nil))
	_, _ = c.nc.Write(wire.EndFrame(append(b, body...), 0))
}

func (c *rawClient) ask(op wire.OpCode, body []byte) wire.ReplyHeader {
	c.t.Helper()
	c.send(7, op, body)
	frame := c.frame()
	if frame == nil {
		c.t.Fatalf("%v: the connection was closed", op)
	}
	var h wire.ReplyHeader
	r := wire.NewReader(frame)
	h.Decode(&r)
	return h
}

func createBody(path string, flags wire.CreateFlags) []byte {
	return (&wire.CreateRequest{Path: []byte(path), ACL: wire.NewACLs(wire.WorldAnyone(31)), Flags: flags}).Append(nil)
}

func existsBody(path string) []byte {
	return wire.AppendBool(wire.AppendString(nil, path), false)
}

func (n *Node) hasNode(path string) bool {
	n.tree.RLock()
	defer n.tree.RUnlock()
	var reader tree.Reader
	reader.Settings = tree.SettingSkipACL
	_, res := n.replica.State().Tree.Read(wire.OpExists, existsBody(path), &reader, nil)
	return res.Err == wire.OK
}

func localCluster(t *testing.T, upgrade bool) *cluster {
	c := newCluster(t, 3, func(o *Options) {
		o.TickMs, o.LocalSessions = 100, LocalSessions{Enabled: true, Upgrade: upgrade}
	})
	c.awaitServing()
	return c
}

func (c *cluster) follower() int {
	return slices.IndexFunc(c.nodes, func(n *Node) bool { return n != nil && n.roleText.Load().mode == "follower" })
}

// L01.
//
// covers: L01
func TestALocalSessionMakesNoTransaction(t *testing.T) {
	c := localCluster(t, true)
	at := c.follower()
	n := c.nodes[at]
	eventually(t, "every server has applied the same", func() bool {
		return c.nodes[0].applied() == c.nodes[1].applied() && c.nodes[1].applied() == c.nodes[2].applied()
	})
	before := n.applied()
	one := dialRaw(t, c.opts[at].ClientAddress)
	s, ok := one.hello(wire.ConnectRequest{TimeoutMs: 20_000})
	if !ok || !tree.IsLocalSession(uint64(s.SessionID)) {
		t.Fatalf("session %x, %v", s.SessionID, ok)
	}
	if h := one.ask(wire.OpPing, nil); h.Err != wire.OK {
		t.Errorf("ping: %v", h.Err)
	}
	// It can be taken over by another connection, here and with its password only.
	wrong := dialRaw(t, c.opts[at].ClientAddress)
	if a, ok := wrong.hello(wire.ConnectRequest{TimeoutMs: 20_000, SessionID: s.SessionID}); !ok || a.SessionID != 0 {
		t.Errorf("with a wrong password: %+v, %v", a, ok)
	}
	two := dialRaw(t, c.opts[at].ClientAddress)
	if a, ok := two.hello(wire.ConnectRequest{TimeoutMs: 20_000, SessionID: s.SessionID, Password: s.Password[:]}); !ok || a.SessionID != s.SessionID {
		t.Fatalf("reconnect: %+v, %v", a, ok)
	}
	if one.frame() != nil {
		t.Error("the connection before is still answered")
	}
	if h := two.ask(wire.OpCloseSession, nil); h.Err != wire.OK || two.frame() != nil {
		t.Errorf("close: %v", h.Err)
	}
	// One that says nothing for its timeout ends.
	silent := dialRaw(t, c.opts[at].ClientAddress)
	if _, ok := silent.hello(wire.ConnectRequest{TimeoutMs: 200}); !ok || n.locals.count() != 1 {
		t.Fatalf("%d local sessions, %v", n.locals.count(), ok)
	}
	if silent.frame() != nil || n.locals.count() != 0 {
		t.Errorf("%d local sessions after the timeout", n.locals.count())
	}
	if after := n.applied(); after != before {
		t.Errorf("transactions up to %s, %s before", after, before)
	}
}

func TestALocalSessionWritesAndBecomesGlobal(t *testing.T) {
	c := localCluster(t, true)
	at := c.follower()
	n := c.nodes[at]
	conn := dialRaw(t, c.opts[at].ClientAddress)
	s, _ := conn.hello(wire.ConnectRequest{TimeoutMs: 20_000})
	if h := conn.ask(wire.OpCreate, createBody("/plain", 0)); h.Err != wire.OK || n.locals.count() != 1 {
		t.Fatalf("create: %v, %d local sessions", h.Err, n.locals.count())
	}
	if h := conn.ask(wire.OpCreate, createBody("/live", wire.FlagEphemeral)); h.Err != wire.OK || n.locals.count() != 0 {
		t.Fatalf("create -e: %v, %d local sessions", h.Err, n.locals.count())
	}
	if !strings.Contains(n.word("mntr", nil), "zk_global_sessions\t1\n") {
		t.Error("the session is not a global one")
	}
	// Now it can move, with the same id and password, and its end takes the node.
	_ = conn.nc.Close()
	elsewhere := (at + 1) % 3
	eventually(t, "the other server has the node", func() bool { return c.nodes[elsewhere].hasNode("/live") })
	moved := dialRaw(t, c.opts[elsewhere].ClientAddress)
	if a, ok := moved.hello(wire.ConnectRequest{TimeoutMs: 20_000, SessionID: s.SessionID, Password: s.Password[:]}); !ok || a.SessionID != s.SessionID || a.Password != s.Password {
		t.Fatalf("moved: %+v, %v", a, ok)
	}
	if h := moved.ask(wire.OpCloseSession, nil); h.Err != wire.OK {
		t.Fatalf("close: %v", h.Err)
	}
	for _, n := range c.nodes {
		eventually(t, "the ephemeral node is gone everywhere", func() bool { return !n.hasNode("/live") })
		if !n.hasNode("/plain") {
			t.Error("an ordinary node of a local session is gone")
		}
	}
}

// A reconfiguration is answered in another way than other writes; the session can
// be taken over behind it.
func TestALocalSessionReconfigures(t *testing.T) {
	c := newCluster(t, 3, func(o *Options) {
		o.LocalSessions.Enabled, o.Reconfig = true, replica.Reconfig{Enabled: true, VotersMin: 1}
		o.Operators = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	c.awaitServing()
	at := c.follower()
	one := dialRaw(t, c.opts[at].ClientAddress)
	s, _ := one.hello(wire.ConnectRequest{TimeoutMs: 20_000})
	bad := (&wire.ReconfigRequest{Leaving: []byte("x"), ConfigID: -1}).Append(nil)
	if h := one.ask(wire.OpReconfig, bad); h.Err != wire.ErrBadArguments {
		t.Errorf("refused: %v", h.Err)
	}
	leaving := fmt.Sprint((at+1)%3 + 1)
	if c.nodes[(at+1)%3].roleText.Load().mode == "leader" {
		leaving = fmt.Sprint((at+2)%3 + 1)
	}
	good := (&wire.ReconfigRequest{Leaving: []byte(leaving), ConfigID: -1}).Append(nil)
	if h := one.ask(wire.OpReconfig, good); h.Err != wire.OK {
		t.Errorf("reconfig: %v", h.Err)
	}
	two := dialRaw(t, c.opts[at].ClientAddress)
	if a, ok := two.hello(wire.ConnectRequest{TimeoutMs: 20_000, SessionID: s.SessionID, Password: s.Password[:]}); !ok || a.SessionID != s.SessionID {
		t.Errorf("reconnect: %+v, %v", a, ok)
	}
}

func TestALocalSessionWithoutUpgrades(t *testing.T) {
	c := localCluster(t, false)
	at := c.follower()
	conn := dialRaw(t, c.opts[at].ClientAddress)
	s, _ := conn.hello(wire.ConnectRequest{TimeoutMs: 20_000})
	if h := conn.ask(wire.OpCreate, createBody("/live", wire.FlagEphemeral)); h.Err != wire.ErrEphemeralOnLocalSession {
		t.Errorf("create -e: %v", h.Err)
	}
	if h := conn.ask(wire.OpCreate, createBody("/plain", 0)); h.Err != wire.OK {
		t.Errorf("create: %v", h.Err)
	}
	// Nobody else knows it.
	other := dialRaw(t, c.opts[(at+1)%3].ClientAddress)
	if a, ok := other.hello(wire.ConnectRequest{TimeoutMs: 20_000, SessionID: s.SessionID, Password: s.Password[:]}); !ok || a.SessionID != 0 {
		t.Errorf("elsewhere: %+v, %v", a, ok)
	}
	// It does not survive its server.
	c.stop(at)
	c.start(at)
	eventually(t, "the server serves again", c.nodes[at].Serving)
	again := dialRaw(t, c.opts[at].ClientAddress)
	if a, ok := again.hello(wire.ConnectRequest{TimeoutMs: 20_000, SessionID: s.SessionID, Password: s.Password[:]}); !ok || a.SessionID != 0 {
		t.Errorf("after a restart: %+v, %v", a, ok)
	}
	if fresh, ok := dialRaw(t, c.opts[at].ClientAddress).hello(wire.ConnectRequest{TimeoutMs: 20_000}); !ok || fresh.SessionID == s.SessionID {
		t.Errorf("a new life gives %x again, %v", fresh.SessionID, ok)
	}
}

func TestLivesOfServersHaveTheirOwnIDs(t *testing.T) {
	seen := map[uint64]bool{}
	for _, server := range []int{1, 2, 1023} {
		for dir := range 2 {
			for boot := range 3 {
				life := localLife(zxid.ServerID(server), [16]byte{byte(dir)}, uint64(boot))
				if seen[life] || !tree.IsLocalSession(life) || life&localIDReadOnly != 0 || life&(1<<localIDCounterBits-1) != 0 {
					t.Errorf("server %d, directory %d, boot %d: %x", server, dir, boot, life)
				}
				seen[life] = true
			}
		}
	}
}
