package peer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/election"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

func TestLinkKeepsOrderBothWays(t *testing.T) {
	a, b, ab, ba := linked(t, nil)
	const n = 5000
	for i := range n {
		m := []zab.Message{{Kind: zab.Acknowledge, Zxid: zxid.Zxid(i)}}
		a.Send(ab, m)
		m[0] = zab.Message{Kind: zab.Proposal, Commit: zxid.Zxid(i), Runs: [][]byte{bytes.Repeat([]byte{byte(i)}, i%20_000)}}
		b.Send(ba, m)
		m[0] = zab.Message{} // the slice is ours again
	}
	for i := range n {
		if got := <-b.messages; got.Kind != zab.Acknowledge || got.Zxid != zxid.Zxid(i) {
			t.Fatalf("at b: got %v %v, want acknowledge %d", got.Kind, got.Zxid, i)
		}
		got := <-a.messages
		want := bytes.Repeat([]byte{byte(i)}, i%20_000)
		if got.Commit != zxid.Zxid(i) || !bytes.Equal(bytes.Join(got.Runs, nil), want) {
			t.Fatalf("at a: got commit %v, %d bytes, want %d, %d", got.Commit, runsBytes(&got), i, len(want))
		}
	}
	if s := a.Stats(); s.FramesSent == 0 || s.BytesSent == 0 || s.Links != 1 {
		t.Errorf("Stats: got %+v", s)
	}
}

func TestLinkUpNamesThePeer(t *testing.T) {
	s := cluster(t, 2)
	s[0].start(t)
	s[1].start(t)
	s[0].Dial(2)
	if got := <-s[0].ups; got.peer != 2 || got.inc != (zab.Incarnation{2}) || got.id == 0 {
		t.Errorf("dialler: got %+v", got)
	}
	if got := <-s[1].ups; got.peer != 1 || got.inc != (zab.Incarnation{1}) || got.id == 0 {
		t.Errorf("acceptor: got %+v", got)
	}
	if h := <-s[1].hellos; h.Refused != nil || h.TableText != "table" || h.TableHash != 9 || h.Boot != 1 {
		t.Errorf("hello: got %+v", h)
	}
}

// TestCloseLinkWritesWhatIsQueued: goodbye arrives, and both sides hear of the
// end once.
func TestCloseLinkWritesWhatIsQueued(t *testing.T) {
	a, b, ab, ba := linked(t, nil)
	a.Send(ab, []zab.Message{{Kind: zab.Proposal, Runs: [][]byte{make([]byte, 100_000)}}, {Kind: zab.Goodbye}})
	a.CloseLink(ab)
	a.CloseLink(ab)
	a.Send(ab, []zab.Message{{Kind: zab.AskInfo}})
	if got := <-b.messages; got.Kind != zab.Proposal {
		t.Errorf("got %v, want the proposal", got.Kind)
	}
	if got := <-b.messages; got.Kind != zab.Goodbye {
		t.Errorf("got %v, want goodbye", got.Kind)
	}
	if got := <-a.downs; got.id != ab || !errors.Is(got.why, ErrLinkEnded) {
		t.Errorf("at a: got %+v, want ErrLinkEnded", got)
	}
	if got := <-b.downs; got.id != ba || got.why != io.EOF {
		t.Errorf("at b: got %+v, want EOF", got)
	}
	if err := a.Close(); err != nil || len(a.downs) > 0 || a.Stats().Links != 0 {
		t.Errorf("Close: %v, %d more downs, %d links", err, len(a.downs), a.Stats().Links)
	}
}

// TestCloseLinkDoesNotWaitForAStuckPeer: nobody reads at the other end.
func TestCloseLinkDoesNotWaitForAStuckPeer(t *testing.T) {
	s := cluster(t, 2)
	s[0].start(t)
	s[0].raw(t, 2)
	id := (<-s[0].ups).id
	for range 40 {
		s[0].Send(id, []zab.Message{{Kind: zab.Proposal, Runs: [][]byte{make([]byte, 1<<20)}}})
	}
	s[0].CloseLink(id)
	if got := <-s[0].downs; !errors.Is(got.why, ErrLinkEnded) {
		t.Errorf("got %v, want ErrLinkEnded", got.why)
	}
}

