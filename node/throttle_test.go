package node

import (
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// L05.
func TestTokenBucket(t *testing.T) {
	const s = time.Second
	var b tokenBucket
	b.init(ConnectionThrottle{Tokens: 3, FillTime: s, FillCount: 2}, 0)
	for i, step := range []struct {
		now  time.Duration
		cost int
		want bool
	}{
		{0, 1, true}, {0, 1, true}, {0, 2, false}, {0, 1, true}, {0, 1, false},
		{s - 1, 1, false}, {s, 1, true}, {s, 1, true}, {s, 1, false},
		{100 * s, 3, true}, {100 * s, 1, false}, // never more than it holds
		{100*s + s/2, 1, false}, {101 * s, 2, true},
	} {
		if got := b.take(step.cost, step.now, 0.5); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
	if b.missing.count != 13 || b.missing.most != 3 || b.missing.least != 0 {
		t.Errorf("missing %+v", b.missing)
	}
	var off tokenBucket
	off.init(ConnectionThrottle{}, 0)
	if !off.take(5, 0, 0) {
		t.Error("a bucket that is off refuses")
	}
}

func TestTheShareRefusedAtRandomGrowsAndShrinks(t *testing.T) {
	const s = time.Second
	var b tokenBucket
	b.init(ConnectionThrottle{Tokens: 2, FillTime: 100 * s, FillCount: 2, FreezeTime: s, DropIncrease: 0.4, DropDecrease: 0.5, DecreaseRatio: 0.5}, 0)
	want := func(now time.Duration, luck float64, ok bool, drop float64) {
		t.Helper()
		if got := b.take(1, now, luck); got != ok || b.drop != drop {
			t.Errorf("at %v: %v with a share of %v, want %v with %v", now, got, b.drop, ok, drop)
		}
	}
	want(0, 0, true, 0)
	want(0, 0, true, 0)
	want(0, 0, false, 0)
	want(s, 0.9, false, 0.4)
	want(s, 0.9, false, 0.4)
	want(2*s, 0.9, false, 0.8)
	want(3*s, 0.9, false, 1)
	want(100*s, 0.9, true, 0.5)
	want(100*s, 0.4, false, 0.5)
	want(101*s, 0, true, 0)
}

func TestWeights(t *testing.T) {
	var b tokenBucket
	o := ConnectionThrottle{Tokens: 9, WeightEnabled: true, GlobalWeight: 3, LocalWeight: 1, RenewWeight: 2}
	b.init(o, 0)
	if g, l, r := b.weight(false, false), b.weight(false, true), b.weight(true, true); g != 3 || l != 1 || r != 2 {
		t.Errorf("%d %d %d", g, l, r)
	}
	o.WeightEnabled = false
	b.init(o, 0)
	if b.weight(false, false) != 1 {
		t.Error("weights that are off count")
	}
}

func oneServer(t *testing.T, change func(*Options)) (*Node, string) {
	c := newCluster(t, 1, change)
	c.awaitServing()
	return c.nodes[0], c.opts[0].ClientAddress
}

func TestConnectionsWithoutATokenAreClosed(t *testing.T) {
	n, address := oneServer(t, func(o *Options) {
		o.ConnectionThrottle = ConnectionThrottle{Tokens: 2, FillTime: time.Hour, FillCount: 1}
	})
	for i := range 3 {
		if _, ok := dialRaw(t, address).hello(wire.ConnectRequest{TimeoutMs: 5000}); ok != (i < 2) {
			t.Errorf("connection %d: %v", i+1, ok)
		}
	}
	if r := n.counters.rejected.Load(); r != 1 {
		t.Errorf("%d rejected", r)
	}
}

// heldWrites makes writes seem to be under way, as a slow disk would.
func (n *Node) heldWrites(by int) {
	if by > 0 {
		n.admission.enter(by)
	} else {
		n.admission.leave(-by)
	}
}

func TestRequestsThatWaitedTooLongAreRefused(t *testing.T) {
	n, address := oneServer(t, func(o *Options) { o.Throttle = Throttle{Requests: 10, RefuseWait: time.Millisecond} })
	conn := dialRaw(t, address)
	if _, ok := conn.hello(wire.ConnectRequest{TimeoutMs: 5000}); !ok {
		t.Fatal("no session")
	}
	n.heldWrites(11)
	conn.send(1, wire.OpCreate, createBody("/refused", 0))
	conn.send(2, wire.OpPing, nil)
	eventually(t, "the connection waits", func() bool { return n.throttled.waits.Load() == 1 })
	before := monotonic()
	eventually(t, "more than the time is over", func() bool { return monotonic()-before > 5*time.Millisecond })
	n.heldWrites(-11)
	for _, want := range []wire.ReplyHeader{{Xid: 1, Err: wire.ErrThrottledOp}, {Xid: wire.XidPing}} {
		var h wire.ReplyHeader
		r := wire.NewReader(conn.frame())
		if h.Decode(&r); h.Xid != want.Xid || h.Err != want.Err {
			t.Errorf("got %+v, want %+v", h, want)
		}
	}
	if n.hasNode("/refused") || n.throttled.refused.Load() != 1 {
		t.Errorf("%d refused", n.throttled.refused.Load())
	}
	if h := conn.ask(wire.OpCloseSession, nil); h.Err != wire.OK {
		t.Errorf("close: %v", h.Err)
	}
}

func TestLargeRequests(t *testing.T) {
	n, address := oneServer(t, func(o *Options) { o.Throttle = Throttle{LargeThreshold: 1000, LargeBytesMax: 5000} })
	large := (&wire.SetDataRequest{Path: []byte("/zookeeper/none"), Data: make([]byte, 3000), Version: -1}).Append(nil)
	conns := []*rawClient{dialRaw(t, address), dialRaw(t, address)}
	for _, c := range conns {
		if _, ok := c.hello(wire.ConnectRequest{TimeoutMs: 5000}); !ok {
			t.Fatal("no session")
		}
	}
	// One after the other they fit, whatever comes of them.
	for range 5 {
		if h := conns[0].ask(wire.OpSetData, large); h.Err != wire.ErrNoNode {
			t.Errorf("set: %v", h.Err)
		}
	}
	if h := conns[0].ask(wire.OpExists, append(existsBody("/"), make([]byte, 2000)...)); h.Err != wire.OK && h.Err != wire.ErrMarshalling {
		t.Errorf("exists: %v", h.Err)
	}
	eventually(t, "the room is given back", func() bool { return n.throttled.largeBytes.Load() == 0 })
	// One that is only on its way counts as well.
	frame := wire.EndFrame(append(wire.RequestHeader{Xid: 1, Op: wire.OpSetData}.Append(wire.BeginFrame(nil)), large...), 0)
	_, _ = conns[0].nc.Write(frame[:10])
	eventually(t, "it counts", func() bool { return n.throttled.largeBytes.Load() > 0 })
	conns[1].send(1, wire.OpSetData, large)
	if conns[1].frame() != nil || n.throttled.large.Load() != 1 {
		t.Error("a large request too many was not refused")
	}
	_, _ = conns[0].nc.Write(frame[10:])
	if b := conns[0].frame(); b == nil {
		t.Error("the first one was not answered")
	}
	_, _ = conns[0].nc.Write(frame[:10])
	eventually(t, "it counts", func() bool { return n.throttled.largeBytes.Load() > 0 })
	_ = conns[0].nc.Close()
	eventually(t, "the room is given back with its connection", func() bool { return n.throttled.largeBytes.Load() == 0 })
}
