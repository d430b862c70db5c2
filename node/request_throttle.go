package node

import (
	"sync/atomic"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// Throttle says when requests wait and when they are refused instead.
type Throttle struct {
	// Requests is how many writes may be under way before every connection
	// waits, also one that has none; 0 for no limit.
	Requests int
	// RefuseWait is how long a request may wait to be looked at; one that waited
	// longer is answered by an error and not carried out. 0 for any time.
	RefuseWait time.Duration
	// Requests of more than LargeThreshold bytes are large; all of them together
	// may have LargeBytesMax. 0 for no limit.
	LargeThreshold int
	LargeBytesMax  int
}

// throttleCounters are what the throttle did, under ZooKeeper's names.
type throttleCounters struct {
	waits      atomic.Uint64 // request_throttle_wait_count
	refused    atomic.Uint64 // throttled_ops
	large      atomic.Uint64 // large_requests_rejected
	largeBytes atomic.Int64  // of large requests, now
}

func (t *throttleCounters) report(put func(string, any)) {
	put("request_throttle_wait_count", t.waits.Load())
	put("throttled_ops", t.refused.Load())
	put("large_requests_rejected", t.large.Load())
}

// awaitThrottle waits while more writes are under way than the throttle allows.
// It returns false when the connection ends.
func (c *clientConn) awaitThrottle() bool {
	limit := c.n.opt.Throttle.Requests
	if limit <= 0 || !c.n.admission.above(limit) {
		return true
	}
	c.n.throttled.waits.Add(1)
	c.n.admission.waitUntil(limit)
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closing
}

// refuseWaited answers a request that came in at and waited too long. c.mu is
// held.
func (c *clientConn) refuseWaited(w *batchWork, at time.Duration, xid int32, op wire.OpCode) bool {
	limit := c.n.opt.Throttle.RefuseWait
	if limit <= 0 || op == wire.OpPing || op == wire.OpCloseSession || monotonic()-at <= limit {
		return false
	}
	c.n.throttled.refused.Add(1)
	c.inTurn(w, request{kind: waitTurn, xid: xid, op: op, code: wire.ErrThrottledOp})
	return true
}

// takeLarge makes room for a request of n bytes that is being received or about
// to be carried out, once; false when there is none. c.mu is held.
func (c *clientConn) takeLarge(n int) bool {
	o := &c.n.opt.Throttle
	if o.LargeThreshold <= 0 || n <= o.LargeThreshold || c.large > 0 {
		return true
	}
	if c.n.throttled.largeBytes.Add(int64(n)) > int64(o.LargeBytesMax) {
		c.n.throttled.largeBytes.Add(-int64(n))
		c.n.throttled.large.Add(1)
		return false
	}
	c.large = n
	return true
}

// keepLarge hands the room of the request at hand to its entry in the queue.
// c.mu is held.
func (c *clientConn) keepLarge(r *request) { r.large, c.large = c.large, 0 }

// leaveLarge gives room back. c.mu is held.
func (c *clientConn) leaveLarge(n *int) {
	if *n > 0 {
		c.n.throttled.largeBytes.Add(-int64(*n))
		*n = 0
	}
}

// mayReceive makes room for a frame of which the length has come.
func (c *clientConn) mayReceive(need int) bool {
	if o := &c.n.opt.Throttle; o.LargeThreshold <= 0 || need-wire.FrameHeaderBytes <= o.LargeThreshold {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.takeLarge(need - wire.FrameHeaderBytes)
}