func TestSlowReaderIsCutOff(t *testing.T) {
	s := cluster(t, 2)
	s[0].start(t)
	s[0].raw(t, 2)
	id := (<-s[0].ups).id
	run := [][]byte{make([]byte, 1<<20)}
	for range 200 {
		s[0].Send(id, []zab.Message{{Kind: zab.Proposal, Runs: run}})
	}
	if got := <-s[0].downs; !errors.Is(got.why, ErrQueueFull) || s[0].Stats().LinksOverflowed != 1 {
		t.Errorf("got %v, %d overflows, want ErrQueueFull, 1", got.why, s[0].Stats().LinksOverflowed)
	}
}

func TestOversizeMessageEndsTheLink(t *testing.T) {
	a, _, ab, _ := linked(t, nil)
	a.Send(ab, []zab.Message{{Kind: zab.PassThrough, Payload: make([]byte, FrameBytesMax)}})
	if got := <-a.downs; !errors.Is(got.why, ErrTooLong) {
		t.Errorf("got %v, want ErrTooLong", got.why)
	}
}

func TestLongestRecordArrives(t *testing.T) {
	a, b, ab, _ := linked(t, nil)
	run := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	a.Send(ab, []zab.Message{{Kind: zab.Proposal, Runs: [][]byte{run}}})
	if got := <-b.messages; !bytes.Equal(got.Runs[0], run) {
		t.Errorf("got %d bytes, want %d", len(got.Runs[0]), len(run))
	}
}

func TestBadFramesEndTheLink(t *testing.T) {
	good := AppendMessage(nil, 2, &zab.Message{Kind: zab.AskInfo})
	corrupt := appendFrame(nil, good)
	corrupt[len(corrupt)-1] ^= 1
	foreign := appendFrame(nil, AppendMessage(nil, 3, &zab.Message{Kind: zab.AskInfo}))
	tests := []struct {
		name  string
		bytes []byte
		want  error
	}{
		{"corrupt", corrupt, ErrChecksum},
		{"oversize", []byte{0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0}, ErrTooLong},
		{"empty", make([]byte, 8), ErrTooLong},
		{"malformed", appendFrame(nil, []byte{0xc1}), ErrMalformed},
		{"of another server", foreign, ErrMalformed},
		{"chunk without snapshot", appendFrame(nil, AppendMessage(nil, 2, &zab.Message{Kind: snapshotChunk, Payload: []byte("x")})), ErrProtocol},
		{"acknowledgement without snapshot", appendFrame(nil, AppendMessage(nil, 2, &zab.Message{Kind: snapshotAcknowledge})), ErrProtocol},
	}
	for _, test := range tests {
		s := cluster(t, 2)
		s[0].start(t)
		c := s[0].raw(t, 2)
		c.sendRaw(t, 2, zab.Message{Kind: zab.AskInfo})
		if got := <-s[0].messages; got.Kind != zab.AskInfo {
			t.Errorf("%s: got %v first", test.name, got.Kind)
		}
		if _, err := c.Write(test.bytes); err != nil {
			t.Fatal(err)
		}
		if got := <-s[0].downs; !errors.Is(got.why, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got.why, test.want)
		}
		if got := s[0].Stats().FramesBad; got != 1 {
			t.Errorf("%s: got %d bad frames, want 1", test.name, got)
		}
	}
}

// TestNewestLinkOfAPeerCounts: the older one is half dead, most likely.
func TestNewestLinkOfAPeerCounts(t *testing.T) {
	s := cluster(t, 2)
	s[0].start(t)
	s[0].raw(t, 2)
	first := (<-s[0].ups).id
	s[0].raw(t, 2)
	second := (<-s[0].ups).id
	if got := <-s[0].downs; got.id != first || second == first || !errors.Is(got.why, ErrReplaced) {
		t.Errorf("got %+v, want link %d replaced", got, first)
	}
}

