package node

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/zabkeeper/zabkeeper/socket"
	"github.com/zabkeeper/zabkeeper/wire"
)

// inputBytes is how much one read takes at the most. Idle connections hold no
// buffer: one is taken from the pool when the socket has something.
const inputBytes = 32 << 10

var inputBuffers = sync.Pool{New: func() any { b := make([]byte, inputBytes); return &b }}

// input is a connection's receive buffer.
type inputBuffer struct {
	c          *clientConn
	b          []byte
	start, end int
	n          int
	err        error
	at         time.Duration // when the newest bytes came
	try        func(uintptr) bool
}

func newInputBuffer(c *clientConn) *inputBuffer {
	in := &inputBuffer{c: c}
	in.try = in.readOnce
	return in
}

func (in *inputBuffer) bytes() []byte { return in.b[in.start:in.end] }

func (in *inputBuffer) skip(n int) { in.start += n }

// readOnce is called with the bare descriptor and asks to be called again when
// there is something to read.
func (in *inputBuffer) readOnce(fd uintptr) bool {
	if in.b == nil {
		in.b = *inputBuffers.Get().(*[]byte)
	}
	n, err := socket.ReadNow(fd, in.b[in.end:])
	switch {
	case errors.Is(err, syscall.EAGAIN):
		in.release()
		return false
	case err != nil:
		in.err = err
	case n == 0:
		in.err = io.EOF
	}
	in.n = n
	return true
}

// release gives the buffer back while nothing is in it.
func (in *inputBuffer) release() {
	if in.end == 0 && len(in.b) == inputBytes {
		b := in.b
		in.b = nil
		inputBuffers.Put(&b)
	}
}

// fill reads more, so that a frame of need bytes will fit.
func (in *inputBuffer) fill(need int) error {
	if in.start > 0 {
		in.end = copy(in.b, in.b[in.start:in.end])
		in.start = 0
	}
	if need > len(in.b) && in.b != nil && in.end == len(in.b) {
		// Grow with what has really come, not with what a length announces, and only
		// when it is full: a long frame comes in many pieces.
		b := make([]byte, min(need, max(2*in.end, inputBytes)))
		copy(b, in.b[:in.end])
		in.b = b
	} else if in.end == 0 && len(in.b) > inputBytes {
		in.b = nil // the one large request is done
	}
	in.n, in.err = 0, nil
	if in.c.raw == nil {
		if in.b == nil {
			in.b = make([]byte, inputBytes)
		}
		in.n, in.err = in.c.nc.Read(in.b[in.end:])
	} else if err := in.c.raw.Read(in.try); err != nil {
		return err
	}
	in.end += in.n
	if in.n > 0 {
		if in.c.n.opt.Throttle.RefuseWait > 0 {
			in.at = monotonic()
		}
		return nil
	}
	return in.err
}

// frame returns the next frame's payload. Without a whole one it returns how
// many bytes the frame has, as far as that is known; ok is false for a length
// that is refused.
func (in *inputBuffer) frame(limit int) (payload []byte, need int, ok bool) {
	b := in.bytes()
	if len(b) < wire.FrameHeaderBytes {
		return nil, wire.FrameHeaderBytes, true
	}
	n, ok := wire.FrameLength([4]byte(b[:4]), limit)
	if !ok {
		return nil, 0, false
	}
	if len(b) < wire.FrameHeaderBytes+n {
		return nil, wire.FrameHeaderBytes + n, true
	}
	in.skip(wire.FrameHeaderBytes + n)
	return b[4 : 4+n], 0, true
}

// serve runs a connection to its end.
func (c *clientConn) serve() {
	in := newInputBuffer(c)
	defer c.n.connectionGone(c)
	_ = c.nc.SetReadDeadline(time.Now().Add(c.n.opt.HandshakeTimeout))
	for len(in.bytes()) < 4 {
		if in.fill(4) != nil {
			return
		}
	}
	if word, ok := wire.FourLetterWord([4]byte(in.bytes()[:4])); ok {
		c.serveWord(word, in)
		return
	}
	if !c.introduceTLS() {
		c.dismiss()
		c.linger(in)
		return
	}
	if !c.connect(in) {
		c.linger(in)
		return
	}
	_ = c.nc.SetReadDeadline(time.Time{})
	for c.batch(in) {
		_, need, _ := in.peek(c.n.opt.FrameBytesMax)
		if !c.mayReceive(need) {
			c.dismiss()
			break
		}
		if err := in.fill(need); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				c.abort()
			}
			return
		}
	}
	c.linger(in)
}

// peek is frame without taking it.
func (in *inputBuffer) peek(limit int) ([]byte, int, bool) {
	start := in.start
	p, need, ok := in.frame(limit)
	in.start = start
	return p, need, ok
}

// linger reads what still comes from a client that was answered for the last
// time, so that the answer is not lost to a reset.
func (c *clientConn) linger(in *inputBuffer) {
	for {
		c.mu.Lock()
		for !c.closed {
			c.resume.Wait()
		}
		c.mu.Unlock()
		in.start, in.end = 0, 0
		if in.fill(1) != nil {
			_ = c.nc.Close()
			return
		}
	}
}
