//go:build !race

// The race detector makes sync.Pool forget at random; budgets hold without it.

package node

import (
	"math"
	"runtime"
	"testing"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/wire"
)

// bareConnection is one of a server on its own, without a socket and on a disk in
// memory: requests are put into its receive buffer, and what it answers stays in
// its output.
type bareConnection struct {
	n  *Node
	c  *clientConn
	in *inputBuffer
}

func newBareConnection(t *testing.T) *bareConnection {
	cl := newCluster(t, 1, func(o *Options) { o.FS, o.DataDir = vfs.NewMemory(), "/data" })
	cl.awaitServing()
	b := &bareConnection{n: cl.nodes[0]}
	b.c = pipeConn(b.n)
	b.c.id = 1 << 40
	b.c.flushing = true // "somebody is writing": nothing goes to the pipe
	b.in = newInputBuffer(b.c)
	added := make(chan struct{})
	b.n.inbox.post(func() {
		b.n.loop.conns[b.c.id] = b.c
		close(added)
	})
	<-added
	create := wire.CreateRequest{Path: []byte("/a"), Data: make([]byte, 100), ACL: wire.NewACLs(wire.WorldAnyone(wire.PermAll))}
	b.run(b.frames(1, wire.OpCreate, create.Append(nil)), 1)
	return b
}

func (b *bareConnection) frames(n int, op wire.OpCode, body []byte) []byte {
	var out []byte
	for i := range n {
		start := len(out)
		xid := int32(i + 1)
		if op == wire.OpPing {
			xid = wire.XidPing
		}
		out = wire.RequestHeader{Xid: xid, Op: op}.Append(wire.BeginFrame(out))
		out = wire.EndFrame(append(out, body...), start)
	}
	return out
}

// run has the connection handle the frames and waits for all answers.
func (b *bareConnection) run(frames []byte, answers uint64) {
	want := b.c.stats.sent + answers
	b.in.b, b.in.start, b.in.end = frames, 0, len(frames)
	b.c.batch(b.in)
	for done := false; !done; {
		b.c.mu.Lock()
		done = b.c.stats.sent >= want
		b.c.mu.Unlock()
		if !done {
			runtime.Gosched()
		}
	}
	b.c.mu.Lock()
	b.c.out = b.c.out[:0]
	b.c.mu.Unlock()
}

// TestRequestAllocations holds what a request costs a server, from its bytes to
// the bytes of the answer, against a budget. The server's ticks fall into it, and
// the disk grows, now and then: the best of a few samples counts, which a
// regression raises all the same.
func TestRequestAllocations(t *testing.T) {
	const batch, rounds, samples = 100, 50, 8
	get := wire.PathWatchRequest{Path: []byte("/a")}
	watch := wire.PathWatchRequest{Path: []byte("/a"), Watch: true}
	set := wire.SetDataRequest{Path: []byte("/a"), Data: make([]byte, 100), Version: -1}
	b := newBareConnection(t)
	gets, pings := b.frames(batch, wire.OpGetData, get.Append(nil)), b.frames(batch, wire.OpPing, nil)
	sets, watches := b.frames(batch, wire.OpSetData, set.Append(nil)), b.frames(1, wire.OpGetData, watch.Append(nil))
	one := b.frames(1, wire.OpSetData, set.Append(nil))
	for _, c := range []struct {
		name          string
		do            func()
		operations    int // of one do
		allocs, bytes float64
	}{
		{"a read", func() { b.run(gets, batch) }, batch, 0.01, 1},
		{"a session's ping", func() { b.run(pings, batch) }, batch, 0.01, 1},
		{"one of 100 writes", func() { b.run(sets, batch) }, batch, 1, 1000},
		{"a write on its own", func() { b.run(one, 1) }, 1, 17, 1450},
		{"a watch, a write and its event", func() { b.run(watches, 1); b.run(one, 2) }, 1, 24, 1700},
	} {
		c.do()
		allocs, bytes := math.MaxFloat64, math.MaxFloat64
		for range samples {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range rounds {
				c.do()
			}
			runtime.ReadMemStats(&after)
			n := float64(rounds * c.operations)
			allocs = min(allocs, float64(after.Mallocs-before.Mallocs)/n)
			bytes = min(bytes, float64(after.TotalAlloc-before.TotalAlloc)/n)
		}
		t.Logf("%s costs %.3f allocations and %.1f bytes", c.name, allocs, bytes)
		if allocs > c.allocs || bytes > c.bytes {
			t.Errorf("%s costs %.3f allocations and %.1f bytes; the budget is %.3f and %.1f", c.name, allocs, bytes, c.allocs, c.bytes)
		}
	}
}
