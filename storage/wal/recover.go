package wal

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Recovered says what Open found.
type Recovered struct {
	Base      zxid.Zxid // the record before the first one
	BaseChain uint64
	First     zxid.Zxid // the first record; 0 if there is none
	Last      zxid.Zxid // the last record, or Base
	LastChain uint64
	Spans     []record.Span
	Rewritten bool      // the newest segment was copied, as it was not known durable
	Torn      *TornTail // what was cut, if anything
}

// TornTail is the rest of a write that a crash interrupted.
type TornTail struct {
	File   string
	Offset int64
	After  zxid.Zxid // the last record that stayed
	Reason string
	// Doubtful: the frame looks fully written, so rot is as likely as a crash.
	// If it is rot, the record is at most as old as the last Seal.
	Doubtful bool
}

// Open opens the log in o.Dir and makes sure that everything it reports is
// durable (W10). When it fails with ErrCorrupt, ErrMissing or ErrForeign it has
// changed nothing.
func Open(fsys vfs.FS, o Options) (*Log, Recovered, error) {
	o = o.withDefaults()
	l := &Log{fs: fsys, o: o}
	if o.Create {
		if err := makeDir(fsys, o.Dir); err != nil {
			return nil, Recovered{}, err
		}
	}
	names, err := fsys.List(o.Dir)
	if err != nil {
		return nil, Recovered{}, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	void, err := l.openSegments(names)
	if err != nil {
		return nil, Recovered{}, l.abandon(err, void...)
	}
	if len(l.segs) == 0 && !o.Create {
		return nil, Recovered{}, l.abandon(fmt.Errorf("%w: no segment in %s although this server had one; "+
			"restore the directory, or let the server rejoin as a new one", ErrMissing, o.Dir), void...)
	}
	rec, err := l.recover(names, void)
	if err != nil {
		return nil, Recovered{}, l.abandon(err, void...)
	}
	return l, rec, nil
}

// recover scans the opened segments, and changes files only after that.
func (l *Log) recover(names []string, void []*segment) (Recovered, error) {
	scan := scanner{clean: l.o.Clean}
	if err := scan.all(l.segs); err != nil {
		return Recovered{}, err
	}
	l.committed = scan.committed
	for _, s := range void {
		if err := errors.Join(s.bury(), l.fs.Remove(l.path(s.name))); err != nil {
			return Recovered{}, err
		}
	}
	for _, s := range l.segs {
		// Our own writes were synced, but somebody may have copied the files.
		if err := s.f.Sync(); err != nil {
			return Recovered{}, err
		}
	}
	if err := l.fs.SyncDir(l.o.Dir); err != nil {
		return Recovered{}, err
	}
	if err := l.adoptSpares(names); err != nil {
		return Recovered{}, err
	}
	if len(l.segs) == 0 {
		s, err := l.begin(header{cluster: l.o.ClusterID, generation: l.generation + 1})
		if err == nil {
			err = l.install(s)
		}
		if err != nil {
			return Recovered{}, err
		}
		l.segs = []*segment{s}
	} else if scan.doubt {
		// A failed fsync before the crash may have left pages that read well
		// and never reach the disk (W14): only a new file is trusted.
		fresh, chain, err := l.rebuild(l.active(), scan.last)
		if err != nil {
			return Recovered{}, err
		}
		assert(chain == scan.chain, "chain %016x became %016x by copying", scan.chain, chain)
		if err := l.install(fresh); err != nil {
			return Recovered{}, err
		}
		if err := l.active().bury(); err != nil {
			return Recovered{}, err
		}
		l.segs[len(l.segs)-1], scan.sealed = fresh, false
	}
	l.durable = l.active().end
	l.last, l.chain, l.spans = scan.last, scan.chain, scan.spans
	if scan.sealed {
		if err := l.Seal(); err != nil {
			return Recovered{}, err
		}
	}
	return Recovered{
		Base: l.segs[0].base, BaseChain: l.segs[0].header.chain,
		First: scan.first, Last: l.last, LastChain: l.chain,
		Spans: slices.Clone(l.spans), Rewritten: scan.doubt, Torn: scan.torn,
	}, nil
}

// openSegments opens every segment and separates those that a Rebase voided.
func (l *Log) openSegments(names []string) (void []*segment, err error) {
	for _, name := range names {
		if _, ok := parseSegment(name); !ok {
			continue
		}
		s, err := l.openSegment(name)
		if err != nil {
			return nil, err
		}
		l.segs = append(l.segs, s)
		l.generation = max(l.generation, s.generation)
		l.floor = max(l.floor, s.floor)
	}
	all := l.segs
	l.segs = nil
	for _, s := range all {
		if s.generation < l.floor {
			void = append(void, s)
		} else {
			l.segs = append(l.segs, s)
		}
	}
	return void, nil
}

func (l *Log) openSegment(name string) (*segment, error) {
	f, err := l.fs.OpenWrite(l.path(name))
	if err != nil {
		return nil, err
	}
	h, err := readHeader(f)
	base, _ := parseSegment(name)
	if err == nil && h.base != base {
		err = fmt.Errorf("%w: begins behind %v", errHeader, h.base)
	}
	if errors.Is(err, errHeader) {
		err = &CorruptError{File: name, After: base, Reason: err.Error()}
	}
	var none [16]byte
	if err == nil && l.o.ClusterID != none && h.cluster != none && h.cluster != l.o.ClusterID {
		err = fmt.Errorf("%w: %s is of cluster %x, this server is of %x; check the data directory",
			ErrForeign, name, h.cluster, l.o.ClusterID)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &segment{header: h, name: name, f: f, end: segmentHeader}, nil
}

// adoptSpares keeps the reusable files of earlier runs and removes the others.
// Their generations count: what they still hold must stay recognisable.
func (l *Log) adoptSpares(names []string) error {
	for _, name := range names {
		digits, ok := strings.CutPrefix(name, sparePrefix)
		if !ok {
			continue
		}
		f, err := l.fs.Open(l.path(name))
		if err != nil {
			return err
		}
		h, headerErr := readHeader(f)
		size, err := f.Size()
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		n, numErr := strconv.Atoi(digits)
		if headerErr != nil || numErr != nil || size != l.o.SegmentBytes || len(l.spares) >= l.o.Spares {
			if err := l.fs.Remove(l.path(name)); err != nil {
				return err
			}
			continue
		}
		l.generation = max(l.generation, h.generation)
		l.spareCount = max(l.spareCount, n)
		l.spares = append(l.spares, name)
	}
	return nil
}

// abandon closes what was opened and returns err.
func (l *Log) abandon(err error, more ...*segment) error {
	for _, s := range append(l.segs, more...) {
		err = errors.Join(err, s.bury())
	}
	return err
}

func makeDir(fsys vfs.FS, dir string) error {
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	return fsys.SyncDir(path.Dir(dir))
}
