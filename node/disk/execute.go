package disk

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/storage/snapshot"
	"github.com/zabkeeper/zabkeeper/storage/wal"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Arrived is a snapshot from a peer, complete and verified, that waits for its
// PersistInstall.
type Arrived struct {
	State *replica.State
}

// shared is what goroutines other than the writer touch.
type shared struct {
	bytes atomic.Int64 // of the records appended since the start

	mu      sync.Mutex
	arrived map[zab.LinkID]*Arrived
	newest  zxid.Zxid       // snapshot on disk
	good    map[string]bool // snapshots that this process wrote or read to their end
	trims   bool
}

// Execute carries out ops: appends and marks together behind one sync,
// everything that changes what the log ends with on its own. report is called
// for the last operation of what has become durable, with the log's last chain.
func (d *Disk) Execute(ops []zab.PersistOp, report func(op *zab.PersistOp, chain uint64)) error {
	for i := 0; i < len(ops); i++ {
		op, err := &ops[i], error(nil)
		switch op.Kind {
		case zab.PersistAppend:
			i, err = d.append(ops, i)
			if op = &ops[i]; err == nil && i+1 < len(ops) {
				continue
			}
		case zab.PersistMark:
			if err = d.mark(op); err == nil && i+1 < len(ops) {
				continue
			}
		case zab.PersistPromise:
			if err = d.log.Sync(); err == nil {
				err = d.dir.Promise(op.Epoch, op.To)
			}
		case zab.PersistTruncate:
			if err = d.log.Sync(); err == nil {
				_, err = d.log.TruncateAfter(op.Zxid)
			}
		case zab.PersistInstall:
			if err = d.log.Sync(); err == nil {
				err = d.install(op)
			}
		case zab.PersistBarrier:
		}
		if err == nil {
			err = d.log.Sync()
		}
		if err != nil {
			return err
		}
		report(op, d.log.LastChain())
	}
	return nil
}

// appendBytes is how much one write to the log joins of what was ordered in
// several steps.
const appendBytes = 256 << 10

// append writes the records of ops[i], and of the appends behind it, in one go. It
// returns which operation was the last.
func (d *Disk) append(ops []zab.PersistOp, i int) (int, error) {
	d.joined = append(d.joined[:0], ops[i].Records...)
	bytes := rawBytes(ops[i].Records)
	for ; i+1 < len(ops) && ops[i+1].Kind == zab.PersistAppend && bytes < appendBytes; i++ {
		d.joined = append(d.joined, ops[i+1].Records...)
		bytes += rawBytes(ops[i+1].Records)
	}
	d.log.NoteCommitted(ops[i].Committed)
	err := d.log.Append(d.joined)
	clear(d.joined) // they keep what they are part of alive
	if err == nil {
		d.bytes.Add(bytes)
	}
	return i, err
}

func rawBytes(records []record.Record) (sum int64) {
	for _, r := range records {
		sum += int64(len(r.Raw))
	}
	return sum
}

// mark notes that the configuration at z is committed, which also binds the
// data directory to its cluster.
func (d *Disk) mark(op *zab.PersistOp) error {
	if err := d.bind(op.Cluster); err != nil {
		return err
	}
	return d.dir.MarkConfig(op.Zxid)
}

func (d *Disk) bind(id [16]byte) error {
	if d.dir.Identity().ClusterID == id {
		return nil
	}
	if err := d.dir.BindCluster(id); err != nil {
		return err
	}
	d.log.BindCluster(id)
	return nil
}

// install makes the log go on behind a snapshot that has arrived. The snapshot
// itself is on disk under its name by now (W6).
func (d *Disk) install(op *zab.PersistOp) error {
	d.mu.Lock()
	a := d.arrived[op.Link]
	delete(d.arrived, op.Link)
	d.mu.Unlock()
	if a == nil || a.State.Zxid != op.Zxid {
		return fmt.Errorf("disk: snapshot %s is to be installed and is not there", op.Zxid)
	}
	cfg, err := zab.DecodeConfiguration(a.State.Config)
	if err != nil {
		return err
	}
	if err := d.bind(cfg.Cluster); err != nil {
		return err
	}
	if err := d.dir.MarkConfig(a.State.ConfigZxid); err != nil {
		return err
	}
	if err := d.log.Rebase(op.Zxid, a.State.Chain); err != nil {
		return err
	}
	d.noteSnapshot(op.Zxid)
	return nil
}

// Offer keeps a snapshot for the PersistInstall that follows.
func (d *Disk) Offer(link zab.LinkID, a *Arrived) {
	d.mu.Lock()
	d.arrived[link] = a
	d.mu.Unlock()
}

// Withdraw forgets a snapshot whose link ended before it was installed.
func (d *Disk) Withdraw(link zab.LinkID) {
	d.mu.Lock()
	delete(d.arrived, link)
	d.mu.Unlock()
}

// Idle says in the log that everything in it is durable and what of it is
// committed, which spares the next start the wait for a leader.
func (d *Disk) Idle(committed zxid.Zxid) error {
	d.log.NoteCommitted(committed)
	return d.log.Seal()
}

// Last returns the newest record of the log.
func (d *Disk) Last() zxid.Zxid { return d.log.Last() }

// Headroom prepares the next log segment while the present one has room. An
// error means that the disk is full, not that anything is lost (W15).
func (d *Disk) Headroom() error { return d.log.Headroom() }

// Bytes returns how many bytes of records were appended since the start.
func (d *Disk) Bytes() int64 { return d.bytes.Load() }

// LogStats returns the log's counters.
func (d *Disk) LogStats() wal.Stats { return d.log.Stats() }

// ReadLog returns raw records behind after.
func (d *Disk) ReadLog(after zxid.Zxid, maxBytes int) ([]byte, error) {
	return d.log.Read(after, maxBytes, nil)
}

// AskTrim asks the writer to remove what no kept snapshot needs.
func (d *Disk) AskTrim() {
	d.mu.Lock()
	d.trims = true
	d.mu.Unlock()
}

// TrimIfAsked removes log segments up to the oldest kept snapshot (R3, R4). It
// returns the zxid behind which the log begins now.
func (d *Disk) TrimIfAsked() (base zxid.Zxid, trimmed bool, err error) {
	d.mu.Lock()
	asked := d.trims
	d.trims = false
	d.mu.Unlock()
	if !asked {
		return 0, false, nil
	}
	list, err := snapshot.List(d.opt.FS, d.dir.SnapDir())
	if err != nil || len(list) < d.opt.SnapshotsKept {
		return 0, false, err
	}
	if err := d.log.TrimThrough(list[len(list)-1].Zxid); err != nil {
		return 0, false, err
	}
	base, _ = d.log.Base()
	return base, true, nil
}
