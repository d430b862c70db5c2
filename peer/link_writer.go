package peer

import (
	"fmt"
	"slices"

	"github.com/zabkeeper/zabkeeper/zab"
)

// send queues messages for the writer.
func (l *link) send(m []zab.Message) {
	l.mu.Lock()
	if l.draining != nil || l.why != nil {
		l.mu.Unlock()
		return
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
		return
	}
	l.signal()
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

// write sends what is queued, everything that waits in one frame and one write,
// until the link ends.
func (l *link) write() {
	w := newFrameWriter()
	var batch []zab.Message
	for {
		var drained bool
		batch, drained = l.take(batch[:0])
		if len(batch) == 0 {
			if drained {
				l.finish()
				return
			}
			select {
			case <-l.wake:
				continue
			case <-l.ended:
				return
			}
		}
		for i := range batch {
			w.add(l.t.opt.Self, &batch[i])
		}
		l.t.count.framesSent.Add(1)
		l.t.count.bytesSent.Add(uint64(frameHeaderSize + w.payloadBytes()))
		clear(batch)
		if err := w.flush(l.conn.Conn); err != nil {
			l.fail(err)
			return
		}
	}
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
// drained says that there is nothing and the link is to end.
func (l *link) take(batch []zab.Message) (_ []zab.Message, drained bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch = append(batch, l.urgent...)
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
	return batch, l.draining != nil && l.outgoing == nil && l.head == len(l.queue)
}
