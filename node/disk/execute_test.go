package disk

import (
	"testing"

	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// TestAppendsAreJoined: what was ordered in several steps is one write and one
// sync, up to whatever else is to be done to the disk.
func TestAppendsAreJoined(t *testing.T) {
	fsys := vfs.NewMemory()
	l := life{state: replica.NewState()}
	var err error
	if l.disk, _, _, _, err = Open(options(fsys)); err != nil {
		t.Fatal(err)
	}
	seq := uint64(0)
	op := func(o zab.PersistOp, n int) zab.PersistOp {
		for range n {
			r := l.next()
			l.records, o.Records = append(l.records, r), append(o.Records, r)
		}
		seq++
		o.Seq = seq
		return o
	}
	grow := zab.PersistOp{Kind: zab.PersistAppend}
	ops := []zab.PersistOp{
		op(grow, 1), op(grow, 3), op(grow, 2),
		op(zab.PersistOp{Kind: zab.PersistMark, Zxid: zxid.New(1, 0), Cluster: cluster}, 0),
		op(grow, 1), op(zab.PersistOp{Kind: zab.PersistAppend, Committed: zxid.New(1, 5)}, 1),
		op(zab.PersistOp{Kind: zab.PersistPromise, Epoch: 2, To: 3}, 0),
		op(grow, 4),
	}
	before := l.disk.LogStats()
	var reported []uint64
	if err := l.disk.Execute(ops, func(o *zab.PersistOp, chain uint64) {
		reported = append(reported, o.Seq)
		if chain != l.disk.log.LastChain() {
			t.Errorf("operation %d: chain %x is not the log's", o.Seq, chain)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if len(reported) != 2 || reported[0] != 7 || reported[1] != 8 {
		t.Errorf("reported %v, want the promise and the last append: 7 and 8", reported)
	}
	s := l.disk.LogStats()
	if got := s.Batches - before.Batches; got != 3 {
		t.Errorf("got %d writes, want 3", got)
	}
	if got := s.Records - before.Records; got != uint64(len(l.records)) {
		t.Errorf("got %d records written, want %d", got, len(l.records))
	}
	if got := l.disk.log.Committed(); got != zxid.New(1, 5) {
		t.Errorf("the log says that %v is committed, want 1.5", got)
	}
	raw, err := l.disk.ReadLog(0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	got, err := record.DecodeAll(raw, nil)
	if err != nil || len(got) != len(l.records) {
		t.Fatalf("the log has %d records, %v: want %d", len(got), err, len(l.records))
	}
	for i, r := range got {
		if r.Zxid != l.records[i].Zxid || r.Chain != l.records[i].Chain {
			t.Errorf("record %d of the log is %v, want %v", i, r.Zxid, l.records[i].Zxid)
		}
	}
}
