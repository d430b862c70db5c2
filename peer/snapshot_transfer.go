package peer

import (
	"fmt"
	"hash/crc32"
	"io"

	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// A snapshot goes over a link as begin, chunks and end. The receiver
// acknowledges what it has written, and the sender is never further ahead than
// SnapshotWindowBytes: so the receiver's reader never waits for its disk, and
// pings come through whatever the disk does (T2). The link's other messages wait
// at the sender until the receiver's sink has finished.

// outgoing is a snapshot to send.
type outgoing struct {
	zxid   zxid.Zxid
	r      io.ReaderAt
	size   int64
	done   func(error)
	pieces chan zab.Message // read ahead of the writer
	credit chan struct{}    // acked or finished has changed

	acked    int64 // under link.mu
	finished bool  // under link.mu
}

func newOutgoing(z zxid.Zxid, r io.ReaderAt, size int64, done func(error)) *outgoing {
	return &outgoing{zxid: z, r: r, size: size, done: done, pieces: make(chan zab.Message, 2), credit: make(chan struct{}, 1)}
}

func (l *link) sendSnapshot(o *outgoing) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining != nil || l.why != nil || l.queueBytes+messageOverhead > LinkQueueBytesMax {
		return false
	}
	l.queueBytes += messageOverhead
	l.queue = append(l.queue, queued{bytes: messageOverhead, snapshot: o})
	l.signal()
	return true
}

// startSnapshot is called by the writer, under the lock, when o's turn comes.
func (l *link) startSnapshot(o *outgoing) {
	l.outgoing = o
	l.work.Go(func() {
		err := l.feed(o)
		l.mu.Lock()
		l.outgoing = nil
		l.mu.Unlock()
		l.signal()
		o.done(err)
		if err != nil {
			l.fail(err)
		}
	})
}

// feed reads the snapshot and hands it to the writer, piece by piece.
func (l *link) feed(o *outgoing) error {
	begin := zab.Message{Kind: snapshotBegin, Zxid: o.zxid, Seq: uint64(o.size)}
	if err := l.piece(o, begin); err != nil {
		return err
	}
	sum := uint32(0)
	for off := int64(0); off < o.size; {
		p := make([]byte, min(SnapshotChunkBytes, o.size-off))
		if n, err := o.r.ReadAt(p, off); n < len(p) {
			return fmt.Errorf("peer: snapshot %v: read %d bytes at %d of %d: %w", o.zxid, len(p), off, o.size, err)
		}
		sum = crc32.Update(sum, castagnoli, p)
		err := l.await(o, func() bool { return off+int64(len(p)) <= o.acked+SnapshotWindowBytes })
		if err != nil {
			return err
		}
		if err := l.piece(o, zab.Message{Kind: snapshotChunk, Seq: uint64(off), Payload: p}); err != nil {
			return err
		}
		off += int64(len(p))
	}
	if err := l.piece(o, zab.Message{Kind: snapshotEnd, Seq: uint64(sum)}); err != nil {
		return err
	}
	return l.await(o, func() bool { return o.finished })
}

func (l *link) piece(o *outgoing, m zab.Message) error {
	select {
	case o.pieces <- m:
		l.signal()
		return nil
	case <-l.ended:
		return l.stopped(o)
	}
}

// await waits until the receiver's acknowledgements make ok true.
func (l *link) await(o *outgoing, ok func() bool) error {
	for {
		l.mu.Lock()
		good := ok()
		l.mu.Unlock()
		if good {
			return nil
		}
		select {
		case <-o.credit:
		case <-l.ended:
			return l.stopped(o)
		}
	}
}

func (l *link) stopped(o *outgoing) error {
	return fmt.Errorf("peer: snapshot %v was not sent: %w", o.zxid, l.why)
}

// incoming is a snapshot being received. The reader checks the order, the
// snapshot's own goroutine does the rest.
type incoming struct {
	zxid   zxid.Zxid
	size   int64
	off    int64 // the reader's
	ended  bool  // the reader's
	pieces chan *zab.Message
}

