package peer

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/zabkeeper/zabkeeper/election"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// up and down are what LinkUp and LinkDown were called with.
type up struct {
	id   zab.LinkID
	peer zxid.ServerID
	inc  zab.Incarnation
}

type down struct {
	id  zab.LinkID
	why error
}

// inbox is a Handler that keeps everything in channels for a test to read.
type inbox struct {
	election chan election.Message
	refused  chan zxid.ServerID
	gone     chan zxid.ServerID
	hellos   chan Hello
	ups      chan up
	downs    chan down
	failed   chan bool // DialFailed's refused
	messages chan zab.Message
	// begin makes the sink of a snapshot; nil refuses.
	begin func(z zxid.Zxid, size int64) (SnapshotSink, error)
	// hold, where set, blocks Messages until it is closed.
	hold chan struct{}
}

func newInbox() *inbox {
	return &inbox{election: make(chan election.Message, 1000), refused: make(chan zxid.ServerID, 1000), gone: make(chan zxid.ServerID, 1000), hellos: make(chan Hello, 1000),
		ups: make(chan up, 100), downs: make(chan down, 100), failed: make(chan bool, 100), messages: make(chan zab.Message, 100_000)}
}

// offer keeps what is repeated for ever from blocking the transport.
func offer[T any](c chan T, v T) {
	select {
	case c <- v:
	default:
	}
}

func (h *inbox) ElectionMessage(m *election.Message) { h.election <- *m }
func (h *inbox) Refused(id zxid.ServerID)            { offer(h.refused, id) }
func (h *inbox) PeerHello(hello Hello)               { offer(h.hellos, hello) }
func (h *inbox) HearingEnded(id zxid.ServerID)       { offer(h.gone, id) }
func (h *inbox) LinkDown(id zab.LinkID, why error)   { h.downs <- down{id, why} }
func (h *inbox) DialFailed(_ zxid.ServerID, r bool)  { h.failed <- r }
func (h *inbox) LinkUp(id zab.LinkID, peer zxid.ServerID, inc zab.Incarnation) {
	h.ups <- up{id, peer, inc}
}

func (h *inbox) Messages(_ zab.LinkID, m []*zab.Message) {
	if h.hold != nil {
		<-h.hold
	}
	for _, m := range m {
		h.messages <- *m
	}
}

func (h *inbox) SnapshotBegin(_ zab.LinkID, z zxid.Zxid, size int64) (SnapshotSink, error) {
	if h.begin == nil {
		return nil, errors.New("no room")
	}
	return h.begin(z, size)
}

// sink keeps a snapshot in memory. The gates, where set, must be passed.
type sink struct {
	mu       sync.Mutex
	got      bytes.Buffer
	gate     chan struct{} // one token per Write
	finished chan struct{}
	aborted  chan struct{}
}

func newSink() *sink { return &sink{finished: make(chan struct{}), aborted: make(chan struct{})} }

func (s *sink) Write(p []byte) (int, error) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.Write(p)
}

func (s *sink) Finish() error { close(s.finished); return nil }
func (s *sink) Abort()        { close(s.aborted) }

func listenLoopback(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// server is one transport of a test, with what it heard.
type server struct {
	*Transport
	*inbox
	opt Options
}

// cluster returns the options of n servers that know each other, on loopback.
func cluster(t testing.TB, n int) []*server {
	t.Helper()
	all := make([]*server, n)
	var peers []Peer
	for i := range all {
		s, l := listenLoopback(t), listenLoopback(t)
		id := zxid.ServerID(i + 1)
		peers = append(peers, Peer{ID: id, ServerAddress: s.Addr().String(), LeaderAddress: l.Addr().String()})
		h := newInbox()
		all[i] = &server{inbox: h, opt: Options{Self: id, Incarnation: zab.Incarnation{byte(id)}, Boot: 1, TableHash: 9, TableText: "table",
			ServerListener: s, LeaderListener: l, Handler: h}}
	}
	for _, s := range all {
		s.opt.Peers = peers
	}
	return all
}

func (s *server) start(t testing.TB) {
	t.Helper()
	transport, err := Start(s.opt)
	if err != nil {
		t.Fatal(err)
	}
	s.Transport = transport
	t.Cleanup(func() { _ = transport.Close() })
}

// linked starts two servers and returns the first one's link to the second, and
// the second's name for it.
func linked(t testing.TB, change func(a, b *Options)) (a, b *server, ab, ba zab.LinkID) {
	t.Helper()
	s := cluster(t, 2)
	a, b = s[0], s[1]
	if change != nil {
		change(&a.opt, &b.opt)
	}
	a.start(t)
	b.start(t)
	a.Dial(2)
	return a, b, (<-a.ups).id, (<-b.ups).id
}

// raw connects to a server's leader_port like server from, past the hellos.
func (s *server) raw(t testing.TB, from zxid.ServerID) *connection {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", s.leader.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	conn := &connection{c, newFrameReader(c, FrameBytesMax)}
	if err := conn.writeHello(&Hello{Version: protocolVersion, Server: from, port: portLeader}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.readHello(); err != nil {
		t.Fatal(err)
	}
	return conn
}

// sendRaw writes a frame of messages of server from.
func (c *connection) sendRaw(t testing.TB, from zxid.ServerID, m ...zab.Message) {
	t.Helper()
	var p []byte
	for i := range m {
		p = AppendMessage(p, from, &m[i])
	}
	if _, err := c.Write(appendFrame(nil, p)); err != nil {
		t.Fatal(err)
	}
}