func TestDialFails(t *testing.T) {
	s := cluster(t, 2)
	_ = s[1].opt.LeaderListener.Close()
	s[0].start(t)
	s[0].Dial(2)
	if refused := <-s[0].failed; !refused {
		t.Errorf("closed port: got refused %v, want true", refused)
	}
	s[0].Dial(77)
	if refused := <-s[0].failed; refused {
		t.Errorf("unknown server: got refused %v, want false", refused)
	}
}

// TestHellosRefused: the acceptor reports, the dialler hears why, no link is made.
func TestHellosRefused(t *testing.T) {
	clusterID := func(b byte) func() [16]byte { return func() [16]byte { return [16]byte{b} } }
	tests := []struct {
		name   string
		change func(a, b *Options)
		want   string
	}{
		{"another cluster", func(a, b *Options) { a.Cluster, b.Cluster = clusterID(1), clusterID(2) }, "another cluster"},
		{"unknown number", func(a, b *Options) { b.Peers = nil }, "not in the node table"},
		{"own number", func(a, b *Options) { b.Self = 1 }, "this server's own"},
		{"swapped ports", func(a, b *Options) { a.Peers[1].LeaderAddress = a.Peers[1].ServerAddress }, "meant for leader_port"},
	}
	for _, test := range tests {
		s := cluster(t, 2)
		test.change(&s[0].opt, &s[1].opt)
		s[0].opt.ServerListener = nil
		s[1].start(t)
		s[0].start(t)
		s[0].Dial(2)
		if refused := <-s[0].failed; refused {
			t.Errorf("%s: got refused %v, want false", test.name, refused)
		}
		for _, x := range s {
			var h Hello
			for h = <-x.hellos; h.Refused == nil || !strings.Contains(h.Refused.Error(), test.want); h = <-x.hellos {
			}
			if !errors.Is(h.Refused, ErrHello) || x.Stats().HellosRefused == 0 {
				t.Errorf("%s: server %d: got %v", test.name, x.opt.Self, h.Refused)
			}
		}
	}
}

// TestUnknownClusterIsNoMismatch: a server that is not bound yet may join.
func TestUnknownClusterIsNoMismatch(t *testing.T) {
	linked(t, func(a, _ *Options) { a.Cluster = func() [16]byte { return [16]byte{1} } })
}

func TestStrangersAreClosed(t *testing.T) {
	s := cluster(t, 2)
	s[0].start(t)
	for _, hello := range []string{"GET / HTTP/1.1\r\n\r\n", string(appendFrame(nil, []byte{0x92, 1, 1})), "\x00\x00\x00\x01"} {
		c, err := net.Dial("tcp", s[0].server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, hello); err != nil {
			t.Fatal(err)
		}
		_ = c.(*net.TCPConn).CloseWrite()
		if n, _ := io.Copy(io.Discard, c); n != 0 {
			t.Errorf("%q: got an answer of %d bytes", hello, n)
		}
		_ = c.Close()
	}
}

