package peer

import (
	"fmt"
	"sync"
	"time"

	"github.com/zabkeeper/zabkeeper/socket"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// link is one connection to or from a leader_port.
//
// Three goroutines work on it: the reader, which also starts and ends it, the
// writer, and while a snapshot goes through, one for the disk. Who sends little may
// write in the writer's place (push).
type link struct {
	t    *Transport
	id   zab.LinkID
	peer zxid.ServerID
	inc  zab.Incarnation
	conn *connection
	work sync.WaitGroup // writer and snapshot goroutines
	wake chan struct{}  // the writer has something to look at
	out  output         // of whoever set writing
	// ended is closed when the link has failed; nothing waits longer than that.
	ended chan struct{}

	mu         sync.Mutex
	writing    bool  // somebody is sending a frame
	why        error // why it ended
	draining   error // why it ends when the queue is empty
	patience   *time.Timer
	urgent     []zab.Message
	queue      []queued
	head       int // queue[:head] was sent
	queueBytes int
	outgoing   *outgoing // the snapshot being sent: the queue waits behind it
	incoming   *incoming // the snapshot being received
	ack        *zab.Message
}

// queued is a message or a snapshot that waits for its turn.
type queued struct {
	m        zab.Message
	bytes    int
	snapshot *outgoing
}

func newLink(t *Transport, c *connection, h Hello) *link {
	c.frames.max = FrameBytesMax
	return &link{t: t, id: zab.LinkID(t.lastID.Add(1)), peer: h.Server, inc: h.Incarnation, conn: c,
		out: output{frame: newFrameWriter(), socket: socket.NewSender(c.Conn)}, wake: make(chan struct{}, 1), ended: make(chan struct{})}
}

func (t *Transport) linkAccepted(c *connection, h Hello) { t.runLink(newLink(t, c, h), true) }

// runLink owns a link from its beginning to its end.
func (t *Transport) runLink(l *link, accepted bool) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		_ = l.conn.Close()
		return
	}
	t.links[l.id] = l
	var old *link
	if accepted {
		old = t.accepted[l.peer]
		t.accepted[l.peer] = l
	}
	t.mu.Unlock()
	if old != nil {
		old.fail(fmt.Errorf("%w: link %d replaces %d of server %d", ErrReplaced, l.id, old.id, l.peer))
	}
	t.opt.Handler.LinkUp(l.id, l.peer, l.inc)
	l.work.Go(l.write)
	l.fail(l.read())
	l.work.Wait()
	l.abandonQueue()
	t.mu.Lock()
	delete(t.links, l.id)
	if t.accepted[l.peer] == l {
		delete(t.accepted, l.peer)
	}
	t.mu.Unlock()
	if isBad(l.why) {
		t.count.framesBad.Add(1)
	}
	t.opt.Log.Debug().Uint64("link", uint64(l.id)).Uint32("peer", uint32(l.peer)).Err(l.why).Msg("link ended")
	t.opt.Handler.LinkDown(l.id, l.why)
}

// fail ends the link at once. The first reason counts; one that was given to
// drain counts before the end of the stream that follows from it.
func (l *link) fail(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why != nil {
		return
	}
	if l.draining != nil {
		why = l.draining
	}
	l.why = why
	if l.patience != nil {
		l.patience.Stop()
	}
	close(l.ended)
	_ = l.conn.Close()
}

// drain ends the link when the queue is empty, or soon.
func (l *link) drain(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining != nil || l.why != nil {
		return
	}
	l.draining = why
	l.patience = time.AfterFunc(closeTimeout, func() { l.fail(why) })
	l.signal()
}

func (l *link) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// abandonQueue answers for the snapshots that never got their turn.
func (l *link) abandonQueue() {
	l.mu.Lock()
	rest := l.queue[l.head:]
	l.queue, l.head = nil, 0
	l.mu.Unlock()
	for _, q := range rest {
		if q.snapshot != nil {
			q.snapshot.done(fmt.Errorf("peer: snapshot %v was not sent: %w", q.snapshot.zxid, l.why))
		}
	}
}

// read delivers messages until the connection ends: all that one read of the
// socket brought at once.
func (l *link) read() error {
	var batch []*zab.Message
	deliver := func() {
		if len(batch) > 0 && !l.closing() {
			l.t.opt.Handler.Messages(l.id, batch)
		}
		clear(batch)
		batch = batch[:0]
	}
	defer deliver()
	keep := false
	take := func(m *zab.Message) error {
		keep = keep || m.Runs != nil || m.Config != nil || m.Payload != nil
		own, err := l.snapshotMessage(m, deliver)
		if !own && err == nil {
			batch = append(batch, m)
		}
		return err
	}
	d, frames := newDecoder(nil), l.conn.frames
	for bytes := 0; ; {
		p, err := frames.next()
		if err != nil {
			return err
		}
		bytes += len(p)
		l.t.count.framesReceived.Add(1)
		l.t.count.bytesReceived.Add(uint64(frameHeaderSize + len(p)))
		d.reset(p)
		keep = false
		unknown, err := d.messages(l.peer, take)
		l.t.count.messagesUnknown.Add(uint64(unknown))
		if err != nil {
			return err
		}
		if !keep {
			frames.giveBack(p)
		}
		if !frames.ready() || bytes > deliveryBytesMax || len(batch) > MessagesPerFrameMax {
			deliver()
			bytes = 0
		}
	}
}

// closing reports whether this server has ended the link: then its handler wants
// no more messages.
func (l *link) closing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.draining != nil || l.why != nil
}
