package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/klauspost/compress/s2"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// found is a frame with records as it stands in a file.
type found struct {
	frame
	off int64
}

// frames reads the headers of the frames with records of the newest segment.
func frames(t *testing.T, l *Log) []found {
	t.Helper()
	s := l.active()
	b := make([]byte, s.end)
	_, err := s.f.ReadAt(b, 0)
	must(t, err)
	var out []found
	for off := int64(segmentHeader); off < s.end; {
		h, ok := getFrame(b[off:], off, s.header)
		if !ok {
			t.Fatalf("no frame at %d", off)
		}
		if !h.seal() {
			out = append(out, found{h, off})
		}
		off += frameHeader + h.length
	}
	return out
}

// framesOf returns the sizes on disk of frames of one record each, which are
// all compressed, or none is.
func framesOf(t *testing.T, recs []record.Record, packed bool) []int64 {
	t.Helper()
	l, _ := mustOpen(t, vfs.NewMemory(), wide())
	mustAppend(t, l, recs)
	var sizes []int64
	for _, f := range frames(t, l) {
		if f.packed != packed {
			t.Fatalf("frame at %d compressed: %v, want %v", f.off, f.packed, packed)
		}
		sizes = append(sizes, frameHeader+f.length)
	}
	return sizes
}

// wide has room for every frame of a test in one segment.
func wide() Options { return Options{Dir: dir, SegmentBytes: 1 << 20, Create: true} }

// TestFrames is the table of what is compressed, and that it makes no
// difference to a reader.
func TestFrames(t *testing.T) {
	const h = record.HeaderSize
	most := frameTarget - frameHeader // of several records
	tests := []struct {
		name               string
		count, size, noise int // of the records of a batch, without their headers
		want               string
	}{
		{"one short record", 1, 100, 0, "."},
		{"a sector", 1, 512 - h, 0, "."},
		{"a byte more than a sector", 1, 513 - h, 0, "c"},
		{"a sector of two", 2, 256 - h, 0, "."},
		{"more than a sector of two", 2, 257 - h, 0, "c"},
		{"identical bodies", 100, 191, 0, "c"},
		{"noise", 100, 191, 191, "."},
		{"too little to save", 1, 4000, 3600, "."},
		{"enough to save", 1, 4000, 3400, "c"},
		{"several that fill a frame", 2, most/2 - h, 0, "c"},
		{"one too many for a frame", 2, most/2 - h + 1, 0, "cc"},
		{"three frames", 300, 600, 10, "ccc"},
		{"one that fills a frame", 1, most - h, 0, "c"},
		{"the longest that is compressed", 1, frameTarget - h, 0, "c"},
		{"one byte longer", 1, frameTarget - h + 1, 0, "."},
		{"much longer", 1, 4*frameTarget - h, 0, "."},
		{"noise of the greatest length", 1, frameTarget - h, frameTarget - h, "."},
	}
	for _, tt := range tests {
		fsys := vfs.NewMemory()
		l, _ := mustOpen(t, fsys, wide())
		var hist history
		recs := hist.noisy(tt.count, tt.size, tt.noise)
		must(t, l.Append(recs))
		kinds, count := "", 0
		for _, f := range frames(t, l) {
			kinds += map[bool]string{true: "c", false: "."}[f.packed]
			count += int(f.count)
		}
		if kinds != tt.want || count != tt.count {
			t.Errorf("%s: got frames %q of %d records, want %q of %d", tt.name, kinds, count, tt.want, tt.count)
		}
		if got, want := l.Stats().Bytes, uint64(l.active().end-segmentHeader); got != want {
			t.Errorf("%s: Stats.Bytes is %d, written were %d", tt.name, got, want)
		}
		if got := content(t, l); !bytes.Equal(got, raw(recs)) {
			t.Errorf("%s: read %d bytes, want %d", tt.name, len(got), len(raw(recs)))
		}
		must(t, l.Close())
		o := wide()
		o.Clean = true
		l, rec := mustOpen(t, fsys, o)
		if rec.Last != hist.last || rec.LastChain != hist.chain || !bytes.Equal(content(t, l), raw(recs)) {
			t.Errorf("%s: reopened: got %+v, want last %v", tt.name, rec, hist.last)
		}
	}
}

