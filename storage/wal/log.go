package wal

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Options say where a log is and how it is kept.
type Options struct {
	Dir          string
	SegmentBytes int64    // size of a segment file; default 64 MiB
	Spares       int      // how many trimmed segments to keep for reuse; default 2
	ClusterID    [16]byte // zero until the cluster has one
	Create       bool     // an absent log is made; otherwise it is ErrMissing
	Clean        bool     // the last shutdown was clean: no torn tail is acceptable
}

func (o Options) withDefaults() Options {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 64 << 20
	}
	if o.Spares == 0 {
		o.Spares = 2
	}
	assert(o.SegmentBytes > segmentHeader+frameHeader, "segment of %d bytes", o.SegmentBytes)
	return o
}

// Stats counts what a log did since it was opened.
type Stats struct {
	Records, Bytes, Batches, Syncs, Segments, Recycled uint64
}

// Log is an open log.
type Log struct {
	fs vfs.FS
	o  Options

	// The writer's own.
	buf        []byte
	written    []written // the frames in buf
	packer     packer
	durable    int64     // of the active segment
	sealed     bool      // the last frame of the active segment is a seal
	committed  zxid.Zxid // a hint that frames carry
	generation uint64
	floor      uint64
	spares     []string
	spareCount int // for new names

	mu     sync.Mutex // guards what follows; only the writer changes it
	segs   []*segment // oldest first, never empty; the last is the active one
	spans  []record.Span
	last   zxid.Zxid
	chain  uint64
	failed error
	stats  Stats
}

func (l *Log) active() *segment { return l.segs[len(l.segs)-1] }

func (l *Log) path(name string) string { return path.Join(l.o.Dir, name) }

