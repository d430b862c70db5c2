package wal

import (
	"errors"
	"fmt"
)

// Headroom prepares the next segment as soon as the active one is half full,
// and fails when it cannot, long before a write does (W15): the owner then
// steps down and may ask again. To be called after each Sync; it is cheap when
// there is nothing to do.
func (l *Log) Headroom() error {
	if l.failed != nil {
		return l.failed
	}
	if l.active().end < l.o.SegmentBytes/2 {
		return nil
	}
	return l.prepare()
}

// prepare makes sure that there is a spare segment file.
func (l *Log) prepare() error {
	if len(l.spares) > 0 {
		return nil
	}
	l.spareCount++
	name := fmt.Sprintf("%s%d", sparePrefix, l.spareCount)
	f, err := l.fs.Create(l.path(name))
	if err != nil {
		return fmt.Errorf("wal: prepare next segment: %w", err)
	}
	err = f.Preallocate(l.o.SegmentBytes)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		err = errors.Join(err, l.fs.Remove(l.path(name)))
		return fmt.Errorf("wal: prepare next segment of %d bytes; free disk space: %w", l.o.SegmentBytes, err)
	}
	l.spares = append(l.spares, name)
	return nil
}

// begin turns a spare into a segment, which is not part of the log before
// install.
func (l *Log) begin(h header) (*segment, error) {
	if err := l.prepare(); err != nil {
		return nil, err
	}
	name := l.spares[len(l.spares)-1]
	f, err := l.fs.OpenWrite(l.path(name))
	if err != nil {
		return nil, err
	}
	l.spares = l.spares[:len(l.spares)-1]
	h.version = segmentVersion
	if _, err := f.WriteAt(h.encode(), 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	l.generation = h.generation
	return &segment{header: h, name: name, f: f, end: segmentHeader}, nil
}

// install makes a segment durable and then, in one step, part of the log; it
// replaces one of the same base. The directory is synced before any record in
// it can be acknowledged (W4, F45).
func (l *Log) install(s *segment) error {
	if err := s.f.Sync(); err != nil {
		return err
	}
	name := segmentName(s.base)
	if err := l.fs.Rename(l.path(s.name), l.path(name)); err != nil {
		return err
	}
	s.name = name
	return l.fs.SyncDir(l.o.Dir)
}

// rotate leaves the active segment behind and goes on in a new one.
func (l *Log) rotate() error {
	if err := l.prepare(); err != nil {
		return err // nothing was written: the log is as good as before
	}
	if err := l.Sync(); err != nil {
		return err
	}
	s, err := l.begin(header{
		cluster: l.o.ClusterID, generation: l.generation + 1, floor: l.floor, base: l.last, chain: l.chain,
	})
	if err == nil {
		err = l.install(s)
	}
	if err != nil {
		return l.fail("begin segment", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segs = append(l.segs, s)
	l.durable, l.sealed = s.end, false
	l.stats.Segments++
	return nil
}

// retire removes the file of a segment that left the log, or keeps it for
// reuse when nobody reads it any more. The caller syncs the directory.
func (l *Log) retire(s *segment) error {
	size, err := s.f.Size()
	if err != nil {
		return err
	}
	l.mu.Lock()
	reuse := s.readers == 0 && size == l.o.SegmentBytes && len(l.spares) < l.o.Spares
	err = s.bury()
	l.mu.Unlock()
	if err != nil {
		return err
	}
	if !reuse {
		return l.fs.Remove(l.path(s.name))
	}
	l.spareCount++
	spare := fmt.Sprintf("%s%d", sparePrefix, l.spareCount)
	if err := l.fs.Rename(l.path(s.name), l.path(spare)); err != nil {
		return err
	}
	l.spares = append(l.spares, spare)
	l.mu.Lock()
	l.stats.Recycled++
	l.mu.Unlock()
	return nil
}
