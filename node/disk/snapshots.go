package disk

import (
	"encoding/binary"
	"errors"

	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/storage/snapshot"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// ErrInterrupted is returned by WriteSnapshot when the server ends meanwhile.
var ErrInterrupted = errors.New("disk: snapshot interrupted")

// Snapshot is a snapshot that is being written: the state as of one record.
type Snapshot struct {
	header snapshot.Header
	img    *tree.Image
}

// Zxid returns the record whose state it is.
func (s *Snapshot) Zxid() zxid.Zxid { return s.header.Zxid }

// BeginSnapshot takes an image of the state. The tree must not change during
// the call; it may from then on.
func (d *Disk) BeginSnapshot(s *replica.State) *Snapshot {
	return &Snapshot{img: s.Tree.BeginImage(), header: snapshot.Header{ClusterID: d.dir.Identity().ClusterID,
		Zxid: s.Zxid, Chain: s.Chain, Spans: append(s.Spans[:0:0], s.Spans...), Meta: encodeMeta(s)}}
}

// WriteSnapshot writes s to its end. step is called around every piece of the
// image that is taken from the tree, so that the caller can hold its lock, and
// reports false to give up. pace is called between pieces of the work, for the
// caller to rest; nil for none.
func (d *Disk) WriteSnapshot(s *Snapshot, step func(take func()) bool, pace func()) error {
	w, err := snapshot.Create(d.opt.FS, d.dir.SnapDir(), s.header)
	if err != nil {
		return err
	}
	w.Pace = pace
	var buf []byte
	for done := false; !done; {
		if !step(func() { buf, done = s.img.Next(buf[:0], imageNodesPerStep) }) {
			return errors.Join(ErrInterrupted, w.Abort())
		}
		if _, err := w.Write(buf); err != nil {
			return errors.Join(err, w.Abort())
		}
		if pace != nil {
			pace()
		}
	}
	if _, err := w.Commit(); err != nil { // reads it back
		return err
	}
	d.noteSnapshot(s.header.Zxid)
	_, err = snapshot.Retain(d.opt.FS, d.dir.SnapDir(), d.opt.SnapshotsKept, d.isGood)
	return err
}

// imageNodesPerStep bounds how long the tree is kept from changing at a time.
const imageNodesPerStep = 128

// EndSnapshot releases the image. The tree must not change during the call.
func (d *Disk) EndSnapshot(s *Snapshot) { s.img.Close() }

func (d *Disk) noteSnapshot(z zxid.Zxid) {
	d.mu.Lock()
	d.newest = max(d.newest, z)
	d.good[snapshot.Name(z)] = true
	d.mu.Unlock()
}

func (d *Disk) isGood(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.good[name]
}

// NewestSnapshot returns the zxid of the newest snapshot on disk, 0 for none.
func (d *Disk) NewestSnapshot() zxid.Zxid {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.newest
}

// OpenSnapshot opens the newest snapshot for sending.
func (d *Disk) OpenSnapshot() (zxid.Zxid, *snapshot.Raw, error) {
	z := d.NewestSnapshot()
	raw, err := snapshot.OpenRaw(d.opt.FS, d.dir.SnapDir(), snapshot.Name(z))
	return z, raw, err
}

// Receive begins to take in a snapshot from a peer.
func (d *Disk) Receive(z zxid.Zxid, size int64) (*snapshot.Receiver, error) {
	return snapshot.Receive(d.opt.FS, d.dir.SnapDir(), d.dir.Identity().ClusterID, z, size)
}

// FinishReceiving verifies a snapshot that came in, makes it one of this
// server's, and reads it.
func (d *Disk) FinishReceiving(r *snapshot.Receiver) (*Arrived, zab.Snapshot, error) {
	info, err := r.Install()
	if err != nil {
		return nil, zab.Snapshot{}, err
	}
	s, err := ReadState(d.opt.FS, d.dir.SnapDir(), info.Name)
	if err != nil {
		return nil, zab.Snapshot{}, err
	}
	cfg, err := zab.DecodeConfiguration(s.Config)
	if err != nil {
		return nil, zab.Snapshot{}, err
	}
	return &Arrived{State: s}, zab.Snapshot{Zxid: s.Zxid, Chain: s.Chain, Spans: s.Spans, Config: cfg, ConfigZxid: s.ConfigZxid}, nil
}

// encodeMeta is the part of a snapshot that is neither tree nor history: the
// record that carried the configuration in force, and the configuration.
func encodeMeta(s *replica.State) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(s.ConfigZxid))
	return append(b, s.Config...)
}

func decodeMeta(s *replica.State, meta []byte) {
	if len(meta) > 8 {
		s.ConfigZxid = zxid.Zxid(binary.LittleEndian.Uint64(meta))
		s.Config = append([]byte(nil), meta[8:]...)
	}
}

// DirBytes returns the bytes of snapshots and of log segments.
func (d *Disk) DirBytes() (snapshots, log int64) {
	sum := func(dir string) (n int64) {
		names, err := d.opt.FS.List(dir)
		if err != nil {
			return 0
		}
		for _, name := range names {
			if size, err := d.opt.FS.Stat(dir + "/" + name); err == nil {
				n += size
			}
		}
		return n
	}
	return sum(d.dir.SnapDir()), sum(d.dir.LogDir())
}