// TestHandshakesAreBounded: connections that say nothing do not pile up.
func TestHandshakesAreBounded(t *testing.T) {
	s := cluster(t, 2)
	s[0].start(t)
	for i := range handshakesMax + 1 {
		c, err := net.Dial("tcp", s[0].leader.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if i < handshakesMax {
			continue
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("connection %d: got %d, %v, want it closed", i, n, err)
		}
	}
}

func TestElectionMessagesArrive(t *testing.T) {
	s := cluster(t, 3)
	for _, x := range s {
		x.start(t)
	}
	for i := range 20 {
		s[0].SendElection(2, &election.Message{Kind: election.Election, From: 1, Round: uint64(i), Heard: []zxid.ServerID{2, 3}})
		s[2].SendElection(2, &election.Message{Kind: election.HigherID, From: 3, Round: uint64(i)})
	}
	next := map[zxid.ServerID]uint64{}
	for range 40 {
		m := <-s[1].election
		if m.Round != next[m.From] {
			t.Fatalf("from %d: got round %d, want %d", m.From, m.Round, next[m.From])
		}
		next[m.From]++
	}
	s[0].SendElection(9, &election.Message{Kind: election.Heartbeat, From: 1})
}

// TestElectionReconnectsAfterRestart: the death is noticed by the refused
// connection, and the next incarnation is reached.
func TestElectionReconnectsAfterRestart(t *testing.T) {
	s := cluster(t, 2)
	s[0].start(t)
	s[1].start(t)
	s[0].SendElection(2, &election.Message{Kind: election.Election, From: 1, Round: 1})
	<-s[1].election
	address := s[1].server.Addr().String()
	if err := s[1].Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-s[0].refused; got != 2 {
		t.Errorf("refused: got %d, want 2", got)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s[1].opt.ServerListener, s[1].opt.LeaderListener = l, listenLoopback(t)
	s[1].start(t)
	for round := uint64(2); len(s[1].election) == 0; round++ { // what is sent too early is lost
		s[0].SendElection(2, &election.Message{Kind: election.Election, From: 1, Round: round})
	}
}

// TestElectionQueueKeepsWhatMatters: a heartbeat is the first to go.
func TestElectionQueueKeepsWhatMatters(t *testing.T) {
	s := newElectionSender(&Transport{ctx: context.Background()}, Peer{ID: 2})
	s.push(&election.Message{Kind: election.Election, Round: 1})
	for i := range electionQueueMax + 10 {
		s.push(&election.Message{Kind: election.Heartbeat, Round: uint64(i)})
	}
	got := s.take(nil)
	if len(got) != electionQueueMax || got[0].Kind != election.Election || got[1].Round != 11 || s.t.count.electionDropped.Load() != 11 {
		t.Errorf("got %d messages, first %v, second of round %d, %d dropped", len(got), got[0].Kind, got[1].Round, s.t.count.electionDropped.Load())
	}
}

func TestElectionMessageOfAnotherServer(t *testing.T) {
	s := cluster(t, 3)
	_ = s[1].opt.ServerListener.Close() // so that the hellos at s[0] are those of connections to it
	s[1].opt.ServerListener = nil
	s[0].start(t)
	s[1].start(t)
	<-s[0].hellos
	s[1].SendElection(1, &election.Message{Kind: election.Election, From: 3})
	<-s[0].hellos // the connection was closed and made again
	s[1].SendElection(1, &election.Message{Kind: election.Election, From: 2})
	if got := <-s[0].election; got.From != 2 || s[0].Stats().FramesBad != 1 {
		t.Errorf("got a message from %d, %d bad frames, want 2, 1", got.From, s[0].Stats().FramesBad)
	}
}

func TestStartReportsATakenPort(t *testing.T) {
	l := listenLoopback(t)
	_, err := Start(Options{Self: 1, ServerListen: "127.0.0.1:0", LeaderListen: l.Addr().String(), Handler: newInbox()})
	if err == nil || !strings.Contains(err.Error(), "leader_port "+l.Addr().String()) {
		t.Errorf("got %v, want the port and address", err)
	}
}

func TestCloseTwiceAndUse(t *testing.T) {
	a, b, ab, _ := linked(t, nil)
	for range 2 {
		if err := a.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if got := <-a.downs; !errors.Is(got.why, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", got.why)
	}
	<-b.downs
	a.Send(ab, []zab.Message{{Kind: zab.AskInfo}})
	a.Dial(2)
	a.SendElection(2, &election.Message{Kind: election.Heartbeat})
	a.CloseLink(ab)
	var got error
	a.SendSnapshot(ab, 1, strings.NewReader("x"), 1, func(err error) { got = err })
	if !errors.Is(got, ErrClosed) {
		t.Errorf("SendSnapshot: got %v, want ErrClosed", got)
	}
}
