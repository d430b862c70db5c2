package node

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Limits of one connection. Beyond them its socket is not read until there is
// room: the client waits, nothing is refused or lost.
const (
	// A socket takes as much at once. More would be copied as it grows, and with
	// large replies a crowd that does not read them makes that a lot of garbage.
	outBytesThrottle = 256 << 10
	// batchRequestsMax bounds what is done under one read lock of the tree.
	batchRequestsMax = 256
)

// batchWork is what a batch gathers for the loop.
type batchWork struct {
	treeLocked bool
	submits    []byte
	writes     int
	syncs      []uint64
	txn        tree.Transaction
	upgraded   uint64 // the session that becomes global with submits
}

// appendSubmission encodes txn with the frame that the inbox wants.
func appendSubmission(dst []byte, txn *tree.Transaction) []byte {
	start := len(dst)
	dst = tree.AppendTransaction(append(dst, 0, 0, 0, 0), txn)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// batch handles all requests that have come in whole. It returns false when the
// connection is to end.
func (c *clientConn) batch(in *inputBuffer) bool {
	w := &c.work
	for {
		n := 0
		c.active.Store(true)
		if len(in.bytes()) > 0 && !c.awaitThrottle() {
			return false
		}
		c.mu.Lock()
		c.reading = true
		for n < batchRequestsMax && !c.closing && len(c.out) < outBytesThrottle {
			p, _, ok := in.frame(c.n.opt.FrameBytesMax)
			if !ok || p != nil && (len(p) < wire.RequestHeaderBytes || !c.takeLarge(len(p))) {
				c.closeWhenWritten()
				break
			}
			if p == nil {
				break
			}
			n++
			c.request(w, p, in.at)
			c.leaveLarge(&c.large)
		}
		c.reading = false
		closing := c.closing
		c.mu.Unlock()
		c.hand(w)
		if closing {
			return false
		}
		if n < batchRequestsMax && !c.outFull() {
			return c.waitForRoom()
		}
		if !c.waitForRoom() {
			return false
		}
	}
}

// hand passes on what a batch gathered and flushes what it answered.
func (c *clientConn) hand(w *batchWork) {
	if w.treeLocked {
		c.n.tree.RUnlock()
		w.treeLocked = false
	}
	if w.writes > 0 {
		c.n.admission.enter(w.writes)
		c.n.inbox.submit(w.submits)
		c.n.upgraded(w)
		c.n.takeTurn()
		w.submits, w.writes = w.submits[:0], 0
		if cap(w.submits) > outBufferKeep {
			w.submits = nil
		}
	}
	for _, sequence := range w.syncs {
		c.n.inbox.post(func() { c.n.startSync(c, sequence) })
	}
	w.syncs = w.syncs[:0]
	c.flush()
}

func (c *clientConn) outFull() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.out) >= outBytesThrottle
}

// waitForRoom blocks while the connection has too much under way. It returns
// false when the connection ends.
func (c *clientConn) waitForRoom() bool {
	c.mu.Lock()
	for !c.closing && (c.queue.len() >= c.n.opt.RequestsPerClient || len(c.out) >= outBytesThrottle) {
		c.throttled = true
		c.resume.Wait()
	}
	ok := !c.closing
	outstanding := c.queue.len() > 0
	c.mu.Unlock()
	if ok && outstanding {
		c.n.admission.wait()
	}
	return ok
}

// lockTree takes the tree's read lock, which comes before c.mu. c.mu is held
// before and after.
func (c *clientConn) lockTree(w *batchWork) {
	if !w.treeLocked {
		c.mu.Unlock()
		c.n.tree.RLock()
		c.mu.Lock()
		w.treeLocked = true
	}
}

