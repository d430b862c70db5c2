package node

import (
	"sync"
	"time"
)

// outBufferKeep is the largest output buffer that is kept for reuse.
const outBufferKeep = 64 << 10

// outBytesMax is how much a client that does not read may have waiting; then
// its connection is closed. Watch events are the only output that a client
// cannot be held back from causing.
const outBytesMax = 64 << 20

// drainTimeout is how long a client may take to make room in its socket.
const drainTimeout = 30 * time.Second

var outBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

// grow makes sure that c.out is a usable buffer. c.mu is held.
func (c *clientConn) grow() {
	if c.out == nil {
		b := outBuffers.Get().(*[]byte)
		c.out = (*b)[:0]
	}
}

func recycle(b []byte) {
	if b != nil && cap(b) <= outBufferKeep {
		b = b[:0]
		outBuffers.Put(&b)
	}
}

// flush writes what waits. It never blocks: a socket that is full gets a
// goroutine of its own until it is empty again.
func (c *clientConn) flush() {
	c.mu.Lock()
	c.dirty = false
	if c.flushing {
		c.mu.Unlock()
		return
	}
	c.flushing = true
	for len(c.out) > 0 {
		b := c.out
		c.out = nil
		c.mu.Unlock()
		n, err := c.sender.Try(b)
		if err != nil {
			c.abort()
			return // flushing stays set: nothing is written any more
		}
		if n < len(b) {
			go c.drain(b, n)
			return
		}
		recycle(b)
		c.mu.Lock()
	}
	c.flushing = false
	c.flushed()
	c.mu.Unlock()
}

// flushed runs when nothing waits any more. c.mu is held.
func (c *clientConn) flushed() {
	if c.closing {
		c.finish()
	}
	if c.throttled {
		c.throttled = false
		c.resume.Signal()
	}
}

// drain waits for a slow client.
func (c *clientConn) drain(b []byte, n int) {
	for {
		if err := c.sender.Wait(b[n:], drainTimeout); err != nil {
			c.abort()
			return
		}
		recycle(b)
		c.mu.Lock()
		if len(c.out) == 0 {
			c.flushing = false
			c.flushed()
			c.mu.Unlock()
			return
		}
		b, n, c.out = c.out, 0, nil
		c.mu.Unlock()
	}
}

// flusher writes for the connections that the loop answered, so that the loop
// goes on with the next batch meanwhile.
type flusher struct {
	mu    sync.Mutex
	queue []*clientConn
	wake  chan struct{}
}

func newFlusher() *flusher { return &flusher{wake: make(chan struct{}, 1)} }

func (f *flusher) add(conns []*clientConn) {
	f.mu.Lock()
	f.queue = append(f.queue, conns...)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *flusher) run(stop <-chan struct{}) {
	var batch []*clientConn
	for {
		select {
		case <-f.wake:
		case <-stop:
			return
		}
		f.mu.Lock()
		batch, f.queue = f.queue, batch[:0]
		f.mu.Unlock()
		for i, c := range batch {
			c.flush()
			batch[i] = nil
		}
	}
}
