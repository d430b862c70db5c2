package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// world is what a log may hold after a crash.
type world struct {
	recs    []record.Record // everything written since the first base
	durable int             // so many of them must be there
	baseMin zxid.Zxid
	baseMax zxid.Zxid // a trim is under way if it differs from baseMin
	alt     *world    // or this
}

func (w *world) check(base zxid.Zxid, got []byte) error {
	if w.alt != nil && w.alt.check(base, got) == nil {
		return nil
	}
	if base < w.baseMin || base > w.baseMax {
		return fmt.Errorf("base %v, want %v to %v", base, w.baseMin, w.baseMax)
	}
	from := 0
	for from < len(w.recs) && w.recs[from].Zxid <= base {
		from++
	}
	least, most := raw(w.recs[from:max(from, w.durable)]), raw(w.recs[from:])
	if !bytes.HasPrefix(got, least) {
		return fmt.Errorf("%d bytes, lost some of the %d durable ones", len(got), len(least))
	}
	if !bytes.HasPrefix(most, got) {
		return fmt.Errorf("%d bytes, which are not of the %d written", len(got), len(most))
	}
	return nil
}

// script drives a log through everything it can do and keeps w such that at
// every moment it describes what a crash may leave. It stops at the first error.
func script(l *Log, w *world) error {
	h := history{last: l.Last(), chain: l.LastChain()}
	write := func(recs []record.Record) error {
		w.recs = append(w.recs, recs...)
		if err := l.Append(recs); err != nil {
			return err
		}
		return nil
	}
	sync := func() error {
		if err := l.Sync(); err != nil {
			return err
		}
		w.durable = len(w.recs)
		return l.Headroom()
	}
	for round := range 3 {
		for i := range 9 {
			// Of a third of the batches nothing compresses, of the others a half.
			size := 150 + 100*i
			if err := write(h.noisy(1+i%3, size, size/min(2, 1+(i+round)%3))); err != nil {
				return err
			}
			if i%4 == 3 {
				continue // two batches in one sync
			}
			if err := sync(); err != nil {
				return err
			}
			if i%3 == 2 {
				if err := l.Seal(); err != nil {
					return err
				}
			}
		}
		if err := sync(); err != nil {
			return err
		}
		keep := len(w.recs) - 3 - 4*round
		w.durable = keep
		chain, err := l.TruncateAfter(w.recs[keep-1].Zxid)
		if err != nil {
			return err
		}
		w.recs = slices.Clip(w.recs[:keep])
		h = history{w.recs[keep-1].Zxid, chain}
		if err := write([]record.Record{h.add(zxid.New(h.last.Epoch()+2, 0), "epoch")}); err != nil {
			return err
		}
		if err := sync(); err != nil {
			return err
		}
		w.baseMax = h.last
		if err := l.TrimThrough(w.recs[len(w.recs)-8].Zxid); err != nil {
			return err
		}
		w.baseMin, _ = l.Base()
		w.baseMax = w.baseMin
	}
	base := history{zxid.New(99, 5), 1234}
	fresh := &world{baseMin: base.last, baseMax: base.last}
	w.alt = fresh
	if err := l.Rebase(base.last, base.chain); err != nil {
		return err
	}
	*w = *fresh
	h = base
	if err := write(h.run(4, 100)); err != nil {
		return err
	}
	if err := sync(); err != nil {
		return err
	}
	return l.Close()
}

// counter fails the operation of a given number with err, and all later ones
// if the power is cut.
type counter struct {
	n, at int
	err   error
}

func (c *counter) hook(op vfs.Op, _ string) error {
	if !op.Changes() {
		return nil
	}
	c.n++
	if c.n-1 == c.at || c.n-1 > c.at && errors.Is(c.err, vfs.ErrPowerCut) {
		return c.err
	}
	return nil
}

func reopen(t *testing.T, fsys vfs.FS, w *world, when string) []byte {
	t.Helper()
	l, _, err := Open(fsys, small())
	if err != nil {
		t.Fatalf("%s: Open: %v", when, err)
	}
	base, _ := l.Base()
	got := content(t, l)
	if err := w.check(base, got); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	return got
}

// TestPowerCutEverywhere cuts the power at every operation of the script, and
// again during the recovery that follows.
func TestPowerCutEverywhere(t *testing.T) {
	for at, done := 0, false; !done; at++ {
		for seed := range uint64(4) {
			rng := rand.New(rand.NewPCG(seed, uint64(at)))
			mem := vfs.NewMemory()
			cut := &counter{at: at, err: vfs.ErrPowerCut}
			var w world
			l, _, err := Open(vfs.Faulty{Base: mem, Hook: cut.hook}, small())
			if err == nil {
				err = script(l, &w)
			}
			done = err == nil
			if err != nil && !errors.Is(err, vfs.ErrPowerCut) {
				t.Fatalf("cut at %d: %v", at, err)
			}
			mem = mem.Crash(rng)
			again := &counter{at: rng.IntN(12), err: vfs.ErrPowerCut}
			if l, _, err := Open(vfs.Faulty{Base: mem, Hook: again.hook}, small()); err == nil {
				base, _ := l.Base()
				if err := w.check(base, content(t, l)); err != nil {
					t.Fatalf("cut at %d, seed %d: %v", at, seed, err)
				}
			} else if !errors.Is(err, vfs.ErrPowerCut) {
				t.Fatalf("cut at %d, seed %d: %v", at, seed, err)
			}
			mem = mem.Crash(rng)
			got := reopen(t, mem, &w, fmt.Sprintf("cut at %d, seed %d", at, seed))
			if kept := reopen(t, mem.Crash(rng), &w, "once more"); !bytes.Equal(kept, got) {
				t.Fatalf("cut at %d, seed %d: Open reported what was not durable", at, seed)
			}
		}
	}
}

