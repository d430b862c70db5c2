package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

const dir = "/log"

func small() Options { return Options{Dir: dir, SegmentBytes: 4096, Create: true} }

// history makes records that follow one another.
type history struct {
	last  zxid.Zxid
	chain uint64
}

func (h *history) add(z zxid.Zxid, body string) record.Record {
	kind := record.Transaction
	if z.Counter() == 0 {
		kind = record.Epoch
	}
	r, err := record.Decode(record.Append(nil, h.chain, z, kind, []byte(body)))
	if err != nil {
		panic(err)
	}
	h.last, h.chain = z, r.Chain
	return r
}

// run makes n records of the present epoch, or of the first one.
func (h *history) run(n, size int) []record.Record { return h.noisy(n, size, 0) }

// noisy is run with bodies that begin with so many bytes of noise, which do not
// compress.
func (h *history) noisy(n, size, noise int) []record.Record {
	var recs []record.Record
	for range n {
		z := h.last + 1
		if h.last == 0 {
			z = zxid.New(1, 0)
		}
		body := bytes.Repeat([]byte{byte('a' + z%26)}, size)
		rng := rand.New(rand.NewPCG(uint64(z), h.chain))
		for i := range noise {
			body[i] = byte(rng.Uint32())
		}
		recs = append(recs, h.add(z, string(body)))
	}
	return recs
}

func raw(recs []record.Record) []byte {
	var b []byte
	for _, r := range recs {
		b = append(b, r.Raw...)
	}
	return b
}