// request handles one request, which had come in at the time given. c.mu is held.
func (c *clientConn) request(w *batchWork, p []byte, at time.Duration) {
	xid, op := int32(binary.BigEndian.Uint32(p)), wire.OpCode(int32(binary.BigEndian.Uint32(p[4:])))
	body := p[wire.RequestHeaderBytes:]
	if c.leaving {
		return
	}
	c.stats.received++
	if op != wire.OpPing {
		c.stats.lastXid = xid
	}
	if !c.admitted && op != wire.OpAuth && op != wire.OpSASL {
		c.inTurn(w, request{kind: waitTurn, xid: xid, op: op, code: wire.ErrSessionClosedRequireSASLAuth})
		return
	}
	if c.refuseWaited(w, at, xid, op) {
		return
	}
	if c.readOnly && refusedReadOnly(op) {
		c.inTurn(w, request{kind: waitTurn, xid: xid, op: op, code: wire.ErrNotReadOnly})
		return
	}
	switch op.Class() {
	case wire.ClassRead, wire.ClassWatch:
		c.inTurn(w, request{kind: waitTurn, xid: xid, op: op, body: body})
	case wire.ClassWrite, wire.ClassReconfig:
		c.write(w, xid, op, body)
	case wire.ClassSync:
		c.sequence++
		s := c.sequence & (1<<sequenceBits - 1)
		c.queue.push(request{kind: waitSync, xid: xid, op: op, sequence: s, body: slices.Clone(body), at: now()})
		c.syncs++
		w.syncs = append(w.syncs, s)
	case wire.ClassConnection:
		c.connectionRequest(w, xid, op, body)
	case wire.ClassUnknown:
		c.inTurn(w, request{kind: waitTurn, xid: xid, op: op, code: wire.ErrUnimplemented})
	}
}

func (c *clientConn) connectionRequest(w *batchWork, xid int32, op wire.OpCode, body []byte) {
	r := request{kind: waitTurn, xid: xid, op: op}
	answered := true
	switch op {
	case wire.OpPing:
		r.xid = wire.XidPing
	case wire.OpAuth:
		r.code, answered = c.authenticate(body)
	case wire.OpSASL:
		var token []byte
		token, r.code, answered = c.login(body)
		r.body = (&wire.SASLToken{Token: token}).Append(nil)
	case wire.OpSetReplyLimit:
		r.body = body
	default: // whoAmI is answered in turn
	}
	if !answered {
		c.closeWhenWritten()
		return
	}
	c.inTurn(w, r)
}

// inTurn answers r at once if nothing is before it, or queues it.
func (c *clientConn) inTurn(w *batchWork, r request) {
	r.at = now()
	if c.queue.len() == 0 {
		c.lockTree(w)
		if c.queue.len() == 0 {
			c.execute(&r)
			return
		}
	}
	r.body = slices.Clone(r.body)
	c.keepLarge(&r)
	c.queue.push(r)
}

// write checks the form of a write and hands it on.
func (c *clientConn) write(w *batchWork, xid int32, op wire.OpCode, body []byte) {
	if c.local && op == wire.OpCloseSession {
		c.leaving = true
		c.inTurn(w, request{kind: waitTurn, xid: xid, op: op})
		return
	}
	var code wire.ErrorCode
	if op == wire.OpReconfig {
		code = c.checkReconfig(body)
	} else {
		code = tree.CheckForm(op, body, c.reader.Identities, c.n.opt.Settings)
	}
	if code != wire.OK {
		c.inTurn(w, request{kind: waitTurn, xid: xid, op: op, code: code})
		return
	}
	r := request{kind: waitWrite, xid: xid, op: op, at: now()}
	c.keepLarge(&r)
	if c.syncs > 0 {
		// It could be applied before the sync is confirmed, and then what the
		// client reads in between would be newer than its place in the order.
		r.kind, r.body = waitHand, slices.Clone(body)
		c.queue.push(r)
		return
	}
	c.submitWrite(w, &r, body)
	c.queue.push(r)
}

