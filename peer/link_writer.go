package peer

import (
	"fmt"
	"slices"

	"github.com/zabkeeper/zabkeeper/socket"
	"github.com/zabkeeper/zabkeeper/zab"
)

// send queues messages. It returns false when the link ends.
func (l *link) send(m []zab.Message) bool {
	l.mu.Lock()
	if l.draining != nil || l.why != nil {
		l.mu.Unlock()
		return false
	}
	var err error
	for i := range m {
		if err = l.enqueue(&m[i]); err != nil {
			break
		}
	}
	l.mu.Unlock()
	if err != nil {
		l.t.count.linksOverflowed.Add(1)
		l.fail(err)
	}
	return err == nil
}

func (l *link) enqueue(m *zab.Message) error {
	if m.Kind == zab.Ping || m.Kind == zab.Pong {
		if len(l.urgent) == urgentMax {
			l.urgent = slices.Delete(l.urgent, 0, 1) // the later ones say more
		}
		l.urgent = append(l.urgent, *m)
		return nil
	}
	bytes := runsBytes(m) + len(m.Config) + len(m.Payload)
	if bytes > FrameBytesMax-batchBytes {
		return fmt.Errorf("%w: %v of %d bytes, want at most %d", ErrTooLong, m.Kind, bytes, FrameBytesMax-batchBytes)
	}
	bytes += messageOverhead
	if l.queueBytes+bytes > LinkQueueBytesMax {
		return fmt.Errorf("%w: %d bytes wait for server %d, limit %d", ErrQueueFull, l.queueBytes+bytes, l.peer, LinkQueueBytesMax)
	}
	l.queueBytes += bytes
	if l.head > 1024 && l.head > len(l.queue)/2 {
		// A queue that is never empty must not grow at its end for ever.
		n := copy(l.queue, l.queue[l.head:])
		clear(l.queue[n:])
		l.queue, l.head = l.queue[:n], 0
	}
	l.queue = append(l.queue, queued{m: *m, bytes: bytes})
	return nil
}

// output is what a frame on its way out needs.
type output struct {
	frame  *frameWriter
	socket *socket.Sender
	batch  []zab.Message
	flat   []byte // a short frame in one piece
	rest   []byte // of flat, what the socket did not take
}

// write sends what is queued, everything that waits in one frame and one write,
// until the link ends.
func (l *link) write() {
	for {
		some, drained := l.claim(true)
		if some {
			if err := l.writeFrame(); err != nil {
				l.fail(err)
				return
			}
			l.release()
			continue
		}
		if drained {
			l.finish()
			return
		}
		select {
		case <-l.wake:
		case <-l.ended:
			return
		}
	}
}

// pushBytesMax is how much may wait for push to send it: more is worth the wake-up
// of the writer, which takes its time for it.
const pushBytesMax = 16 << 10

// push sends what is queued without waiting, or leaves it to the writer.
func (l *link) push() {
	if some, _ := l.claim(false); !some {
		l.signal()
		return
	}
	if err := l.tryFrame(); err != nil {
		l.fail(err)
		return
	}
	if l.release() {
		l.signal()
	}
}

// claim takes the right to write together with what goes into the next frame,
// unless that right is taken or there is nothing; patient is who may have to wait
// for the socket. Whoever has the right calls release.
func (l *link) claim(patient bool) (some, drained bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writing || !patient && (l.queueBytes > pushBytesMax || len(l.out.rest) > 0 || l.outgoing != nil) {
		return false, false
	}
	l.out.batch = l.out.batch[:0]
	if len(l.out.rest) == 0 {
		drained = l.take()
	}
	l.writing = len(l.out.batch) > 0 || len(l.out.rest) > 0
	return l.writing, drained && !l.writing
}

// release gives the right to write back and reports whether there is more for
// the writer, who may have been refused it.
func (l *link) release() (more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = false
	return l.head < len(l.queue) || len(l.urgent) > 0 || len(l.out.rest) > 0 || l.ack != nil || l.outgoing != nil || l.draining != nil
}

// fill encodes the batch.
func (l *link) fill() {
	o := &l.out
	for i := range o.batch {
		o.frame.add(l.t.opt.Self, &o.batch[i])
	}
	l.t.count.framesSent.Add(1)
	l.t.count.bytesSent.Add(uint64(frameHeaderSize + o.frame.payloadBytes()))
	clear(o.batch)
}

// writeFrame sends what a push left, or the batch, and waits for the socket.
func (l *link) writeFrame() error {
	if o := &l.out; len(o.rest) > 0 {
		_, err := l.conn.Write(o.rest)
		o.rest = nil
		return err
	}
	l.fill()
	return l.out.frame.send(l.out.socket.Send)
}

// tryFrame sends as much of the batch as the socket takes at once.
func (l *link) tryFrame() error {
	l.fill()
	o := &l.out
	o.flat = o.frame.appendTo(o.flat[:0])
	n, err := o.socket.Try(o.flat)
	o.rest = o.flat[n:]
	return err
}

// finish says goodbye the way that lets the other side read everything: the
// stream ends, and the connection is closed when the peer has closed its side
// or drain's time is over.
func (l *link) finish() {
	if c, ok := l.conn.Conn.(interface{ CloseWrite() error }); ok && c.CloseWrite() == nil {
		return
	}
	l.fail(ErrLinkEnded)
}

// take moves what goes into the next frame to batch: what is urgent, then the
// next piece of a snapshot, or as much of the queue as one write should carry.
// drained says that there is nothing and the link is to end. l.mu is held.
func (l *link) take() (drained bool) {
	batch := append(l.out.batch, l.urgent...)
	l.urgent = l.urgent[:0]
	if l.ack != nil {
		batch = append(batch, *l.ack)
		l.ack = nil
	}
	bytes := 0
	for l.outgoing == nil && l.head < len(l.queue) && len(batch) < MessagesPerFrameMax-1 {
		q := &l.queue[l.head]
		if len(batch) > 0 && bytes+q.bytes > batchBytes {
			break
		}
		bytes += q.bytes
		l.queueBytes -= q.bytes
		if q.snapshot != nil {
			l.startSnapshot(q.snapshot)
		} else {
			batch = append(batch, q.m)
		}
		*q = queued{}
		l.head++
	}
	if l.head == len(l.queue) {
		l.queue, l.head = l.queue[:0], 0
	}
	if l.outgoing != nil {
		select {
		case m := <-l.outgoing.pieces:
			batch = append(batch, m)
		default:
		}
	}
	l.out.batch = batch
	return l.draining != nil && l.outgoing == nil && l.head == len(l.queue)
}