// snapshotMessage takes m if it belongs to a snapshot; deliver is called before
// a snapshot begins, to keep the order.
func (l *link) snapshotMessage(m *zab.Message, deliver func()) (own bool, err error) {
	l.mu.Lock()
	in := l.incoming
	l.mu.Unlock()
	switch m.Kind { //nolint:exhaustive // everything else is none of its own
	case snapshotBegin:
		if in != nil || m.Seq > 1<<62 {
			return true, fmt.Errorf("%w: snapshot %v of %d bytes begins inside another or is too long", ErrProtocol, m.Zxid, m.Seq)
		}
		deliver()
		l.startReceiving(m)
		return true, nil
	case snapshotChunk, snapshotEnd:
		return true, in.take(m)
	case snapshotAcknowledge:
		return true, l.acknowledged(m)
	case zab.Ping, zab.Pong:
		return false, nil
	}
	if in != nil {
		err = fmt.Errorf("%w: %v before snapshot %v was confirmed", ErrProtocol, m.Kind, in.zxid)
	}
	return false, err
}

func (l *link) startReceiving(m *zab.Message) {
	in := &incoming{zxid: m.Zxid, size: int64(m.Seq), pieces: make(chan *zab.Message, snapshotChunksHeld)}
	l.mu.Lock()
	l.incoming = in
	l.mu.Unlock()
	l.work.Go(func() {
		if err := l.receive(in); err != nil {
			l.fail(err)
		}
	})
}

// take checks a chunk or the end and hands it on. It never waits: a sender that
// keeps to the window leaves room.
func (in *incoming) take(m *zab.Message) error {
	switch {
	case in == nil || in.ended:
		return fmt.Errorf("%w: snapshot data without a snapshot", ErrProtocol)
	case m.Kind == snapshotEnd && in.off != in.size:
		return fmt.Errorf("%w: snapshot %v ends at %d of %d bytes", ErrProtocol, in.zxid, in.off, in.size)
	case m.Kind == snapshotChunk && (m.Seq != uint64(in.off) || int64(len(m.Payload)) > in.size-in.off || len(m.Payload) == 0):
		return fmt.Errorf("%w: snapshot %v: %d bytes at %d, want byte %d of %d", ErrProtocol, in.zxid, len(m.Payload), m.Seq, in.off, in.size)
	}
	in.off += int64(len(m.Payload))
	in.ended = m.Kind == snapshotEnd
	select {
	case in.pieces <- m:
		return nil
	default:
		return fmt.Errorf("%w: snapshot %v: sender exceeds the window", ErrProtocol, in.zxid)
	}
}

// receive carries a snapshot from the reader to the handler's sink.
func (l *link) receive(in *incoming) error {
	sink, err := l.t.opt.Handler.SnapshotBegin(l.id, in.zxid, in.size)
	if err != nil {
		return fmt.Errorf("peer: snapshot %v: %w", in.zxid, err)
	}
	var written int64
	sum := uint32(0)
	for {
		var m *zab.Message
		select {
		case m = <-in.pieces:
		case <-l.ended:
			sink.Abort()
			return l.why
		}
		if m.Kind == snapshotEnd {
			if m.Seq != uint64(sum) {
				sink.Abort()
				return fmt.Errorf("%w: snapshot %v has %08x, want %08x", ErrChecksum, in.zxid, sum, m.Seq)
			}
			if err := sink.Finish(); err != nil {
				return fmt.Errorf("peer: snapshot %v: %w", in.zxid, err)
			}
			l.confirm(written, true)
			return nil
		}
		if _, err := sink.Write(m.Payload); err != nil {
			sink.Abort()
			return fmt.Errorf("peer: snapshot %v: %w", in.zxid, err)
		}
		sum = crc32.Update(sum, castagnoli, m.Payload)
		written += int64(len(m.Payload))
		l.confirm(written, false)
	}
}

// confirm tells the sender how much is written; the newest number is enough.
func (l *link) confirm(written int64, finished bool) {
	l.mu.Lock()
	if finished {
		l.incoming = nil
	}
	l.ack = &zab.Message{Kind: snapshotAcknowledge, Seq: uint64(written), Vote: finished}
	l.mu.Unlock()
	l.signal()
}

func (l *link) acknowledged(m *zab.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.outgoing
	if o == nil || m.Seq > uint64(o.size) || int64(m.Seq) < o.acked {
		return fmt.Errorf("%w: acknowledgement of %d bytes of a snapshot", ErrProtocol, m.Seq)
	}
	o.acked = int64(m.Seq)
	o.finished = m.Vote && o.acked == o.size
	select {
	case o.credit <- struct{}{}:
	default:
	}
	return nil
}
