package peer

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

func noise(n int) []byte {
	p := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

func (h *inbox) use(s *sink) {
	h.begin = func(zxid.Zxid, int64) (SnapshotSink, error) { return s, nil }
}

// TestSnapshotKeepsItsPlace: what was sent before comes before, what was sent
// behind comes when the sink has finished.
func TestSnapshotKeepsItsPlace(t *testing.T) {
	for _, size := range []int{0, 1, SnapshotChunkBytes, 3*SnapshotWindowBytes + 17} {
		s, data := newSink(), noise(size)
		a, b, ab, _ := linked(t, func(_, b *Options) { b.Handler.(*inbox).use(s) })
		done := make(chan error, 1)
		a.Send(ab, []zab.Message{{Kind: zab.NewEpoch, Epoch: 1}})
		a.SendSnapshot(ab, zxid.New(1, 2), bytes.NewReader(data), int64(size), func(err error) { done <- err })
		a.Send(ab, []zab.Message{{Kind: zab.UpToDate, Epoch: 1}})
		if got := <-b.messages; got.Kind != zab.NewEpoch {
			t.Errorf("size %d: got %v, want new_epoch", size, got.Kind)
		}
		if got := <-b.messages; got.Kind != zab.UpToDate {
			t.Errorf("size %d: got %v, want up_to_date", size, got.Kind)
		}
		select {
		case <-s.finished:
		default:
			t.Errorf("size %d: up_to_date came before Finish", size)
		}
		if err := <-done; err != nil || !bytes.Equal(s.got.Bytes(), data) {
			t.Errorf("size %d: got %d bytes, %v", size, s.got.Len(), err)
		}
	}
}

// TestPingsOvertakeASnapshot: the receiver's disk stands still, pings and pongs
// go both ways, other messages wait (T2).
func TestPingsOvertakeASnapshot(t *testing.T) {
	s, data := newSink(), noise(2*SnapshotWindowBytes)
	s.gate = make(chan struct{})
	a, b, ab, ba := linked(t, func(_, b *Options) { b.Handler.(*inbox).use(s) })
	done := make(chan error, 1)
	a.SendSnapshot(ab, 5, bytes.NewReader(data), int64(len(data)), func(err error) { done <- err })
	a.Send(ab, []zab.Message{{Kind: zab.Commit, Zxid: 5}})
	for i := range uint64(50) {
		a.Send(ab, []zab.Message{{Kind: zab.Ping, Seq: i}})
		if got := <-b.messages; got.Kind != zab.Ping || got.Seq != i {
			t.Fatalf("got %v %d, want ping %d", got.Kind, got.Seq, i)
		}
		b.Send(ba, []zab.Message{{Kind: zab.Pong, Seq: i}, {Kind: zab.ReadRequest, Seq: i}})
		for _, want := range []zab.Kind{zab.Pong, zab.ReadRequest} {
			if got := <-a.messages; got.Kind != want || got.Seq != i {
				t.Fatalf("got %v %d, want %v %d", got.Kind, got.Seq, want, i)
			}
		}
	}
	close(s.gate)
	if got := <-b.messages; got.Kind != zab.Commit {
		t.Errorf("got %v, want the commit", got.Kind)
	}
	if err := <-done; err != nil {
		t.Errorf("done: %v", err)
	}
}

// TestPingsOvertakeTheQueue: the reader is held, so much is queued; the ping
// comes before what was queued first.
func TestPingsOvertakeTheQueue(t *testing.T) {
	hold := make(chan struct{})
	a, b, ab, _ := linked(t, func(_, b *Options) { b.Handler.(*inbox).hold = hold })
	const n = 40
	for range n {
		a.Send(ab, []zab.Message{{Kind: zab.Proposal, Runs: [][]byte{make([]byte, 1<<20)}}})
	}
	a.Send(ab, []zab.Message{{Kind: zab.Ping}})
	close(hold)
	before := 0
	for m := range b.messages {
		if m.Kind == zab.Ping {
			break
		}
		before++
	}
	if before == n {
		t.Errorf("the ping came behind all %d proposals", n)
	}
}

func TestTwoSnapshotsFollowEachOther(t *testing.T) {
	sinks := make(chan *sink, 2)
	a, _, ab, _ := linked(t, func(_, b *Options) {
		b.Handler.(*inbox).begin = func(zxid.Zxid, int64) (SnapshotSink, error) {
			s := newSink()
			sinks <- s
			return s, nil
		}
	})
	done := make(chan error, 2)
	for _, text := range []string{"first", "second"} {
		a.SendSnapshot(ab, 1, strings.NewReader(text), int64(len(text)), func(err error) { done <- err })
	}
	for _, want := range []string{"first", "second"} {
		if err := <-done; err != nil {
			t.Errorf("done: %v", err)
		}
		k := <-sinks
		<-k.finished
		if got := k.got.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// failingSink fails where it is told to.
type failingSink struct {
	*sink
	write, finish error
}

func (s *failingSink) Write(p []byte) (int, error) { return len(p), s.write }
func (s *failingSink) Finish() error               { return s.finish }

func TestSnapshotFailures(t *testing.T) {
	full, bad := errors.New("disk full"), errors.New("does not verify")
	tests := []struct {
		name  string
		sink  *failingSink
		r     io.ReaderAt
		size  int64
		want  error // at the receiver; nil: the sender's fault
		abort bool
	}{
		{"begin", nil, strings.NewReader("abc"), 3, nil, false},
		{"write", &failingSink{sink: newSink(), write: full}, strings.NewReader("abc"), 3, full, true},
		{"finish", &failingSink{sink: newSink(), finish: bad}, strings.NewReader("abc"), 3, bad, false},
		{"short source", &failingSink{sink: newSink()}, strings.NewReader("abc"), 4, nil, false},
	}
	for _, test := range tests {
		a, b, ab, _ := linked(t, func(_, b *Options) {
			if test.sink != nil {
				b.Handler.(*inbox).begin = func(zxid.Zxid, int64) (SnapshotSink, error) { return test.sink, nil }
			}
		})
		done := make(chan error, 2)
		a.SendSnapshot(ab, 5, test.r, test.size, func(err error) { done <- err })
		a.SendSnapshot(ab, 6, test.r, test.size, func(err error) { done <- err })
		if got := <-b.downs; got.why == nil || test.want != nil && !errors.Is(got.why, test.want) {
			t.Errorf("%s: receiver: got %v, want %v", test.name, got.why, test.want)
		}
		for range 2 {
			if err := <-done; err == nil {
				t.Errorf("%s: done without an error", test.name)
			}
		}
		if test.abort {
			select {
			case <-test.sink.aborted:
			default:
				t.Errorf("%s: LinkDown came before Abort", test.name)
			}
		}
	}
}

// TestSnapshotProtocol: a sender that does not keep to it loses its link, and
// the sink is aborted before LinkDown.
func TestSnapshotProtocol(t *testing.T) {
	begin := zab.Message{Kind: snapshotBegin, Zxid: 5, Seq: 10}
	chunk := func(at uint64, n int) zab.Message {
		return zab.Message{Kind: snapshotChunk, Seq: at, Payload: make([]byte, n)}
	}
	tests := []struct {
		name string
		m    []zab.Message
		want error
	}{
		{"begin twice", []zab.Message{begin, begin}, ErrProtocol},
		{"gap", []zab.Message{begin, chunk(1, 3)}, ErrProtocol},
		{"too much", []zab.Message{begin, chunk(0, 11)}, ErrProtocol},
		{"empty chunk", []zab.Message{begin, chunk(0, 0)}, ErrProtocol},
		{"early end", []zab.Message{begin, chunk(0, 9), {Kind: snapshotEnd}}, ErrProtocol},
		{"behind the end", []zab.Message{begin, chunk(0, 10), {Kind: snapshotEnd}, chunk(10, 1)}, ErrProtocol},
		{"message inside", []zab.Message{begin, {Kind: zab.Commit}}, ErrProtocol},
		{"huge", []zab.Message{{Kind: snapshotBegin, Seq: 1 << 63}}, ErrProtocol},
		{"beyond the window", append([]zab.Message{{Kind: snapshotBegin, Seq: 1 << 30}}, chunks(100)...), ErrProtocol},
		{"wrong checksum", []zab.Message{begin, chunk(0, 10), {Kind: snapshotEnd, Seq: 1}}, ErrChecksum},
	}
	for _, test := range tests {
		s := cluster(t, 2)
		k, gate := newSink(), make(chan struct{})
		if test.want == ErrProtocol {
			k.gate = gate // so that the snapshot is still going on
		}
		s[0].use(k)
		s[0].start(t)
		c := s[0].raw(t, 2)
		c.sendRaw(t, 2, test.m...)
		if test.want == ErrProtocol {
			_, _ = io.Copy(io.Discard, c) // closed by the server
			close(gate)
		}
		if got := <-s[0].downs; !errors.Is(got.why, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got.why, test.want)
		}
	}
}

func chunks(n int) (m []zab.Message) {
	for i := range n {
		m = append(m, zab.Message{Kind: snapshotChunk, Seq: uint64(i), Payload: []byte{1}})
	}
	return m
}

// TestLinkEndsDuringSnapshot: the receiver goes away in the middle.
func TestLinkEndsDuringSnapshot(t *testing.T) {
	s, data := newSink(), noise(3*SnapshotWindowBytes)
	s.gate = make(chan struct{})
	a, b, ab, ba := linked(t, func(_, b *Options) { b.Handler.(*inbox).use(s) })
	done := make(chan error, 1)
	a.SendSnapshot(ab, 5, bytes.NewReader(data), int64(len(data)), func(err error) { done <- err })
	s.gate <- struct{}{}
	b.CloseLink(ba)
	if err := <-done; err == nil {
		t.Errorf("done without an error")
	}
	close(s.gate)
	<-b.downs
	select {
	case <-s.aborted:
	default:
		t.Errorf("LinkDown came before Abort")
	}
}