// bothKinds runs a test with a log of three frames of several records, of which
// the last is plain or compressed, and known to be durable only if asked for.
func bothKinds(t *testing.T, test func(t *testing.T, fsys *vfs.Memory, l *Log, recs []record.Record, last found)) {
	for name, noise := range map[string]int{"plain": 90, "compressed": 30} {
		t.Run(name, func(t *testing.T) {
			fsys := vfs.NewMemory()
			l, _ := mustOpen(t, fsys, small())
			var h history
			recs := h.noisy(21, 90, noise)
			for i := 0; i < len(recs); i += 7 {
				must(t, l.Append(recs[i:i+7]))
			}
			must(t, l.Sync())
			all := frames(t, l)
			if len(all) != 3 || all[2].packed != (noise < 90) {
				t.Fatalf("got frames %+v, want three", all)
			}
			test(t, fsys, l, recs, all[2])
		})
	}
}

// TestEveryFlippedBitOfAFrame: nothing but the history is ever read, neither by
// the next start nor by the running log.
func TestEveryFlippedBitOfAFrame(t *testing.T) {
	bothKinds(t, func(t *testing.T, fsys *vfs.Memory, l *Log, recs []record.Record, last found) {
		name, whole, before := dir+"/"+segmentName(0), raw(recs), raw(recs[:14])
		file, err := vfs.ReadFile(fsys, name, 1<<20)
		must(t, err)
		harmless := 0
		for bit := range 8 * int(frameHeader+last.length) {
			off := last.off + int64(bit/8)
			flipped := file[off] ^ 1<<(bit%8)
			patch(t, fsys, name, off, []byte{flipped})
			var got []byte
			err := l.ForEach(0, func(r record.Record) error {
				got = append(got, r.Raw...)
				return nil
			})
			if !bytes.HasPrefix(whole, got) || len(got) < len(before) || (err == nil) != (len(got) == len(whole)) ||
				err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("bit %d: read %d bytes, %v", bit, len(got), err)
			}
			copied := vfs.NewMemory()
			putFile(t, copied, name, slices.Concat(file[:off], []byte{flipped}, file[off+1:]))
			again, rec := mustOpen(t, copied, small())
			switch got := content(t, again); {
			case bytes.Equal(got, whole) && rec.Torn == nil:
				harmless++
			case !bytes.Equal(got, before) || rec.Torn == nil && bit >= 128:
				t.Fatalf("bit %d: reopened with %d bytes, torn %+v", bit, len(got), rec.Torn)
			}
			patch(t, fsys, name, off, file[off:off+1])
		}
		// A copy in a block may be told in two ways.
		if harmless > 0 && !last.packed || harmless > 20 {
			t.Errorf("%d flipped bits make no difference", harmless)
		}
	})
}

// putFile makes a file of the given bytes.
func putFile(t *testing.T, fsys vfs.FS, name string, b []byte) {
	t.Helper()
	must(t, fsys.MkdirAll(dir))
	f, err := fsys.Create(name)
	must(t, err)
	_, err = f.WriteAt(b, 0)
	must(t, errors.Join(err, f.Sync(), f.Close()))
}

// TestFrameCutAtEveryByte: the rest of a write is a torn tail, whether the rest
// of the file is zeros or was never there.
func TestFrameCutAtEveryByte(t *testing.T) {
	bothKinds(t, func(t *testing.T, fsys *vfs.Memory, _ *Log, recs []record.Record, last found) {
		name := dir + "/" + segmentName(0)
		file, err := vfs.ReadFile(fsys, name, 1<<20)
		must(t, err)
		end := int64(len(bytes.TrimRight(file, "\x00"))) // a block may end with zeros
		for n := range end - last.off {
			for _, rest := range []int{0, len(file) - int(last.off+n)} {
				copied := vfs.NewMemory()
				putFile(t, copied, name, append(slices.Clone(file[:last.off+n]), make([]byte, rest)...))
				l, rec := mustOpen(t, copied, small())
				// The frame is recognised from its generation on, unless that is
				// cut where zeros go on.
				known := n >= 16 || rest > 0 && n >= 9
				if got := content(t, l); !bytes.Equal(got, raw(recs[:14])) || (rec.Torn != nil) != known {
					t.Fatalf("%d bytes of the frame, %d behind: got %d bytes, torn %+v", n, rest, len(got), rec.Torn)
				}
				must(t, l.Close())
			}
		}
	})
}

