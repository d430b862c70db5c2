package wal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/record"
)

// versionOne is what a program that knew version 1 only wrote: a header, a frame
// of two records, a frame of one, and a seal.
var versionOne = []string{
	"5a4b505257414c00010000000000000000000000000000000000000000000000" +
		"010000000000000000000000000000000000000000000000000000000000000047b1d84500000000",
	"5a46524dfaba3e38010000000000000000020000000000003e000000020000000000000000000000" +
		"66854e1207000002000000000100000083e366c829aaafaa77777777777777" +
		"516285bd070000010100000001000000f43159f2f544fb7f78787878787878",
	"5a46524dc0c2b5bf010000000000000066020000000000001f000000010000000000000000000000" +
		"a7d5d80d070000010200000001000000cbd3ef976f95df9e79797979797979",
	"5a46524db1eb73770100000000000000ad0200000000000000000000000000000100000001000000",
}

// oldFile is the segment of version 1 in a file of 4096 bytes, and its records.
func oldFile(t *testing.T) ([]byte, []record.Record) {
	t.Helper()
	file := make([]byte, 4096)
	at := 0
	for i, part := range versionOne {
		b, err := hex.DecodeString(part)
		must(t, err)
		at += copy(file[at:], b)
		if i == 0 {
			at = segmentHeader
		}
	}
	var h history
	return file, h.run(3, 7)
}

// TestVersionOne: a log of version 1 is read, written on in its own format, and
// left for version 2 with its next segment, or its next copy.
func TestVersionOne(t *testing.T) {
	fsys := vfs.NewMemory()
	file, recs := oldFile(t)
	putFile(t, fsys, dir+"/"+segmentName(0), file)
	count := 0
	_, committed, err := Inspect(fsys, dir, func(record.Record) error {
		count++
		return nil
	})
	if err != nil || count != 2 || committed != recs[1].Zxid {
		t.Errorf("Inspect: got %d records, committed %v, %v", count, committed, err)
	}
	o := small()
	o.Clean = true
	l, rec := mustOpen(t, fsys, o)
	if rec.Last != recs[2].Zxid || rec.LastChain != recs[2].Chain || l.Committed() != recs[1].Zxid || rec.Rewritten {
		t.Fatalf("got %+v, committed %v, want last %v", rec, l.Committed(), recs[2].Zxid)
	}
	h := history{rec.Last, rec.LastChain}
	recs = append(recs, h.run(10, 100)...)
	must(t, l.Append(recs[3:]))
	must(t, l.Close())
	after, err := vfs.ReadFile(fsys, dir+"/"+segmentName(0), 1<<20)
	must(t, err)
	if !bytes.Equal(after[:segmentHeader], file[:segmentHeader]) || !bytes.Contains(after, raw(recs[3:])) {
		t.Errorf("the segment is not written on as a program of version 1 would")
	}
	l, _ = mustOpen(t, fsys, o)
	for range 4 {
		more := h.run(10, 100)
		recs = append(recs, more...)
		must(t, l.Append(more))
	}
	must(t, l.Sync())
	if old, active := l.segs[0], l.active(); len(l.segs) < 2 || old.packs() || !active.packs() || !frames(t, l)[0].packed {
		t.Errorf("%d segments, from version %d to %d, want 1 to 2", len(l.segs), old.version, active.version)
	}
	must(t, l.Close())
	l, _ = mustOpen(t, fsys, o)
	if got := content(t, l); !bytes.Equal(got, raw(recs)) {
		t.Errorf("read %d bytes from both versions, want %d", len(got), len(raw(recs)))
	}
	// Into the middle of the frame that was added to the old segment.
	_, err = l.TruncateAfter(recs[7].Zxid)
	must(t, err)
	if s := l.active(); len(l.segs) != 1 || !s.packs() {
		t.Errorf("the copy is of version %d, want %d", s.version, segmentVersion)
	}
	h = history{recs[7].Zxid, recs[7].Chain}
	more := h.run(10, 100)
	must(t, l.Append(more))
	must(t, l.Close())
	l, _ = mustOpen(t, fsys, o)
	if got := content(t, l); !bytes.Equal(got, append(raw(recs[:8]), raw(more)...)) {
		t.Errorf("after TruncateAfter: read %d bytes", len(got))
	}
}

// TestVersionOneThatWasNotSynced is copied, as any log whose end is in doubt.
func TestVersionOneThatWasNotSynced(t *testing.T) {
	fsys := vfs.NewMemory()
	file, recs := oldFile(t)
	clear(file[segmentHeader+frameHeader+62+frameHeader+20:]) // in the third record
	putFile(t, fsys, dir+"/"+segmentName(0), file)
	l, rec := mustOpen(t, fsys, small())
	if rec.Last != recs[1].Zxid || rec.Torn == nil || !rec.Rewritten || !l.active().packs() {
		t.Errorf("got %+v, version %d, want last %v", rec, l.active().version, recs[1].Zxid)
	}
	if got := content(t, l); !bytes.Equal(got, raw(recs[:2])) {
		t.Errorf("read %d bytes, want %d", len(got), len(raw(recs[:2])))
	}
}

// TestOldSpare: a spare that was a segment of version 1 becomes one of version 2.
func TestOldSpare(t *testing.T) {
	fsys := vfs.NewMemory()
	file, _ := oldFile(t)
	putFile(t, fsys, dir+"/"+sparePrefix+"1", file)
	l, rec := mustOpen(t, fsys, small())
	if s := l.active(); rec.Last != 0 || s.version != segmentVersion || s.generation != 2 {
		t.Errorf("got last %v, version %d, generation %d", rec.Last, s.version, s.generation)
	}
	var h history
	recs := h.run(10, 100)
	must(t, l.Append(recs))
	must(t, l.Close())
	if l, _ = mustOpen(t, fsys, small()); !bytes.Equal(content(t, l), raw(recs)) {
		t.Errorf("the spare does not hold what was written")
	}
}

// TestVersionsThatAreNotKnown: the error says which, and nothing is changed.
func TestVersionsThatAreNotKnown(t *testing.T) {
	for _, version := range []uint32{0, segmentVersion + 1, 1 << 31} {
		fsys := vfs.NewMemory()
		putFile(t, fsys, dir+"/"+segmentName(0), header{version: version, generation: 1}.encode())
		_, _, err := Open(fsys, small())
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "this program reads 1 to 2") {
			t.Errorf("version %d: got %v", version, err)
		}
	}
}