// submitWrite numbers a write and gathers its transaction. c.mu is held.
func (c *clientConn) submitWrite(w *batchWork, r *request, body []byte) {
	if c.local && c.n.opt.LocalSessions.Upgrade && tree.CreatesEphemeral(r.op, body) {
		c.upgrade(w)
	}
	c.sequence++
	r.sequence = c.sequence & (1<<sequenceBits - 1)
	t := &w.txn
	t.Op, _ = tree.OpFor(r.op)
	t.Origin, t.Request, t.Session = c.n.opt.ID, c.id<<sequenceBits|r.sequence, c.reader.Session
	t.Identities, t.Body, t.Settings = c.reader.Identities, body, 0
	if r.op == wire.OpReconfig && c.n.opt.isOperator(c.host) {
		t.Settings = tree.SettingOperator
	}
	if c.local {
		t.Settings |= tree.SettingLocalSession
		if t.Op != tree.OpReconfig { // its reply does not say whose it is
			c.n.locals.wrote(t.Session, 1)
		}
	}
	w.submits = appendSubmission(w.submits, t)
	t.Body = nil
	w.writes++
}

// handWaiting hands on the writes that waited for a sync that is answered now, up
// to the next sync. c.mu is held.
func (c *clientConn) handWaiting() {
	var w batchWork
	for i := c.queue.head; i < len(c.queue.items) && c.queue.items[i].kind != waitSync; i++ {
		if r := &c.queue.items[i]; r.kind == waitHand {
			c.submitWrite(&w, r, r.body)
			r.kind, r.body = waitWrite, nil
		}
	}
	if w.writes > 0 {
		c.n.admission.enter(w.writes)
		c.n.inbox.submit(w.submits)
		c.n.inbox.signal()
		c.n.upgraded(&w)
	}
}

// complete is the loop's: the write with this sequence number has been applied.
// The tree is locked.
func (c *clientConn) complete(sequence uint64, z zxid.Zxid, res *tree.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if c.queue.len() == 0 || c.queue.first().kind != waitWrite || c.queue.first().sequence != sequence {
		c.closeWhenWritten() // its queue and the log disagree: the client must ask anew
		return
	}
	r := *c.queue.first()
	c.queue.pop()
	c.leaveLarge(&r.large)
	c.n.admission.leave(1)
	code := res.HeaderErr()
	if code == wire.ErrSessionMoved || code == wire.ErrSessionExpired {
		c.closeWhenWritten()
		return
	}
	c.grow()
	start := len(c.out)
	c.out = wire.ReplyHeader{Xid: r.xid, Zxid: int64(z), Err: code}.Append(wire.BeginFrame(c.out))
	if code == wire.OK {
		c.out = res.AppendReply(c.out, r.op)
		c.limitWriteReply(&r, start)
	}
	c.out = wire.EndFrame(c.out, start)
	c.answered(&r, z)
	c.n.counters.writeLatency.observe(time.Duration(now() - r.at))
	if r.op == wire.OpCloseSession {
		c.closeWhenWritten() // what came behind it is not answered
	}
	c.advance()
}

// granted is the loop's: the sync with this sequence number is confirmed and
// applied. The tree is locked for reading.
func (c *clientConn) granted(sequence uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := c.queue.head; i < len(c.queue.items); i++ {
		if r := &c.queue.items[i]; r.kind == waitSync && r.sequence == sequence {
			r.done = true
			break
		}
	}
	c.advance()
}

// advance answers everything at the head of the queue that has nothing to wait
// for. The tree is locked and c.mu is held.
func (c *clientConn) advance() {
	for c.queue.len() > 0 && !c.closing {
		r := c.queue.first()
		if r.kind == waitWrite || r.kind == waitSync && !r.done {
			break
		}
		c.execute(r)
		wasSync := r.kind == waitSync
		c.leaveLarge(&r.large)
		c.queue.pop()
		if wasSync {
			c.syncs--
			c.handWaiting()
		}
	}
	if c.throttled && c.queue.len() < (c.n.opt.RequestsPerClient+1)/2 {
		c.throttled = false
		c.resume.Signal()
	}
	if len(c.out) > outBytesMax {
		c.closing, c.closed = true, true
		c.resume.Broadcast()
		_ = c.nc.Close()
	}
}