// TestInsideOfAFrame reads from every record and truncates to every record.
func TestInsideOfAFrame(t *testing.T) {
	bothKinds(t, func(t *testing.T, fsys *vfs.Memory, l *Log, recs []record.Record, _ found) {
		name := dir + "/" + segmentName(0)
		file, err := vfs.ReadFile(fsys, name, 1<<20)
		must(t, err)
		for i, r := range recs {
			rest := raw(recs[i+1:])
			if got, err := l.Read(r.Zxid, 1<<20, nil); err != nil || !bytes.Equal(got, rest) {
				t.Errorf("Read(%v): got %d bytes, %v, want %d", r.Zxid, len(got), err, len(rest))
			}
			if got, err := l.Read(r.Zxid, 250, nil); err != nil || !bytes.HasPrefix(rest, got) || len(got) != min(len(rest), 228) {
				t.Errorf("Read(%v) of two records: got %d bytes, %v", r.Zxid, len(got), err)
			}
			copied := vfs.NewMemory()
			putFile(t, copied, name, file)
			cut, _ := mustOpen(t, copied, small())
			end := cut.active().end
			chain, err := cut.TruncateAfter(r.Zxid)
			if err != nil || chain != r.Chain || cut.active().end > end+sectorBytes {
				t.Fatalf("TruncateAfter(%v): got %x, %v, %d bytes of %d", r.Zxid, chain, err, cut.active().end, end)
			}
			h := history{r.Zxid, chain}
			more := append([]record.Record{h.add(zxid.New(2, 0), "two")}, h.run(9, 90)...)
			must(t, cut.Append(more))
			want := append(raw(recs[:i+1]), raw(more)...)
			must(t, cut.Close())
			if cut, _ = mustOpen(t, copied, small()); !bytes.Equal(content(t, cut), want) {
				t.Errorf("reopened after TruncateAfter(%v): not what was left and written", r.Zxid)
			}
		}
	})
}

// TestInspectEndsInsideAFrame: what is committed may end anywhere.
func TestInspectEndsInsideAFrame(t *testing.T) {
	bothKinds(t, func(t *testing.T, fsys *vfs.Memory, l *Log, recs []record.Record, _ found) {
		l.NoteCommitted(recs[16].Zxid)
		must(t, l.Seal())
		var got []byte
		_, committed, err := Inspect(fsys, dir, func(r record.Record) error {
			got = append(got, r.Raw...)
			return nil
		})
		if err != nil || committed != recs[16].Zxid || !bytes.Equal(got, raw(recs[:17])) {
			t.Errorf("got %d bytes, committed %v, %v, want %d, %v", len(got), committed, err, len(raw(recs[:17])), recs[16].Zxid)
		}
	})
}

// TestCopyIsNotLonger: a segment is copied in the frames it has. Cut anew, the
// half of them that compresses would go into frames that do not.
func TestCopyIsNotLonger(t *testing.T) {
	l, _ := mustOpen(t, vfs.NewMemory(), Options{Dir: dir, SegmentBytes: 8 << 20, Create: true})
	var h history
	for range 40 {
		must(t, l.Append(h.run(7, 976)))
		must(t, l.Append(h.noisy(57, 976, 976)))
	}
	before, end, last := frames(t, l), l.active().end, h.last
	must(t, l.Append(h.run(1, 1)))
	_, err := l.TruncateAfter(last)
	must(t, err)
	if got := l.active().end; got != end || len(frames(t, l)) != len(before) {
		t.Errorf("got %d bytes in %d frames, want %d in %d", got, len(frames(t, l)), end, len(before))
	}
}