func mustOpen(t *testing.T, fsys vfs.FS, o Options) (*Log, Recovered) {
	t.Helper()
	l, rec, err := Open(fsys, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return l, rec
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustAppend(t *testing.T, l *Log, recs []record.Record) {
	t.Helper()
	for _, r := range recs {
		must(t, l.Append([]record.Record{r}))
	}
	must(t, l.Sync())
}

func content(t *testing.T, l *Log) []byte {
	t.Helper()
	base, _ := l.Base()
	b, err := l.Read(base, 1<<30, nil)
	must(t, err)
	return b
}

func TestAppendReadReopen(t *testing.T) {
	for _, fsys := range []vfs.FS{vfs.NewMemory(), vfs.OS{}} {
		o := small()
		if _, real := fsys.(vfs.OS); real {
			o.Dir = t.TempDir()
		}
		l, rec := mustOpen(t, fsys, o)
		if rec.Last != 0 || rec.Torn != nil || rec.Spans != nil {
			t.Errorf("new log: got %+v", rec)
		}
		var h history
		recs := append(h.run(30, 300), h.add(zxid.New(4, 0), "epoch"))
		recs = append(recs, h.run(5, 9000)...)
		mustAppend(t, l, recs)
		for i, r := range recs {
			got, err := l.Read(r.Zxid, 700, nil)
			if err != nil {
				t.Fatalf("Read(%v): %v", r.Zxid, err)
			}
			rest := raw(recs[i+1:])
			if len(rest) > 0 && len(got) == 0 || !bytes.HasPrefix(rest, got) {
				t.Errorf("Read(%v): got %d bytes which are not what follows", r.Zxid, len(got))
			}
		}
		spans := []record.Span{{Epoch: 1, Last: 29}, {Epoch: 4, Last: 5}}
		if got := l.Spans(); !slices.Equal(got, spans) {
			t.Errorf("Spans: got %v, want %v", got, spans)
		}
		must(t, l.Close())
		o.Create, o.Clean = false, true
		l, rec = mustOpen(t, fsys, o)
		if rec.Last != h.last || rec.LastChain != h.chain || rec.First != zxid.New(1, 0) || rec.Rewritten {
			t.Errorf("reopened: got %+v, want last %v", rec, h.last)
		}
		var got []byte
		must(t, l.ForEach(0, func(r record.Record) error {
			got = append(got, r.Raw...)
			return nil
		}))
		if !bytes.Equal(got, raw(recs)) || !slices.Equal(rec.Spans, spans) {
			t.Errorf("reopened: %d bytes, spans %v, want %d, %v", len(got), rec.Spans, len(raw(recs)), spans)
		}
		must(t, l.Close())
		if err := l.Append(h.run(1, 1)); !errors.Is(err, ErrClosed) {
			t.Errorf("Append after Close: got %v, want ErrClosed", err)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	l, _ := mustOpen(t, vfs.NewMemory(), small())
	var h history
	mustAppend(t, l, h.run(3, 10))
	other := history{last: h.last, chain: 99}
	tests := []struct {
		name string
		rec  record.Record
		want error
	}{
		{"counter skipped", (&history{h.last, h.chain}).add(zxid.New(1, 4), ""), ErrGap},
		{"repeated", (&history{h.last, h.chain}).add(zxid.New(1, 2), ""), ErrGap},
		{"epoch without its record", (&history{h.last, h.chain}).add(zxid.New(2, 1), ""), ErrGap},
		{"older epoch", (&history{h.last, h.chain}).add(zxid.New(0, 0), ""), ErrGap},
		{"other history", other.add(zxid.New(1, 3), ""), ErrChain},
	}
	before := content(t, l)
	for _, tt := range tests {
		if err := l.Append([]record.Record{tt.rec}); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	if !bytes.Equal(content(t, l), before) {
		t.Errorf("a refused record changed the log")
	}
	mustAppend(t, l, h.run(1, 1))
}

func TestReadPositions(t *testing.T) {
	l, _ := mustOpen(t, vfs.NewMemory(), small())
	var h history
	mustAppend(t, l, h.run(100, 200))
	mustAppend(t, l, []record.Record{h.add(zxid.New(3, 0), "")})
	must(t, l.TrimThrough(zxid.New(1, 50)))
	base, _ := l.Base()
	tests := []struct {
		after zxid.Zxid
		want  error
	}{
		{base, nil},
		{base - 1, ErrTrimmed},
		{0, ErrTrimmed},
		{zxid.New(1, 99), nil},
		{zxid.New(1, 100), ErrUnknown},
		{zxid.New(2, 0), ErrUnknown},
		{zxid.New(3, 0), nil},
		{zxid.New(3, 1), ErrUnknown},
	}
	for _, tt := range tests {
		if _, err := l.Read(tt.after, 1, nil); !errors.Is(err, tt.want) {
			t.Errorf("Read(%v): got %v, want %v", tt.after, err, tt.want)
		}
	}
	if base == 0 || base > zxid.New(1, 50) {
		t.Errorf("base after trim through (1,50): got %v", base)
	}
}

func TestTruncateEverywhere(t *testing.T) {
	var h history
	recs := h.run(40, 300)
	recs = append(recs, h.add(zxid.New(2, 0), "two"))
	recs = append(recs, h.run(3, 100)...)
	for i := -1; i < len(recs); i++ {
		fsys := vfs.NewMemory()
		l, _ := mustOpen(t, fsys, small())
		mustAppend(t, l, recs)
		cut := history{}
		if i >= 0 {
			cut = history{recs[i].Zxid, recs[i].Chain}
		}
		chain, err := l.TruncateAfter(cut.last)
		if err != nil || chain != cut.chain || l.Last() != cut.last {
			t.Fatalf("TruncateAfter(%v): got %x, %v, last %v, want chain %x", cut.last, chain, err, l.Last(), cut.chain)
		}
		more := []record.Record{cut.add(zxid.New(9, 0), "nine")}
		mustAppend(t, l, more)
		want := append(raw(recs[:i+1]), raw(more)...)
		if got := content(t, l); !bytes.Equal(got, want) {
			t.Errorf("after TruncateAfter(%v): %d bytes, want %d", cut.last, len(got), len(want))
		}
		spans := l.Spans()
		must(t, l.Close())
		l, rec := mustOpen(t, fsys, small())
		if !bytes.Equal(content(t, l), want) || !slices.Equal(rec.Spans, spans) {
			t.Errorf("reopened after TruncateAfter(%v): spans %v, want %v", cut.last, rec.Spans, spans)
		}
	}
}

func TestRebaseAndRecreate(t *testing.T) {
	fsys := vfs.NewMemory()
	l, _ := mustOpen(t, fsys, small())
	var h history
	mustAppend(t, l, h.run(50, 300))
	base := history{zxid.New(7, 3), 77}
	must(t, l.Rebase(base.last, base.chain))
	if _, err := l.Read(zxid.New(1, 2), 1, nil); !errors.Is(err, ErrTrimmed) {
		t.Errorf("Read before the base: got %v", err)
	}
	recs := base.run(4, 10)
	mustAppend(t, l, recs)
	must(t, l.Close())
	l, rec := mustOpen(t, fsys, small())
	if rec.Base != zxid.New(7, 3) || rec.BaseChain != 77 || !bytes.Equal(content(t, l), raw(recs)) {
		t.Errorf("after Rebase: got %+v", rec)
	}
	must(t, l.Close())
	must(t, fsys.Corrupt(dir+"/"+segmentName(zxid.New(7, 3)), 20))
	if _, _, err := Open(fsys, small()); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("rotten header: got %v, want ErrCorrupt", err)
	}
	l, err := Recreate(fsys, small(), zxid.New(8, 1), 5)
	must(t, err)
	again := history{zxid.New(8, 1), 5}
	mustAppend(t, l, again.run(2, 5))
	must(t, l.Close())
	_, rec = mustOpen(t, fsys, small())
	if rec.Base != zxid.New(8, 1) || rec.Last != again.last {
		t.Errorf("after Recreate: got %+v", rec)
	}
}

func TestMissingAndForeign(t *testing.T) {
	fsys := vfs.NewMemory()
	o := small()
	o.Create = false
	if _, _, err := Open(fsys, o); !errors.Is(err, ErrMissing) {
		t.Errorf("no directory: got %v, want ErrMissing", err)
	}
	must(t, fsys.MkdirAll(dir))
	if _, _, err := Open(fsys, o); !errors.Is(err, ErrMissing) {
		t.Errorf("no segment: got %v, want ErrMissing", err)
	}
	o.Create, o.ClusterID = true, [16]byte{1}
	l, _ := mustOpen(t, fsys, o)
	must(t, l.Close())
	o.ClusterID = [16]byte{2}
	if _, _, err := Open(fsys, o); !errors.Is(err, ErrForeign) {
		t.Errorf("other cluster: got %v, want ErrForeign", err)
	}
}

func TestRecycledSegmentsShowNothingOld(t *testing.T) {
	fsys := vfs.NewMemory()
	l, _ := mustOpen(t, fsys, small())
	var h history
	for range 40 {
		mustAppend(t, l, h.run(10, 100))
		must(t, l.Headroom())
		must(t, l.TrimThrough(h.last))
		must(t, l.Close())
		var rec Recovered
		l, rec = mustOpen(t, fsys, small())
		if rec.Last != h.last || rec.Torn != nil {
			t.Fatalf("got last %v, torn %+v, want %v", rec.Last, rec.Torn, h.last)
		}
	}
	mustAppend(t, l, h.run(200, 100))
	must(t, l.TrimThrough(h.last))
	if s := l.Stats(); s.Recycled == 0 {
		t.Errorf("no segment was recycled: %+v", s)
	}
}

func TestNoSpaceIsForeseen(t *testing.T) {
	fsys := vfs.NewMemory()
	l, _ := mustOpen(t, fsys, small())
	fsys.SetCapacity(6000)
	var h history
	mustAppend(t, l, h.run(20, 100))
	if err := l.Headroom(); err == nil {
		t.Errorf("Headroom on a full disk: got nil")
	}
	next := h
	recs := next.run(30, 100)
	if err := l.Append(recs); err == nil {
		t.Fatalf("Append on a full disk: got nil")
	}
	fsys.SetCapacity(1 << 20)
	must(t, l.Headroom())
	mustAppend(t, l, recs)
}

// TestReadersDuringChanges runs readers against everything the writer does;
// what they get must be a contiguous part of the history.
func TestReadersDuringChanges(t *testing.T) {
	l, _ := mustOpen(t, vfs.NewMemory(), small())
	var h history
	mustAppend(t, l, h.run(5, 50))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			var after zxid.Zxid
			for {
				select {
				case <-stop:
					return
				default:
				}
				b, err := l.Read(after, 2000, nil)
				if errors.Is(err, ErrTrimmed) || errors.Is(err, ErrUnknown) {
					after, _ = l.Base()
					continue
				}
				if err != nil {
					t.Errorf("Read(%v): %v", after, err)
					return
				}
				recs, err := record.DecodeAll(b, nil)
				if err != nil {
					t.Errorf("Read(%v): %v", after, err)
				}
				for _, r := range recs {
					if !r.Zxid.Follows(after) {
						t.Errorf("record %v behind %v", r.Zxid, after)
					}
					after = r.Zxid
				}
			}
		})
	}
	for i := range 300 {
		mustAppend(t, l, h.run(3, 150))
		if i%7 == 0 {
			must(t, l.TrimThrough(h.last-20))
		}
		if i%11 == 0 {
			chain, err := l.TruncateAfter(h.last - 2)
			must(t, err)
			h = history{h.last - 2, chain}
		}
		if i%50 == 49 {
			must(t, l.Rebase(h.last, h.chain))
		}
	}
	close(stop)
	readers.Wait()
}

func BenchmarkAppendSync(b *testing.B) {
	for _, batch := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("%d", batch), func(b *testing.B) {
			l, _, err := Open(vfs.OS{}, Options{Dir: b.TempDir(), Create: true})
			if err != nil {
				b.Fatal(err)
			}
			var h history
			recs := make([]record.Record, batch)
			body := make([]byte, 512)
			var buf []byte
			b.SetBytes(int64(batch * (512 + record.HeaderSize)))
			b.ReportAllocs()
			for b.Loop() {
				buf = buf[:0]
				for range batch {
					z := max(h.last+1, zxid.New(1, 0))
					buf = record.Append(buf, h.chain, z, record.Transaction, body)
					h.chain = record.NextChain(h.chain, z, record.Transaction, body)
					h.last = z
				}
				recs, _ = record.DecodeAll(buf, recs[:0])
				if err := errors.Join(l.Append(recs), l.Sync(), l.Headroom()); err != nil {
					b.Fatal(err)
				}
				if l.Bytes() > 256<<20 {
					if err := l.TrimThrough(h.last); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(batch)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// TestSealedEmptySegmentIsNotLeftBehind: a segment that holds a seal and no
// record is followed by records that do not fit into any segment. Its successor
// would have had its name, and trimming would have met the file twice.
func TestSealedEmptySegmentIsNotLeftBehind(t *testing.T) {
	fsys := vfs.NewMemory()
	l, _ := mustOpen(t, fsys, small())
	var h history
	must(t, l.Seal())
	mustAppend(t, l, h.run(40, 200))
	must(t, l.Sync())
	mustAppend(t, l, h.run(40, 200))
	must(t, l.Sync())
	last := l.Last()
	must(t, l.TrimThrough(last))
	must(t, l.Close())
	l, rec := mustOpen(t, fsys, small())
	if rec.Last != last {
		t.Errorf("last record: got %v, want %v", rec.Last, last)
	}
	must(t, l.Close())
}

// TestSealAgainAfterACommit: the last records of an idle log are committed after
// it was sealed; a process that is killed then has been told.
func TestSealAgainAfterACommit(t *testing.T) {
	fsys := vfs.NewMemory()
	l, _ := mustOpen(t, fsys, small())
	var h history
	mustAppend(t, l, h.run(5, 100))
	must(t, l.Seal())
	size := l.Bytes()
	must(t, l.Seal())
	if l.Bytes() != size {
		t.Errorf("a second seal that says nothing new takes %d bytes", l.Bytes()-size)
	}
	l.NoteCommitted(h.last)
	must(t, l.Seal())
	after := fsys.Crash(rand.New(rand.NewPCG(1, 1)))
	l, rec := mustOpen(t, after, small())
	if l.Committed() != h.last || rec.Last != h.last {
		t.Errorf("got committed %v, last %v, want %v", l.Committed(), rec.Last, h.last)
	}
	must(t, l.Close())
}
