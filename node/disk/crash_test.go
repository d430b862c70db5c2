package disk

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// life is what one server is told that its disk holds, and the records that it
// has been given so far.
type life struct {
	disk    *Disk
	state   *replica.State
	records []record.Record // in the log or in the state
	told    zxid.Zxid       // durable, as far as was reported
	promise zxid.Epoch
	seq     uint64
	// An operation that shortens the log may be done although it was not reported.
	mayEndAt zxid.Zxid
}

func options(fsys vfs.FS) Options {
	return Options{FS: fsys, Dir: "/data", Server: 1, Incarnation: [16]byte{1}, SegmentBytes: 4096, SnapshotsKept: 2}
}

var cluster = [16]byte{7}

// next returns the record that follows: the founding record first, then creates.
func (l *life) next() record.Record {
	var last record.Record
	if n := len(l.records); n > 0 {
		last = l.records[n-1]
	}
	if last.Zxid == 0 {
		cfg := zab.Configuration{Cluster: cluster, Members: []zab.Member{{ID: 1, Voter: true, Incarnation: zab.Incarnation{1}}}}
		return record.View(record.Append(nil, 0, zxid.New(1, 0), record.Epoch, zab.AppendConfiguration(nil, &cfg)))
	}
	body := (&wire.CreateRequest{Path: fmt.Appendf(nil, "/n%06d", last.Zxid.Counter()), Data: make([]byte, 100), ACL: wire.NewACLs(wire.WorldAnyone(31))}).Append(nil)
	txn := tree.AppendTransaction(nil, &tree.Transaction{Op: tree.OpCreate, Body: body})
	return record.View(record.Append(nil, last.Chain, last.Zxid+1, record.Transaction, txn))
}

// carryOut executes one operation and notes what it reports.
func (l *life) carryOut(op zab.PersistOp, done func()) error {
	l.seq++
	op.Seq = l.seq
	return l.disk.Execute([]zab.PersistOp{op}, func(*zab.PersistOp, uint64) { done() })
}

func (l *life) write(n int) error {
	var recs []record.Record
	for range n {
		r := l.next()
		l.records, recs = append(l.records, r), append(recs, r)
	}
	last := recs[n-1].Zxid
	return l.carryOut(zab.PersistOp{Kind: zab.PersistAppend, Records: recs, Committed: l.state.Zxid}, func() { l.told = last })
}

func (l *life) truncate(n int) error {
	kept := l.records[:len(l.records)-n]
	l.mayEndAt = kept[len(kept)-1].Zxid
	return l.carryOut(zab.PersistOp{Kind: zab.PersistTruncate, Zxid: l.mayEndAt}, func() { l.records, l.told, l.mayEndAt = kept, kept[len(kept)-1].Zxid, 0 })
}

func (l *life) apply() {
	for _, r := range l.records {
		if r.Zxid > l.state.Zxid {
			l.state.Apply(r, nil)
		}
	}
}

func (l *life) snapshot() error {
	s := l.disk.BeginSnapshot(l.state)
	defer l.disk.EndSnapshot(s)
	return l.disk.WriteSnapshot(s, func(take func()) bool { take(); return true }, nil)
}

// install takes in a snapshot of a leader that is n records further.
func (l *life) install(n int) error {
	donor := life{state: replica.NewState(), records: l.records}
	for range n {
		donor.records = append(donor.records, donor.next())
	}
	donor.apply()
	from := vfs.NewMemory()
	var err error
	if donor.disk, _, _, _, err = Open(options(from)); err != nil {
		return err
	}
	if err := donor.carryOut(zab.PersistOp{Kind: zab.PersistMark, Zxid: zxid.New(1, 0), Cluster: cluster}, func() {}); err != nil {
		return err
	}
	if err := donor.snapshot(); err != nil {
		return err
	}
	z, raw, err := donor.disk.OpenSnapshot()
	if err != nil {
		return err
	}
	r, err := l.disk.Receive(z, raw.Size)
	if err != nil {
		return err
	}
	b := make([]byte, raw.Size)
	if _, err := raw.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := r.WriteAt(b, 0); err != nil {
		return err
	}
	l.records = donor.records // from here on the snapshot may be found
	a, _, err := l.disk.FinishReceiving(r)
	if err != nil {
		return err
	}
	l.disk.Offer(9, a)
	return l.carryOut(zab.PersistOp{Kind: zab.PersistInstall, Zxid: z, Link: 9}, func() { l.told, l.state = z, a.State })
}

