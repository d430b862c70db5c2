package bench

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
	"github.com/zabkeeper/zabkeeper/wire"
)

// testGround is one that no server has.
func testGround(w Workload) *ground {
	o := Options{Workload: w, Connections: 2, Reads: 0.5}.WithDefaults()
	g := &ground{o: &o, root: "/r", value: value(100)}
	for k := range 10 {
		g.paths = append(g.paths, fmt.Appendf(nil, "/r/d00000/n%07d", k))
	}
	return g
}

func testLane(w Workload, in []byte, chunk int) *lane {
	c := &connection{nc: &scripted{in: in, chunk: chunk}, in: make([]byte, 64), timeout: time.Hour}
	l := newLane(c, newGenerator(testGround(w), 1), 8, false)
	l.shard, l.total = newRecorder().shard(0), new(atomic.Int64)
	l.window = window{from: 0, to: 1 << 62}
	return l
}

func replies(n int, code wire.ErrorCode) (out []byte) {
	for i := range n {
		start := len(out)
		out = wire.EndFrame(wire.ReplyHeader{Xid: xidOf(uint64(i)), Zxid: int64(i), Err: code}.Append(wire.BeginFrame(out)), start)
	}
	return out
}

func TestOperationsDoNotAllocate(t *testing.T) {
	for _, w := range []Workload{Set, Get, Create, List, Mixed} {
		l := testLane(w, nil, 0)
		frames := replies(4, wire.OK)
		round := func() {
			// One round of a lane's writer and reader, without the socket.
			l.done.Store(0)
			l.sent.Store(l.gather(0, 1))
			l.c.in, l.c.start, l.c.end = frames, 0, len(frames)
			for done := uint64(0); done < 4; {
				payload, _, err := l.c.whole()
				if err != nil || payload == nil {
					t.Fatal(err, payload)
				}
				if done, _, err = l.take(payload, 2, done, 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		round()
		if n := testing.AllocsPerRun(100, round); n != 0 {
			t.Errorf("%s: 8 requests and 4 replies allocate %v times", w, n)
		}
	}
}

func TestASchedule(t *testing.T) {
	o := Options{Connections: 4, Rate: 1000}
	seen := map[int64]bool{}
	for i := range 4 {
		s := o.schedule(i, 100, 1<<60)
		for n := range uint64(250) {
			seen[s.due(n)-100] = true
		}
	}
	for ms := range int64(1000) {
		if !seen[ms*1e6] {
			t.Fatalf("nothing begins %d ms after the start; 1000 a second were asked for", ms)
		}
	}
	if o.Rate = 0; o.schedule(3, 100, 200).interval != 0 {
		t.Error("a closed loop has an interval")
	}
}

// TestWhatALaneCounts: in a closed loop the time of the answer decides, in an open
// loop the time at which the request was to begin.
func TestWhatALaneCounts(t *testing.T) {
	for _, c := range []struct {
		name      string
		interval  float64
		begin, at int64
		code      wire.ErrorCode
		measured  int64
		latency   int64
		errors    int64
	}{
		{"closed, answered inside", 0, 50, 1500, wire.OK, 1, 1450, 0},
		{"closed, answered behind", 0, 1500, 2000, wire.OK, 0, 0, 0},
		{"open, began inside, answered long after", 1, 1500, 901_500, wire.OK, 1, 900_000, 0},
		{"open, began in the warm-up", 1, 999, 1500, wire.OK, 0, 0, 0},
		{"refused", 0, 1000, 1500, wire.ErrNoNode, 0, 0, 1},
		{"refused outside", 0, 1000, 2500, wire.ErrNoNode, 0, 0, 0},
	} {
		l := testLane(Set, nil, 0)
		l.window, l.schedule.interval = window{from: 1000, to: 2000}, c.interval
		l.sent.Store(1)
		l.ring[0] = slot{begin: c.begin}
		if done, _, err := l.take(replies(1, c.code)[4:], c.at, 0, 0); done != 1 || err != nil {
			t.Fatalf("%s: %d, %v", c.name, done, err)
		}
		h := l.shard.writes
		if h.TotalCount() != c.measured || l.shard.errors["NONODE"] != c.errors {
			t.Errorf("%s: %d measured, errors %v", c.name, h.TotalCount(), l.shard.errors)
		}
		if c.measured == 1 && !near(h.Max(), c.latency) {
			t.Errorf("%s: latency %d, want %d", c.name, h.Max(), c.latency)
		}
	}
}

// near allows for the digits that a histogram keeps.
func near(got, want int64) bool { return got >= want && got <= want+want/500+64 }

func TestRepliesOutOfOrderAreRefused(t *testing.T) {
	l := testLane(Set, nil, 0)
	l.sent.Store(2)
	if _, _, err := l.take(replies(2, wire.OK)[24:], 1, 0, 0); err == nil {
		t.Error("the second reply passed for the first")
	}
	if _, _, err := testLane(Set, nil, 0).take(replies(1, wire.OK)[4:], 1, 0, 0); err == nil {
		t.Error("a reply to nothing passed")
	}
}

func TestCountingInDigits(t *testing.T) {
	b := []byte("0000000998")
	for _, want := range []string{"0000000999", "0000001000", "0000001001"} {
		if count(b); string(b) != want {
			t.Errorf("got %s, want %s", b, want)
		}
	}
}

// FuzzReplies: whatever a server sends, a lane's reader ends with an error or in
// order, and holds no more than a small multiple of what came.
func FuzzReplies(f *testing.F) {
	f.Add(replies(3, wire.OK), 5)
	f.Add([]byte{0x1f, 0xff, 0xff, 0xff, 1}, 1)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, 4)
	f.Fuzz(func(t *testing.T, in []byte, chunk int) {
		l := testLane(Set, in, chunk)
		l.sent.Store(3)
		l.ended.Store(true)
		var err error
		if n := allocation.Bytes(func() { err = l.read() }); n > uint64(8*len(in)+4*readBufferLeast+64<<10) {
			t.Errorf("%d bytes allocated for %d", n, len(in))
		}
		if err == nil && l.done.Load() != 3 {
			t.Errorf("ended in order after %d of 3 replies", l.done.Load())
		}
		if len(l.c.in) > 4*len(in)+2*readBufferLeast {
			t.Errorf("%d bytes held for %d", len(l.c.in), len(in))
		}
	})
}

// TestFramesInPieces: however the bytes are cut, the same replies come out.
func TestFramesInPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		l := testLane(Set, replies(8, wire.OK), 1+rng.IntN(60))
		l.sent.Store(8)
		l.ended.Store(true)
		if err := l.read(); err != nil || l.done.Load() != 8 {
			t.Fatalf("%d of 8 replies, %v", l.done.Load(), err)
		}
	}
}

// TestALateRequestBeganOnTime: requests for which there was no room are sent when
// the server answers again, and their latency begins when the schedule says.
func TestALateRequestBeganOnTime(t *testing.T) {
	l := testLane(Set, nil, 0)
	l.room = 2
	l.schedule = schedule{first: 1000, interval: 10, end: 1060}
	if n := l.gather(0, 1035); n != 2 {
		t.Fatalf("%d requests under way, there is room for 2", n)
	}
	l.done.Store(2)
	if n := l.gather(2, 1_000_000); n != 4 {
		t.Fatalf("%d requests sent in all, want 4", n)
	}
	l.done.Store(4)
	if n := l.gather(4, 1_000_000); n != 6 {
		t.Fatalf("%d requests sent in all, want 6", n)
	}
	l.done.Store(6)
	if n := l.gather(6, 1_000_000); n != 6 {
		t.Errorf("a request that was to begin at the end was sent")
	}
	for n := range uint64(6) {
		if begin := l.ring[n].begin; begin != 1000+10*int64(n) {
			t.Errorf("request %d began at %d, want %d", n, begin, 1000+10*n)
		}
	}
}