// execute answers a request whose turn it is. The tree is locked and c.mu is
// held.
func (c *clientConn) execute(r *request) {
	z := c.n.replica.State().Zxid
	header := wire.ReplyHeader{Xid: r.xid, Zxid: int64(z), Err: r.code}
	if r.code == wire.ErrUnimplemented && r.op.Class() == wire.ClassUnknown {
		header.Zxid = -1
	}
	if r.op == wire.OpAuth || r.op == wire.OpSASL || finalAnswer(r.code) {
		header.Zxid = 0
	}
	c.grow()
	if r.code == wire.OK && r.op.Class() == wire.ClassWatch {
		c.watchRequest(r, header)
		return
	}
	start := len(c.out)
	c.out = header.Append(wire.BeginFrame(c.out))
	switch {
	case r.op == wire.OpSASL && (r.code == wire.OK || finalAnswer(r.code)):
		c.out = append(c.out, r.body...)
	case r.code == wire.OK:
		c.appendBody(r, start)
	}
	c.out = wire.EndFrame(c.out, start)
	c.answered(r, z)
	c.n.counters.readLatency.observe(time.Duration(now() - r.at))
	switch {
	case finalAnswer(r.code) || header.Zxid == -1:
		c.closeWhenWritten()
	case r.op == wire.OpCloseSession && r.code == wire.OK:
		c.closeLocal()
	}
}

// checkReconfig refuses what is no reconfig, and where it is switched off. The
// leader judges the rest.
func (c *clientConn) checkReconfig(body []byte) wire.ErrorCode {
	var p wire.ReconfigRequest
	r := wire.NewReader(body)
	if p.Decode(&r); !r.OK() {
		return r.Code()
	}
	if !c.n.opt.Reconfig.Enabled {
		return wire.ErrReconfigDisabled
	}
	return wire.OK
}

// watchRequest answers an operation on watches. Events that setWatches catches
// up on go out before the reply.
func (c *clientConn) watchRequest(r *request, header wire.ReplyHeader) {
	var room [64]byte
	state := c.n.replica.State()
	c.n.watchLock.Lock()
	body, code := state.Tree.WatchRequest(state.Watches, tree.WatcherID(c.id), r.op, r.body, c.n.opt.Settings, eventsTo{c}, room[:0])
	c.n.watchLock.Unlock()
	header.Err = code
	start := len(c.out)
	c.out = header.Append(wire.BeginFrame(c.out))
	if code == wire.OK {
		c.out = append(c.out, body...)
	}
	c.out = wire.EndFrame(c.out, start)
	c.answered(r, zxid.Zxid(header.Zxid))
}

// eventsTo puts events into the output of the connection whose lock is held.
type eventsTo struct{ c *clientConn }

// WatchEvent implements tree.EventSink.
func (e eventsTo) WatchEvent(_ tree.WatcherID, ev *tree.Event) { e.c.event(ev) }

// event queues a watch event if the client may see it. c.mu is held.
func (c *clientConn) event(ev *tree.Event) {
	if c.closing || !ev.Readable(c.reader.Identities) {
		return
	}
	c.grow()
	c.out = append(c.out, ev.Frame()...)
	c.stats.sent++
}

func (c *clientConn) answered(r *request, z zxid.Zxid) {
	d := time.Duration(now() - r.at)
	c.stats.sent++
	c.stats.lastOp, c.stats.lastZxid = r.op, z
	c.stats.lastLatency, c.stats.lastResponse = d, r.at+int64(d)
	c.stats.latency.add(d)
}