// script is everything that a server does to its disk.
func (l *life) script() error {
	steps := []func() error{
		func() error { return l.promised(1) },
		func() error { return l.write(1) },
		func() error {
			return l.carryOut(zab.PersistOp{Kind: zab.PersistMark, Zxid: zxid.New(1, 0), Cluster: cluster}, func() {})
		},
		func() error { return l.write(20) },
		func() error { l.apply(); return l.snapshot() },
		func() error { return l.write(30) },
		func() error { return l.truncate(10) },
		func() error { return l.promised(2) },
		func() error { l.apply(); return l.snapshot() },
		func() error { return l.write(20) },
		func() error { l.apply(); return l.snapshot() },
		l.trim,
		func() error { return l.disk.Headroom() },
		func() error { return l.install(15) },
		func() error { return l.write(5) },
		func() error { l.apply(); return l.disk.Idle(l.state.Zxid) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (l *life) promised(e zxid.Epoch) error {
	return l.carryOut(zab.PersistOp{Kind: zab.PersistPromise, Epoch: e, To: 1}, func() { l.promise = e })
}

func (l *life) trim() error {
	l.disk.AskTrim()
	_, _, err := l.disk.TrimIfAsked()
	return err
}

// check compares what a restart finds with what was reported.
func (l *life) check(state *replica.State, rec *zab.Recovered) error {
	must := l.told
	if l.mayEndAt != 0 {
		must = min(must, l.mayEndAt)
	}
	if rec.Last < must || rec.Accepted < l.promise {
		return fmt.Errorf("last %s and promise %d, reported were %s and %d", rec.Last, rec.Accepted, l.told, l.promise)
	}
	chains := map[zxid.Zxid]uint64{0: 0}
	for _, r := range l.records {
		chains[r.Zxid] = r.Chain
	}
	if chains[state.Zxid] != state.Chain || chains[rec.Last] != rec.LastChain {
		return fmt.Errorf("the state at %s or the log's end %s is not of this history", state.Zxid, rec.Last)
	}
	nodes := replica.NewState().Tree.NodeCount() + max(0, int(state.Zxid.Counter()))
	if state.Zxid != 0 && state.Tree.NodeCount() != nodes {
		return fmt.Errorf("%d znodes at %s, want %d", state.Tree.NodeCount(), state.Zxid, nodes)
	}
	at := state.Zxid
	for _, r := range rec.Tail {
		if !r.Zxid.Follows(at) || chains[r.Zxid] != r.Chain {
			return fmt.Errorf("record %s behind %s", r.Zxid, at)
		}
		at = r.Zxid
	}
	return nil
}

// TestPowerCutEverywhere cuts the power at every change of the disk that a
// server's life makes, again during the restart, and compares what is found.
func TestPowerCutEverywhere(t *testing.T) {
	for at, done := 1, false; !done; at++ {
		rng := rand.New(rand.NewPCG(1, uint64(at)))
		mem := vfs.NewMemory()
		var l life
		err := l.live(mem, at)
		done = err == nil
		if err != nil && !errors.Is(err, vfs.ErrPowerCut) {
			t.Fatalf("cut at %d: %v", at, err)
		}
		for _, again := range []int{1 + rng.IntN(25), 0} {
			mem = mem.Crash(rng)
			d, state, rec, _, err := Open(options(cutAfter(mem, again)))
			if err == nil {
				err = l.check(state, &rec)
				_ = d.Close(false)
			}
			if err != nil && !errors.Is(err, vfs.ErrPowerCut) {
				t.Fatalf("cut at %d, restart cut at %d: %v", at, again, err)
			}
		}
	}
}

// live runs the script on a disk whose power fails at the n-th change.
func (l *life) live(mem *vfs.Memory, n int) error {
	d, state, _, _, err := Open(options(cutAfter(mem, n)))
	if err != nil {
		return err
	}
	l.disk, l.state = d, state
	return l.script()
}

// cutAfter lets the power fail at the n-th change; 0 is never.
func cutAfter(mem *vfs.Memory, n int) vfs.FS {
	changes := 0
	return vfs.Faulty{Base: mem, Hook: func(op vfs.Op, _ string) error {
		if op.Changes() {
			changes++
		}
		if n > 0 && changes >= n {
			return vfs.ErrPowerCut
		}
		return nil
	}}
}
