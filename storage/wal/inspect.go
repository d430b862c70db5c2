package wal

import (
	"errors"
	"fmt"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// readOnly opens existing files for reading, whatever it is asked for.
type readOnly struct{ vfs.FS }

func (f readOnly) OpenWrite(name string) (vfs.File, error) { return f.Open(name) }

// inspectTries is how often Inspect looks again at a log that seems damaged: a
// server may be writing to it.
const inspectTries = 3

// Inspect reads a log without changing it, also while a server writes it: it
// calls fn for every record that the log says is committed, in order. It returns
// the zxid behind which the log begins and the last one that is committed.
func Inspect(fsys vfs.FS, dir string, fn func(record.Record) error) (base, committed zxid.Zxid, err error) {
	var l *Log
	for range inspectTries {
		if l, err = inspect(readOnly{fsys}, dir); !errors.Is(err, ErrCorrupt) {
			break
		}
	}
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = l.abandon(nil) }()
	base, committed = l.segs[0].base, min(l.committed, l.last)
	done := errors.New("done")
	err = l.ForEach(base, func(r record.Record) error {
		if r.Zxid > committed {
			return done
		}
		return fn(r)
	})
	if errors.Is(err, done) {
		err = nil
	}
	return base, committed, err
}

func inspect(fsys vfs.FS, dir string) (*Log, error) {
	l := &Log{fs: fsys, o: Options{Dir: dir}.withDefaults()}
	names, err := fsys.List(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	void, err := l.openSegments(names)
	if err == nil && len(l.segs) == 0 {
		err = fmt.Errorf("%w: no segment in %s", ErrMissing, dir)
	}
	var scan scanner
	if err == nil {
		err = scan.all(l.segs)
	}
	if err != nil {
		return nil, l.abandon(err, void...)
	}
	for _, s := range void {
		_ = s.f.Close() // read only
	}
	l.last, l.chain, l.spans, l.committed = scan.last, scan.chain, scan.spans, scan.committed
	return l, nil
}
