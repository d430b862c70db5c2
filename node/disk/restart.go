package disk

import (
	"errors"
	"fmt"
	"io"

	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/storage/datadir"
	"github.com/zabkeeper/zabkeeper/storage/snapshot"
	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/storage/wal"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Options say where a server's data is and how it is kept.
type Options struct {
	FS            vfs.FS
	Dir           string
	Server        zxid.ServerID
	Incarnation   [16]byte // for a new directory: random
	SegmentBytes  int64
	SnapshotsKept int
}

// Found tells what a restart found, for the log.
type Found struct {
	Torn      *wal.TornTail
	Damaged   error  // snapshots that were passed over
	Instead   string // the snapshot used in their place
	Replayed  int
	Undecided int
	Boot      uint64
	Fresh     bool
}

// Disk is an open data directory. See the package comment for who may call what.
type Disk struct {
	opt  Options
	dir  *datadir.Dir
	log  *wal.Log
	boot uint64
	shared

	joined []record.Record // of append
}

// Open brings back what the data directory holds: the newest good snapshot and
// the log behind it. It refuses on gaps and on damage, and never starts empty
// where there was something.
func Open(o Options) (*Disk, *replica.State, zab.Recovered, Found, error) {
	d := &Disk{opt: o}
	d.arrived = make(map[zab.LinkID]*Arrived)
	d.good = make(map[string]bool)
	state, rec, found, err := d.restart()
	if err != nil {
		_ = d.Close(false)
		return nil, nil, zab.Recovered{}, Found{}, err
	}
	return d, state, rec, found, nil
}

func (d *Disk) restart() (state *replica.State, rec zab.Recovered, found Found, err error) {
	if d.dir, err = datadir.Open(d.opt.FS, d.opt.Dir, datadir.Options{ServerID: d.opt.Server, Incarnation: d.opt.Incarnation}); err != nil {
		return nil, rec, found, err
	}
	meta := d.dir.Meta()
	found.Fresh = d.dir.Fresh()
	if state, err = d.newestState(&found); err != nil {
		return nil, rec, found, err
	}
	if d.boot, err = d.dir.Boot(); err != nil {
		return nil, rec, found, err
	}
	found.Boot = d.boot
	if err = d.openLog(meta, state, &found); err != nil {
		return nil, rec, found, err
	}
	rec = zab.Recovered{Accepted: meta.Accepted, PromisedTo: meta.PromisedTo}
	if err = d.replay(meta, state, &rec, &found); err == nil && rec.Committed != nil {
		err = d.bind(rec.Committed.Cluster) // the crash may have come before it
	}
	return state, rec, found, err
}

// newestState reads the newest snapshot that is good. A damaged one is passed
// over as long as an older one is there; the log reaches back to it.
func (d *Disk) newestState(found *Found) (*replica.State, error) {
	if err := snapshot.RemoveTemporary(d.opt.FS, d.dir.SnapDir()); err != nil {
		return nil, err
	}
	list, err := snapshot.List(d.opt.FS, d.dir.SnapDir())
	if err != nil {
		return nil, err
	}
	var damage []error
	for _, info := range list {
		s, err := ReadState(d.opt.FS, d.dir.SnapDir(), info.Name)
		if err == nil {
			if len(damage) > 0 {
				found.Damaged, found.Instead = errors.Join(damage...), info.Name
			}
			d.noteSnapshot(s.Zxid)
			return s, nil
		}
		damage = append(damage, err)
	}
	if len(damage) > 0 {
		return nil, fmt.Errorf("no snapshot in %s is readable; empty the data directory and let the server take a new copy from its cluster, or restore it from a backup: %w",
			d.dir.SnapDir(), errors.Join(damage...))
	}
	return replica.NewState(), nil
}

// ReadState reads a snapshot.
func ReadState(fs vfs.FS, dir, name string) (*replica.State, error) {
	r, err := snapshot.Open(fs, dir, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	h := r.Header()
	t, err := tree.Restore(r)
	if err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", name, err)
	}
	// The end of the file tells whether all of it was good.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, err
	}
	s := &replica.State{Tree: t, Zxid: h.Zxid, Chain: h.Chain, Spans: h.Spans}
	decodeMeta(s, h.Meta)
	return s, nil
}

func (d *Disk) openLog(meta datadir.Meta, state *replica.State, found *Found) error {
	o := wal.Options{Dir: d.dir.LogDir(), SegmentBytes: d.opt.SegmentBytes, ClusterID: d.dir.Identity().ClusterID, Clean: meta.Clean,
		// A log may be missing only where nothing can have been in it: also
		// when the process died between making the directory and the log.
		Create: meta.Accepted == 0 && state.Zxid == 0 && meta.Config == 0}
	l, r, err := wal.Open(d.opt.FS, o)
	if err != nil {
		return err
	}
	d.log, found.Torn = l, r.Torn
	if state.Zxid > r.Last {
		// A snapshot was installed, and the crash came before the log was
		// emptied for it (Y9).
		if err := l.Rebase(state.Zxid, state.Chain); err != nil {
			return err
		}
	}
	if base, _ := l.Base(); base > state.Zxid {
		return fmt.Errorf("%w: the log begins behind %s, the newest readable snapshot is of %s, and what is in between is gone; empty %s and let the server take a new copy from its cluster",
			wal.ErrMissing, base, state.Zxid, d.opt.Dir)
	}
	return nil
}

// replay applies what is known to be committed and keeps the rest for the
// leader to decide about: applying it now would be guessing (F1).
func (d *Disk) replay(meta datadir.Meta, state *replica.State, rec *zab.Recovered, found *Found) error {
	committed := d.log.Committed()
	if state.Config != nil {
		cfg, err := zab.DecodeConfiguration(state.Config)
		if err != nil {
			return fmt.Errorf("snapshot %s: %w", state.Zxid, err)
		}
		rec.Committed, rec.CommittedAt = cfg, state.ConfigZxid
	}
	err := d.log.ForEach(state.Zxid, func(r record.Record) error {
		if r.Kind != record.Transaction && len(r.Body()) > 0 && (r.Zxid <= meta.Config || r.Zxid <= committed) {
			cfg, err := zab.DecodeConfiguration(r.Body())
			if err != nil {
				return fmt.Errorf("record %s: %w", r.Zxid, err)
			}
			rec.Committed, rec.CommittedAt = cfg, r.Zxid
		}
		if r.Zxid <= committed {
			state.Apply(r, nil)
			found.Replayed++
			return nil
		}
		r.Raw = append([]byte(nil), r.Raw...)
		rec.Tail = append(rec.Tail, r)
		return nil
	})
	if err != nil {
		return err
	}
	rec.Base, _ = d.log.Base()
	rec.Last, rec.LastChain, rec.Applied = d.log.Last(), d.log.LastChain(), state.Zxid
	rec.Spans = append([]record.Span(nil), state.Spans...)
	for _, r := range rec.Tail {
		rec.Spans = record.ExtendSpans(rec.Spans, r.Zxid)
	}
	found.Undecided = len(rec.Tail)
	return nil
}

// Identity says whose directory this is.
func (d *Disk) Identity() datadir.Identity { return d.dir.Identity() }

// Boot counts the starts of this server, from 1.
func (d *Disk) Boot() uint64 { return d.boot }

// Close closes everything. clean notes that the server ended in order, after
// which a torn log would be corruption.
func (d *Disk) Close(clean bool) error {
	var err error
	if d.log != nil {
		err = d.log.Close()
	}
	if d.dir == nil {
		return err
	}
	if clean && err == nil {
		err = d.dir.SetClean(true)
	}
	return errors.Join(err, d.dir.Close())
}
