package client

import (
	"context"
	"encoding/binary"
	"math"
	"slices"

	"github.com/zabkeeper/zabkeeper/wire"
)

// request is one frame to send and the answer to it. It moves from the queue
// to sent to finished; Client.mu guards phase, the rest belongs to the caller
// until it is queued and again when done is signalled.
type request struct {
	op    wire.OpCode
	xid   int32
	frame []byte // length, header and body; the header's xid is set when it is sent
	phase phase
	watch *watchIntent                 // registered by the reader, before it reads the next frame
	needs wire.Extensions              // sent only to a server that has them
	then  func(body []byte, err error) // called by the reader with Client.mu held
	done  chan struct{}                // gets one token
	body  []byte
	err   error
}

type phase uint8

const (
	phaseNew phase = iota
	phaseQueued
	phaseSent
	phaseAbandoned // sent, and the caller is gone
	phaseFinished
)

// newRequest starts a frame; the caller appends the record to frame.
func (c *Client) newRequest(op wire.OpCode) *request {
	req, ok := c.requests.Get().(*request)
	if !ok {
		req = &request{done: make(chan struct{}, 1)}
	}
	*req = request{op: op, frame: req.frame[:0], done: req.done}
	req.frame = wire.BeginFrame(req.frame)
	req.frame = wire.RequestHeader{Op: op}.Append(req.frame)
	return req
}

// do sends req and returns the body of the answer, which the caller owns. The
// request must not be used afterwards.
func (c *Client) do(ctx context.Context, req *request) ([]byte, error) {
	req.frame = wire.EndFrame(req.frame, 0)
	if len(req.frame)-wire.FrameHeaderBytes > c.opt.FrameBytesMax {
		return nil, ErrTooLarge
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.done:
		return nil, c.finalError()
	}
	if err := c.enqueue(req); err != nil {
		<-c.slots
		return nil, err
	}
	select {
	case <-req.done:
	case <-ctx.Done():
		if c.abandon(req) {
			return nil, ctx.Err()
		}
		<-req.done
	}
	body, err := req.body, req.err
	c.requests.Put(req)
	return body, err
}

func (c *Client) enqueue(req *request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.final != nil:
		return c.final
	case c.closing && req.op != wire.OpCloseSession:
		return ErrClosed
	}
	req.phase = phaseQueued
	c.queue = append(c.queue, req)
	c.wakeWriter()
	return nil
}

func (c *Client) wakeWriter() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// abandon gives up on req unless it is finished. The answer to a sent request
// still has its place in the order of answers.
func (c *Client) abandon(req *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch req.phase {
	case phaseQueued:
		i := slices.Index(c.queue, req)
		c.queue = slices.Delete(c.queue, i, i+1)
		<-c.slots
	case phaseSent:
		req.phase = phaseAbandoned
	default:
		return false
	}
	return true
}

// finish hands the answer to whoever waits. The caller holds c.mu.
func (c *Client) finish(req *request, body []byte, err error) {
	if req.then != nil {
		req.then(body, err)
	}
	abandoned := req.phase == phaseAbandoned
	if req.watch != nil && !abandoned && c.final == nil {
		c.watches.register(req.watch, err)
	}
	if req.phase == phaseNew { // priming: nobody waits and no slot was taken
		return
	}
	<-c.slots
	req.body, req.err, req.phase = body, err, phaseFinished
	if !abandoned {
		req.done <- struct{}{}
	}
}

// takeBatch moves what waits into dst, up to about batchBytes, and records it
// as sent: from here on a lost connection leaves the outcome open.
func (c *Client) takeBatch(dst []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	dst = c.take(dst, &c.prime)
	if len(c.prime) == 0 {
		dst = c.take(dst, &c.queue)
	}
	return dst
}

const batchBytes = 128 << 10

func (c *Client) take(dst []byte, from *[]*request) []byte {
	n := 0
	for ; n < len(*from) && len(dst) < batchBytes; n++ {
		req := (*from)[n]
		if req.phase == phaseQueued && !aboutTheSession(req.op) {
			dst = c.askExtensions(dst)
			if !c.extensionsKnown && (req.needs != 0 || c.limited) {
				break // the answer wakes the writer
			}
			if !c.extensions.Has(req.needs) {
				c.finish(req, nil, ErrUnsupported)
				continue
			}
		}
		dst = c.send(dst, req)
	}
	rest := copy(*from, (*from)[n:])
	clear((*from)[rest:])
	*from = (*from)[:rest]
	return dst
}

// aboutTheSession reports whether a server takes op before it knows who asks.
func aboutTheSession(op wire.OpCode) bool {
	return op == wire.OpAuth || op == wire.OpSASL || op == wire.OpCloseSession
}

// send records req as sent and appends its frame.
func (c *Client) send(dst []byte, req *request) []byte {
	switch req.op {
	case wire.OpAuth:
		req.xid = wire.XidAuth
		c.authSent.push(req)
	case wire.OpSetWatches, wire.OpSetWatches2:
		req.xid = wire.XidSetWatches
		c.sent.push(req)
	default:
		if c.xid == math.MaxInt32 {
			c.xid = 0
		}
		c.xid++
		req.xid = c.xid
		c.sent.push(req)
	}
	if req.phase == phaseQueued {
		req.phase = phaseSent
	}
	binary.BigEndian.PutUint32(req.frame[wire.FrameHeaderBytes:], uint32(req.xid))
	return append(dst, req.frame...)
}

// fifo is a queue of requests that reuses its memory.
type fifo struct {
	items []*request
	head  int
}

func (f *fifo) push(req *request) {
	if f.head > 64 && f.head > len(f.items)/2 {
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
	f.items = append(f.items, req)
}

// pop returns nil when the queue is empty.
func (f *fifo) pop() *request {
	if f.head == len(f.items) {
		return nil
	}
	req := f.items[f.head]
	f.items[f.head] = nil
	f.head++
	return req
}