// fail makes the log refuse everything from now on (W14).
func (l *Log) fail(op string, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err = fmt.Errorf("wal: %s: %w", op, err)
	if l.failed == nil {
		l.failed = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return err
}

// NoteCommitted has the frames written from now on say that the records up to z
// are committed. A restart applies them without waiting for a leader. A seal that
// said less is not the last word: Seal writes another.
func (l *Log) NoteCommitted(z zxid.Zxid) {
	if z > l.committed {
		l.committed, l.sealed = z, false
	}
}

// Committed returns the newest record known to be committed. It may be behind
// what is in the log, and where history was replaced, ahead of it.
func (l *Log) Committed() zxid.Zxid { return l.committed }

// Append writes records behind the last one, without making them durable. It
// refuses records that do not follow (ErrGap) or that follow another history
// (ErrChain), and when there is no room for a new segment; none of these write
// anything or harm the log.
func (l *Log) Append(recs []record.Record) error {
	if l.failed != nil {
		return l.failed
	}
	if len(recs) == 0 {
		return nil
	}
	last, chain, size := l.last, l.chain, int64(0)
	for _, r := range recs {
		if !r.Zxid.Follows(last) {
			return fmt.Errorf("%w: record %v behind %v", ErrGap, r.Zxid, last)
		}
		chain = record.NextChain(chain, r.Zxid, r.Kind, r.Body())
		if chain != r.Chain {
			return fmt.Errorf("%w: record %v has chain %016x, want %016x: two histories under one name",
				ErrChain, r.Zxid, r.Chain, chain)
		}
		last = r.Zxid
		size += int64(len(r.Raw))
	}
	size += (3 + 2*size/frameTarget) * frameHeader // the most that frames and a seal can add
	// A segment without records, though it may hold a seal, is not left behind:
	// its successor would have its name.
	if s := l.active(); s.end+size > l.o.SegmentBytes && l.last != s.base {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	s := l.active()
	l.encode(s, recs, l.durable)
	if _, err := s.f.WriteAt(l.buf, s.end); err != nil {
		return l.fail("write "+s.name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(s)
	for _, r := range recs {
		l.spans = record.ExtendSpans(l.spans, r.Zxid)
	}
	l.last, l.chain, l.sealed = last, chain, false
	l.stats.Batches++
	l.stats.Records += uint64(len(recs))
	l.stats.Bytes += uint64(len(l.buf))
	if cap(l.buf) > 4<<20 {
		l.buf = nil // one huge batch must not be paid for ever
	}
	return nil
}

// written is a frame in Log.buf.
type written struct {
	mark
	size int64 // before compression
}

// encode fills l.buf with the frames of recs.
func (l *Log) encode(s *segment, recs []record.Record, durable int64) {
	l.buf, l.written = l.buf[:0], l.written[:0]
	for len(recs) > 0 {
		n, size := 0, frameHeader
		for n < len(recs) && (n == 0 || size+len(recs[n].Raw) <= frameTarget) {
			size += len(recs[n].Raw)
			n++
		}
		l.encodeFrame(s, recs[:n], durable)
		recs = recs[n:]
	}
}

// encodeFrame adds one frame to l.buf, which is to be written to the end of s.
func (l *Log) encodeFrame(s *segment, recs []record.Record, durable int64) {
	start := len(l.buf)
	off := s.end + int64(start)
	var room [frameHeader]byte
	l.buf = append(l.buf, room[:]...)
	for _, r := range recs {
		l.buf = append(l.buf, r.Raw...)
	}
	l.written = append(l.written, written{mark{recs[0].Zxid, off}, int64(len(l.buf) - start)})
	h := frame{durable: durable, committed: l.committed, count: uint32(len(recs))}
	if s.packs() {
		if block := l.packer.pack(l.buf[start+frameHeader:]); block != nil {
			l.buf, h.packed = append(l.buf[:start+frameHeader], block...), true
		}
	}
	h.length = int64(len(l.buf) - start - frameHeader)
	putFrame(l.buf[start:], off, s.generation, h)
}

// note extends s by the frames in l.buf, which were written to its end. The
// caller holds Log.mu if s has readers.
func (l *Log) note(s *segment) {
	for _, w := range l.written {
		s.noteFrame(w.mark, w.size)
	}
	s.end += int64(len(l.buf))
}

// Sync makes everything appended durable.
func (l *Log) Sync() error {
	if l.failed != nil {
		return l.failed
	}
	s := l.active()
	if l.durable == s.end {
		return nil
	}
	if err := s.f.Sync(); err != nil {
		return l.fail("sync "+s.name, err)
	}
	l.durable = s.end
	l.mu.Lock()
	l.stats.Syncs++
	l.mu.Unlock()
	return nil
}

// Seal durably says that everything appended is durable, so that damage in it
// will be told from a torn tail. For when the log is idle; it is cheap to call
// again.
func (l *Log) Seal() error {
	if err := l.Sync(); err != nil || l.sealed {
		return err
	}
	s := l.active()
	l.buf = append(l.buf[:0], make([]byte, frameHeader)...)
	putFrame(l.buf, s.end, s.generation, frame{durable: l.durable, committed: l.committed})
	if _, err := s.f.WriteAt(l.buf, s.end); err != nil {
		return l.fail("write "+s.name, err)
	}
	l.mu.Lock()
	s.end += frameHeader
	l.mu.Unlock()
	l.sealed = true
	return l.Sync()
}

// Close seals the log and closes it; readers that are under way finish.
func (l *Log) Close() error {
	err := l.Seal()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segs {
		err = errors.Join(err, s.bury())
	}
	if !errors.Is(l.failed, ErrClosed) {
		l.failed = ErrClosed
	}
	return err
}

// bury takes a segment out of use; Log.mu is held.
func (s *segment) bury() error {
	if s.dead {
		return nil
	}
	s.dead = true
	if s.readers > 0 {
		return nil
	}
	return s.f.Close()
}

// Last returns the zxid of the last record, or the base of an empty log.
func (l *Log) Last() zxid.Zxid {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// LastChain returns the chain at Last.
func (l *Log) LastChain() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.chain
}

// Base returns the zxid before the first record, and its chain.
func (l *Log) Base() (zxid.Zxid, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segs[0].base, l.segs[0].header.chain
}

// Spans returns the epoch vector of the log, the base's epoch included.
func (l *Log) Spans() []record.Span {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.spans)
}

// Bytes returns the bytes of all segments that are in use.
func (l *Log) Bytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var sum int64
	for _, s := range l.segs {
		sum += s.end
	}
	return sum
}

// Stats returns the counters.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// BindCluster sets the cluster id that segments carry from the next one on.
func (l *Log) BindCluster(id [16]byte) { l.o.ClusterID = id }