// TestReadersEnterNear: however little room compressed records take, a reader
// that enters in the middle goes through two frames in vain at most.
func TestReadersEnterNear(t *testing.T) {
	fsys := vfs.NewMemory()
	l, _ := mustOpen(t, fsys, wide())
	var h history
	recs := h.run(300, 60_000)
	for i := 0; i < len(recs); i += 3 {
		must(t, l.Append(recs[i:i+3]))
	}
	must(t, l.Sync())
	again, _ := mustOpen(t, fsys, wide())
	_, err := again.TruncateAfter(recs[298].Zxid)
	must(t, err)
	for name, s := range map[string]*segment{"written": l.active(), "copied": again.active()} {
		all := frames(t, l)
		for i := 2; i < 298; i++ {
			if from := s.seek(recs[i-1].Zxid); from < all[i-2].off || from > all[i].off {
				t.Fatalf("%s: the record of the frame at %d is searched from %d", name, all[i].off, from)
			}
		}
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	l, _ := mustOpen(t, vfs.NewMemory(), wide())
	for name, noise := range map[string]int{"plain": 191, "compressed": 100} {
		var h history
		recs := h.noisy(100, 191, noise)
		if n := testing.AllocsPerRun(100, func() { l.encode(l.active(), recs, 0) }); n > 0 {
			t.Errorf("%s: encoding a batch allocates %v times", name, n)
		}
	}
}

// TestForgedFrames: the header of a frame is right, its content is not what it
// says. Nothing of it is taken, and nothing big is allocated for it.
func TestForgedFrames(t *testing.T) {
	var h history
	recs := h.run(10, 90)
	twice := slices.Concat(raw(recs[:5]), raw(recs[4:9]))
	huge := binary.AppendUvarint(nil, 1<<32-1)
	tests := []struct {
		name    string
		version uint32
		count   uint32
		block   []byte
		takes   int
	}{
		{"right", segmentVersion, 10, s2.Encode(nil, raw(recs)), 10},
		{"in a segment that has none", 1, 10, s2.Encode(nil, raw(recs)), 0},
		{"not a block", segmentVersion, 10, raw(recs), 0},
		{"a record less than counted", segmentVersion, 10, s2.Encode(nil, raw(recs[:9])), 0},
		{"a record more than counted", segmentVersion, 9, s2.Encode(nil, raw(recs)), 0},
		{"a record twice", segmentVersion, 10, s2.Encode(nil, twice), 0},
		{"half a record", segmentVersion, 10, s2.Encode(nil, raw(recs)[:1100]), 0},
		{"nothing", segmentVersion, 0, nil, 0},
		{"a block of nothing", segmentVersion, 0, s2.Encode(nil, nil), 0},
		{"half a block", segmentVersion, 10, s2.Encode(nil, raw(recs))[:50], 0},
		{"claims 4 GiB", segmentVersion, 10, append(huge, s2.Encode(nil, raw(recs))...), 0},
		{"longer than a frame", segmentVersion, 1, s2.Encode(nil, raw((&history{}).run(1, frameTarget))), 0},
	}
	for _, tt := range tests {
		head := header{version: tt.version, generation: 1}
		room := make([]byte, frameHeader)
		putFrame(room, segmentHeader, 1, frame{length: int64(len(tt.block)), count: tt.count, packed: true})
		fsys := vfs.NewMemory()
		putFile(t, fsys, dir+"/"+segmentName(0), slices.Concat(head.encode(), room, tt.block))
		var rec Recovered
		var err error
		if n := allocation.Bytes(func() { _, rec, err = Open(fsys, small()) }); n > 1<<20 {
			t.Errorf("%s: Open allocates %d bytes", tt.name, n)
		}
		last := zxid.Zxid(0)
		if tt.takes > 0 {
			last = recs[tt.takes-1].Zxid
		}
		if err != nil || rec.Last != last || (rec.Torn == nil) != (tt.takes > 0) {
			t.Errorf("%s: got %+v, %v, want last %v", tt.name, rec, err, last)
		}
		// The running log has to see it as well.
		s := &segment{header: head, name: "s", end: segmentHeader + frameHeader + int64(len(tt.block))}
		f := vfs.NewMemory()
		putFile(t, f, dir+"/s", slices.Concat(head.encode(), room, tt.block))
		s.f, err = f.Open(dir + "/s")
		must(t, err)
		err = s.walk(s.cursor(segmentHeader, s.end), 0, func(record.Record) (bool, error) { return true, nil })
		if tt.takes > 0 && err != nil || tt.takes == 0 && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: walk: got %v", tt.name, err)
		}
	}
}

// FuzzUnpack takes arbitrary bytes for a block: no panic, one buffer, and what
// comes out is what goes in again.
func FuzzUnpack(f *testing.F) {
	var h history
	f.Add(s2.Encode(nil, raw(h.run(9, 90))))
	f.Add(s2.Encode(nil, raw(h.noisy(9, 90, 90))))
	f.Add(s2.Encode(nil, make([]byte, frameTarget)))
	f.Add(s2.Encode(nil, make([]byte, frameTarget+1)))
	f.Add(binary.AppendUvarint(nil, 1<<32-1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var u unpacker
		var got []byte
		var err error
		if n := allocation.Bytes(func() { got, err = u.unpack(b) }); n > frameTarget+64<<10 {
			t.Errorf("a block of %d bytes allocates %d", len(b), n)
		}
		if err != nil {
			if !errors.Is(err, errFrame) {
				t.Errorf("got %v", err)
			}
			return
		}
		if len(got) == 0 || len(got) > frameTarget {
			t.Fatalf("got %d bytes", len(got))
		}
		var p packer
		if block := p.pack(got); block != nil {
			again, err := (&unpacker{}).unpack(block)
			if err != nil || !bytes.Equal(again, got) {
				t.Errorf("%d bytes became %d, %v", len(got), len(again), err)
			}
		}
	})
}
