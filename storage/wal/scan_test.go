package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// patch overwrites bytes of a file.
func patch(t *testing.T, fsys vfs.FS, name string, off int64, b []byte) {
	t.Helper()
	f, err := fsys.OpenWrite(name)
	must(t, err)
	_, err = f.WriteAt(b, off)
	must(t, err)
	must(t, f.Sync())
	must(t, f.Close())
}

// TestEndOfLog is the table of §A11: what an invalid frame means by what comes
// behind it.
//
// covers: I03
func TestEndOfLog(t *testing.T) {
	t.Run("plain", func(t *testing.T) { testEndOfLog(t, 1200, false) })
	t.Run("compressed", func(t *testing.T) { testEndOfLog(t, 900, true) })
}

// testEndOfLog runs the table with frames of one record of 1200 bytes, which are
// stored in more than 900, two whole sectors among them.
func testEndOfLog(t *testing.T, noise int, packed bool) {
	var h history
	recs := h.noisy(5, 1200, noise)
	sizes := framesOf(t, recs, packed)
	frameAt := func(i int) int64 {
		off := int64(segmentHeader)
		for _, size := range sizes[:i] {
			off += size
		}
		return off
	}
	first := dir + "/" + segmentName(0)
	zeros := make([]byte, 2048)
	type damage struct {
		off int64
		b   []byte // nil: one bit flips
	}
	tests := []struct {
		name     string
		synced   int  // of the four frames
		seal     bool // behind the fourth frame
		behind   bool // a fifth frame behind the seal
		clean    bool
		damage   []damage
		left     int // frames; -1 is corruption
		torn     bool
		doubtful bool
	}{
		{name: "untouched, not synced", left: 4},
		{name: "untouched, sealed, clean", synced: 4, seal: true, clean: true, left: 4},
		{name: "last frame never written", damage: []damage{{frameAt(3), zeros}}, left: 3},
		{name: "middle of the last frame never written", damage: []damage{{(frameAt(3) + 511) / 512 * 512, zeros[:512]}}, left: 3, torn: true},
		{name: "last record rots", damage: []damage{{frameAt(3) + 700, nil}}, left: 3, torn: true, doubtful: true},
		{name: "last header rots", damage: []damage{{frameAt(3) + 20, nil}}, left: 3, torn: true},
		{name: "unsynced frames, the first of them lost", synced: 2, damage: []damage{{frameAt(2) + 100, nil}}, left: 2, torn: true, doubtful: true},
		{name: "synced frame rots, a later one knows", synced: 2, damage: []damage{{frameAt(1) + 100, nil}}, left: -1},
		{name: "synced header rots, a later one knows", synced: 3, damage: []damage{{frameAt(0) + 1, nil}}, left: -1},
		{name: "sealed record rots", synced: 4, seal: true, damage: []damage{{frameAt(3) + 100, nil}}, left: -1},
		{name: "sealed frame reads as never written", synced: 4, seal: true, damage: []damage{{frameAt(3), zeros[:sizes[3]]}}, left: -1},
		{name: "seal rots", synced: 4, seal: true, damage: []damage{{frameAt(4) + 17, nil}}, left: 4, torn: true},
		{name: "seal rots after a clean shutdown", synced: 4, seal: true, clean: true, damage: []damage{{frameAt(4) + 17, nil}}, left: -1},
		{name: "torn behind the seal", synced: 4, seal: true, behind: true, damage: []damage{{frameAt(4) + frameHeader + 100, nil}}, left: 4, torn: true, doubtful: true},
		{name: "torn behind the seal although clean", synced: 4, seal: true, behind: true, clean: true, damage: []damage{{frameAt(4) + frameHeader + 100, nil}}, left: -1},
		{name: "torn although clean", clean: true, damage: []damage{{frameAt(3) + 700, nil}}, left: -1},
		{name: "header of the segment rots", damage: []damage{{40, nil}}, left: -1},
	}
	for _, tt := range tests {
		fsys := vfs.NewMemory()
		o := small()
		o.SegmentBytes = 16 << 10
		l, _ := mustOpen(t, fsys, o)
		recs, behind := recs[:4], recs[4:]
		for i, r := range recs {
			must(t, l.Append([]record.Record{r}))
			if i < tt.synced {
				must(t, l.Sync())
			}
		}
		if tt.seal {
			must(t, l.Seal())
		}
		if tt.behind {
			must(t, l.Append(behind))
		}
		for _, d := range tt.damage {
			if d.b == nil {
				must(t, fsys.Corrupt(first, d.off))
			} else {
				patch(t, fsys, first, d.off, d.b)
			}
		}
		before, err := vfs.ReadFile(fsys, first, 1<<20)
		must(t, err)
		o.Clean = tt.clean
		l, rec, err := Open(fsys, o)
		if tt.left < 0 {
			var where *CorruptError
			if !errors.Is(err, ErrCorrupt) || !errors.As(err, &where) || where.File != segmentName(0) {
				t.Errorf("%s: got %v, want ErrCorrupt", tt.name, err)
			}
			if after, err := vfs.ReadFile(fsys, first, 1<<20); err != nil || !bytes.Equal(before, after) {
				t.Errorf("%s: the damaged file changed, %v", tt.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := content(t, l); !bytes.Equal(got, raw(recs[:tt.left])) {
			t.Errorf("%s: %d bytes left, want %d records", tt.name, len(got), tt.left)
		}
		if (rec.Torn != nil) != tt.torn || tt.torn && rec.Torn.Doubtful != tt.doubtful {
			t.Errorf("%s: got torn %+v, want %v, doubtful %v", tt.name, rec.Torn, tt.torn, tt.doubtful)
		}
		// What was cut is gone from the file too: it must not come back later.
		o.Clean = false
		if _, again, err := Open(fsys, o); err != nil || again.Torn != nil || again.Last != rec.Last {
			t.Errorf("%s: second Open: got %+v, %v, want last %v and no torn tail", tt.name, again, err, rec.Last)
		}
	}
}

// TestMiddleOfTheLogIsNeverCut damages every place of an older segment.
//
// covers: I03
func TestMiddleOfTheLogIsNeverCut(t *testing.T) {
	fsys := vfs.NewMemory()
	l, _ := mustOpen(t, fsys, small())
	var h history
	mustAppend(t, l, h.run(40, 200))
	name := dir + "/" + l.segs[1].name
	end := l.segs[1].end
	must(t, l.Close())
	for off := int64(0); off < end; off += 13 {
		if off >= headerBytes-4 && off < segmentHeader {
			continue // unused
		}
		must(t, fsys.Corrupt(name, off))
		if _, _, err := Open(fsys, small()); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("bit flipped at %d: got %v, want ErrCorrupt", off, err)
		}
		must(t, fsys.Corrupt(name, off))
	}
	must(t, fsys.Remove(name))
	if _, _, err := Open(fsys, small()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("segment missing: got %v, want ErrCorrupt", err)
	}
}

// TestRotUnderTheRunningLog: a reader must notice, not pass it on.
func TestRotUnderTheRunningLog(t *testing.T) {
	fsys := vfs.NewMemory()
	l, _ := mustOpen(t, fsys, small())
	var h history
	mustAppend(t, l, h.run(4, 100))
	must(t, fsys.Corrupt(dir+"/"+segmentName(0), segmentHeader+frameHeader+50))
	if _, err := l.Read(0, 1000, nil); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Read: got %v, want ErrCorrupt", err)
	}
	if _, err := l.TruncateAfter(zxid.New(1, 1)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("TruncateAfter: got %v, want ErrCorrupt", err)
	}
}

// TestOldContentIsNeverTaken puts a whole valid frame of an older generation
// where the next frame would stand.
func TestOldContentIsNeverTaken(t *testing.T) {
	fsys := vfs.NewMemory()
	l, _ := mustOpen(t, fsys, small())
	var h history
	recs := h.run(3, 100)
	mustAppend(t, l, recs[:2])
	end := l.active().end
	l.encode(l.active(), recs[2:], 0)
	binary.LittleEndian.PutUint64(l.buf[8:], l.active().generation-1)
	binary.LittleEndian.PutUint32(l.buf[4:], frameSum(l.buf, end))
	patch(t, fsys, dir+"/"+segmentName(0), end, l.buf)
	_, rec := mustOpen(t, fsys, small())
	if rec.Last != recs[1].Zxid || rec.Torn != nil {
		t.Errorf("got last %v, torn %+v, want %v", rec.Last, rec.Torn, recs[1].Zxid)
	}
}

// FuzzOpen reads arbitrary bytes as the content of the newest segment: no
// panic, no memory beyond the file's measure, and what is accepted stays.
func FuzzOpen(f *testing.F) {
	var h history
	mem := vfs.NewMemory()
	l, _, err := Open(mem, small())
	if err != nil {
		f.Fatal(err)
	}
	for _, r := range h.run(5, 100) {
		if err := errors.Join(l.Append([]record.Record{r}), l.Sync()); err != nil {
			f.Fatal(err)
		}
	}
	seed, err := vfs.ReadFile(mem, dir+"/"+segmentName(0), 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed[segmentHeader:l.active().end])
	if err := errors.Join(l.Append(h.noisy(9, 80, 20)), l.Append(h.noisy(9, 80, 80)), l.Seal()); err != nil {
		f.Fatal(err)
	}
	if seed, err = vfs.ReadFile(mem, dir+"/"+segmentName(0), 1<<20); err != nil {
		f.Fatal(err)
	}
	f.Add(seed[segmentHeader:l.active().end])
	f.Add(seed[segmentHeader : l.active().end-30])
	f.Add([]byte{})
	head := header{version: segmentVersion, generation: l.active().generation}.encode()
	f.Fuzz(func(t *testing.T, b []byte) {
		fsys := vfs.NewMemory()
		must(t, fsys.MkdirAll(dir))
		c, err := fsys.Create(dir + "/" + segmentName(0))
		must(t, err)
		_, err = c.WriteAt(append(head, b...), 0)
		must(t, err)
		var l *Log
		var rec Recovered
		allocated := allocation.Bytes(func() { l, rec, err = Open(fsys, small()) })
		if got, most := allocated, uint64(64*len(b)+4<<20); got > most {
			t.Errorf("Open of %d bytes allocates %d, want at most %d", len(b), got, most)
		}
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v", err)
			}
			return
		}
		got := content(t, l)
		_, again, err := Open(fsys, small())
		if err != nil || again.Last != rec.Last || again.Torn != nil {
			t.Errorf("second Open: got %+v, %v, want last %v", again, err, rec.Last)
		}
		if !bytes.Equal(content(t, l), got) {
			t.Errorf("content changed")
		}
	})
}
