package wal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// rebuildBatch is how much of a segment is copied with one write.
const rebuildBatch = 1 << 20

// rebuild copies the records of src up to and including z into a new segment
// of the same base, not yet installed, and returns the chain at z. Frames stay
// as they are cut: others might compress worse, and outgrow the file. Only the
// frame that z shortens may become longer, by an eighth of frameTarget, where
// what is left of it is not worth compressing.
func (l *Log) rebuild(src *segment, z zxid.Zxid) (*segment, uint64, error) {
	h := src.header
	h.generation = l.generation + 1
	dst, err := l.begin(h)
	if err != nil {
		return nil, 0, err
	}
	chain, at := h.chain, h.base
	var arena []byte         // what recs alias
	var recs []record.Record // of the frame that the cursor is in
	l.buf, l.written = l.buf[:0], l.written[:0]
	endFrame := func(limit int) error {
		if len(recs) > 0 {
			l.encodeFrame(dst, recs, segmentHeader)
			arena, recs = arena[:0], recs[:0]
		}
		if len(l.buf) <= limit {
			return nil
		}
		_, err := dst.f.WriteAt(l.buf, dst.end)
		l.note(dst)
		l.buf, l.written = l.buf[:0], l.written[:0]
		return err
	}
	c, inside := src.cursor(segmentHeader, src.end), int64(0)
	err = src.walk(c, h.base, func(r record.Record) (bool, error) {
		if r.Zxid > z {
			return false, nil
		}
		if c.at != inside {
			inside = c.at
			if err := endFrame(rebuildBatch); err != nil {
				return false, err
			}
		}
		chain, at = r.Chain, r.Zxid
		start := len(arena)
		arena = append(arena, r.Raw...)
		r.Raw = arena[start:len(arena):len(arena)]
		recs = append(recs, r)
		return true, nil
	})
	if err == nil {
		err = endFrame(0)
	}
	if err == nil && at != z {
		err = fmt.Errorf("%w: %v in %s", ErrUnknown, z, src.name)
	}
	if err != nil {
		return nil, 0, errors.Join(err, dst.f.Close())
	}
	return dst, chain, nil
}

// TruncateAfter removes every record behind z, which must be in the log, and
// returns the chain at z. It is durable when it returns (Y8, W3). An error
// after the log began to change is final, as for Append.
func (l *Log) TruncateAfter(z zxid.Zxid) (lastChain uint64, err error) {
	if l.failed != nil {
		return 0, l.failed
	}
	if base := l.segs[0].base; z < base {
		return 0, fmt.Errorf("%w: cannot truncate to %v, the log begins behind %v", ErrTrimmed, z, base)
	}
	if !l.holds(z) {
		return 0, fmt.Errorf("%w: cannot truncate to %v, the log ends with %v", ErrUnknown, z, l.last)
	}
	if z == l.last {
		return l.chain, l.Sync()
	}
	i := l.segmentOf(z)
	fresh, chain, err := l.rebuild(l.segs[i], z)
	if err != nil {
		return 0, l.fail("truncate", err)
	}
	later, old := slices.Clone(l.segs[i+1:]), l.segs[i]
	l.mu.Lock()
	l.segs = l.segs[:i+1]
	l.spans = record.CutSpans(l.spans, z)
	l.last, l.chain = z, chain
	l.mu.Unlock()
	// The newest goes first and durably: whatever a crash leaves has no gap.
	for _, s := range slices.Backward(later) {
		err := l.retire(s)
		if err == nil {
			err = l.fs.SyncDir(l.o.Dir)
		}
		if err != nil {
			return 0, l.fail("truncate", err)
		}
	}
	if err := l.install(fresh); err != nil {
		return 0, l.fail("truncate", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segs[i] = fresh
	l.durable, l.sealed = fresh.end, false
	return chain, old.bury()
}

// Rebase empties the log; its next record follows base, whose chain is given.
// It is durable when it returns (Y9, W6), and after a crash all or nothing.
func (l *Log) Rebase(base zxid.Zxid, chain uint64) error {
	if l.failed != nil {
		return l.failed
	}
	generation := l.generation + 1
	s, err := l.begin(header{cluster: l.o.ClusterID, generation: generation, floor: generation, base: base, chain: chain})
	if err == nil {
		// From here on every other segment is void, whether it still has a
		// name or not.
		err = l.install(s)
	}
	if err != nil {
		return l.fail("rebase", err)
	}
	l.mu.Lock()
	old := l.segs
	l.segs, l.floor = []*segment{s}, generation
	l.setBase(s)
	l.mu.Unlock()
	l.durable, l.sealed = s.end, false
	for _, o := range old {
		if o.name == s.name {
			l.mu.Lock()
			err = errors.Join(err, o.bury())
			l.mu.Unlock()
			continue
		}
		err = errors.Join(err, l.retire(o))
	}
	if err = errors.Join(err, l.fs.SyncDir(l.o.Dir)); err != nil {
		return l.fail("rebase", err)
	}
	return nil
}

// setBase makes the log end where s begins; Log.mu is held.
func (l *Log) setBase(s *segment) {
	l.last, l.chain, l.spans = s.base, s.header.chain, nil
	if s.base != 0 {
		l.spans = record.ExtendSpans(nil, s.base)
	}
}

// TrimThrough removes the oldest segments that hold no record behind z, but
// never the active one. The caller has a verified snapshot of z or later (W9).
func (l *Log) TrimThrough(z zxid.Zxid) error {
	if l.failed != nil {
		return l.failed
	}
	for len(l.segs) > 1 && l.segs[1].base <= z {
		l.mu.Lock()
		old := l.segs[0]
		l.segs = slices.Clone(l.segs[1:])
		base := l.segs[0].base
		l.spans = slices.DeleteFunc(l.spans, func(s record.Span) bool { return s.Epoch < base.Epoch() })
		l.mu.Unlock()
		// One at a time: a crash must not bring an older one back without the
		// one behind it.
		err := l.retire(old)
		if err == nil {
			err = l.fs.SyncDir(l.o.Dir)
		}
		if err != nil {
			return l.fail("trim", err)
		}
	}
	return nil
}

// Recreate makes an empty log that follows base in place of whatever is in the
// directory, a damaged log above all. It is for a server that installed a
// snapshot of base from a leader.
func Recreate(fsys vfs.FS, o Options, base zxid.Zxid, chain uint64) (*Log, error) {
	o = o.withDefaults()
	if err := makeDir(fsys, o.Dir); err != nil {
		return nil, err
	}
	l := &Log{fs: fsys, o: o}
	names, err := fsys.List(o.Dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, ok := parseSegment(name); !ok {
			continue
		}
		s, err := l.openSegment(name)
		if errors.Is(err, ErrCorrupt) {
			// Without a generation it could not be told from the new log's.
			err = fsys.Remove(l.path(name))
		} else if err == nil {
			l.segs = append(l.segs, s)
			l.generation = max(l.generation, s.generation)
		}
		if err != nil {
			return nil, l.abandon(err)
		}
	}
	if err := fsys.SyncDir(o.Dir); err != nil {
		return nil, l.abandon(err)
	}
	if err := l.adoptSpares(names); err != nil {
		return nil, l.abandon(err)
	}
	if err := l.Rebase(base, chain); err != nil {
		return nil, l.abandon(err)
	}
	return l, nil
}
