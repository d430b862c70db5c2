package wal

import (
	"testing"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

func TestInspectReadsWhatIsCommittedWhileTheLogIsOpen(t *testing.T) {
	fs := vfs.NewMemory()
	l, _, err := Open(fs, Options{Dir: "/log", SegmentBytes: 4096, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	chain, z := uint64(0), zxid.New(1, 0)
	for i := range 100 {
		kind := record.Transaction
		if i == 0 {
			kind = record.Epoch
		}
		raw := record.Append(nil, chain, z, kind, []byte("some body of a transaction"))
		r, err := record.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Append([]record.Record{r}); err != nil {
			t.Fatal(err)
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := l.Headroom(); err != nil {
			t.Fatal(err)
		}
		chain, z = r.Chain, z+1
	}
	l.NoteCommitted(zxid.New(1, 70))
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	var got []zxid.Zxid
	base, committed, err := Inspect(fs, "/log", func(r record.Record) error {
		got = append(got, r.Zxid)
		return nil
	})
	if err != nil || base != 0 || committed != zxid.New(1, 70) {
		t.Errorf("base %v, committed %v, %v; want 0, 0x100000046, nil", base, committed, err)
	}
	if len(got) != 71 || got[0] != zxid.New(1, 0) || got[70] != zxid.New(1, 70) {
		t.Errorf("%d records up to %v; want 71 up to 0x100000046", len(got), got[len(got)-1])
	}
	if err := l.Close(); err != nil {
		t.Errorf("the log cannot be closed after it was inspected: %v", err)
	}
}