// spy counts the frames that are longer than a sector, compressed ones and
// others, as they are written.
type spy struct {
	vfs.FS
	frames map[bool]int
}

type spyFile struct {
	vfs.File
	frames map[bool]int
}

func (s spy) OpenWrite(name string) (vfs.File, error) {
	f, err := s.FS.OpenWrite(name)
	return spyFile{f, s.frames}, err
}

func (f spyFile) WriteAt(b []byte, off int64) (int, error) {
	if len(b) > sectorBytes && binary.LittleEndian.Uint32(b) == frameMagic {
		f.frames[binary.LittleEndian.Uint32(b[24:])&packedFlag != 0]++
	}
	return f.File.WriteAt(b, off)
}

// TestScriptWritesBothKinds: what TestPowerCutEverywhere tears are plain frames
// and compressed ones.
func TestScriptWritesBothKinds(t *testing.T) {
	frames := map[bool]int{}
	l, _ := mustOpen(t, spy{vfs.NewMemory(), frames}, small())
	must(t, script(l, new(world)))
	if frames[false] < 10 || frames[true] < 10 {
		t.Errorf("%d plain frames and %d compressed ones are longer than a sector, want 10 of each", frames[false], frames[true])
	}
}

var errDisk = errors.New("input/output error")

// TestFailedOperationEverywhere lets every operation of the script fail once.
// The log must not go on; a new process that reads what the cache still shows
// must not report anything that a power cut then takes back (W10, W14, F53).
func TestFailedOperationEverywhere(t *testing.T) {
	for at, done := 0, false; !done; at++ {
		rng := rand.New(rand.NewPCG(7, uint64(at)))
		mem := vfs.NewMemory()
		fault := &counter{at: at, err: errDisk}
		var w world
		l, _, err := Open(vfs.Faulty{Base: mem, Hook: fault.hook}, small())
		if err == nil {
			err = script(l, &w)
		}
		done = err == nil
		if err != nil && !errors.Is(err, errDisk) {
			t.Fatalf("fault at %d: %v", at, err)
		}
		got := reopen(t, mem, &w, fmt.Sprintf("fault at %d", at))
		kept := reopen(t, mem.Crash(rng), &w, fmt.Sprintf("fault at %d, then power cut", at))
		if !bytes.Equal(kept, got) {
			t.Fatalf("fault at %d: %d bytes reported, %d left by the power cut", at, len(got), len(kept))
		}
	}
}

func TestFailureIsFinal(t *testing.T) {
	for _, op := range []vfs.Op{vfs.OpWrite, vfs.OpSync} {
		armed := false
		fsys := vfs.Faulty{Base: vfs.NewMemory(), Hook: func(got vfs.Op, _ string) error {
			if armed && got == op {
				return errDisk
			}
			return nil
		}}
		l, _ := mustOpen(t, fsys, small())
		var h history
		mustAppend(t, l, h.run(2, 10))
		last := h.last
		armed = true
		if err := errors.Join(l.Append(h.run(1, 10)), l.Sync()); !errors.Is(err, errDisk) {
			t.Errorf("op %d: got %v, want the disk's error", op, err)
		}
		armed = false
		calls := map[string]func() error{
			"Append":      func() error { return l.Append(h.run(1, 1)) },
			"Sync":        l.Sync,
			"Seal":        l.Seal,
			"Headroom":    l.Headroom,
			"Rebase":      func() error { return l.Rebase(1, 1) },
			"TrimThrough": func() error { return l.TrimThrough(last) },
			"TruncateAfter": func() error {
				_, err := l.TruncateAfter(last)
				return err
			},
		}
		for name, call := range calls {
			if err := call(); !errors.Is(err, ErrFailed) {
				t.Errorf("op %d: %s: got %v, want ErrFailed", op, name, err)
			}
		}
	}
}

// TestCopiedDirectoryIsSynced: a directory that an operator copied is in the
// cache only when Open first reads it (W10).
func TestCopiedDirectoryIsSynced(t *testing.T) {
	from, to := vfs.NewMemory(), vfs.NewMemory()
	l, _ := mustOpen(t, from, small())
	var h history
	recs := h.run(30, 300)
	mustAppend(t, l, recs)
	must(t, l.Close())
	must(t, to.MkdirAll(dir))
	must(t, to.SyncDir("/"))
	names, err := from.List(dir)
	must(t, err)
	for _, name := range names {
		b, err := vfs.ReadFile(from, dir+"/"+name, 1<<20)
		must(t, err)
		f, err := to.Create(dir + "/" + name)
		must(t, err)
		_, err = f.WriteAt(b, 0)
		must(t, err)
	}
	mustOpen(t, to, small())
	l, _ = mustOpen(t, to.Crash(rand.New(rand.NewPCG(1, 1))), small())
	if got := content(t, l); !bytes.Equal(got, raw(recs)) {
		t.Errorf("after the power cut: %d bytes, want %d", len(got), len(raw(recs)))
	}
}
