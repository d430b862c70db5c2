package datadir

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

const dir = "/var/zk"

var options = Options{ServerID: 3, Incarnation: [16]byte{7, 7}}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t *testing.T, fsys vfs.FS, dir string) *Dir {
	t.Helper()
	d, err := Open(fsys, dir, options)
	must(t, err)
	return d
}

func TestRemembers(t *testing.T) {
	for _, fsys := range []vfs.FS{vfs.NewMemory(), vfs.OS{}} {
		dir := dir
		if _, real := fsys.(vfs.OS); real {
			dir = t.TempDir() + "/a/b"
		}
		d := mustOpen(t, fsys, dir)
		if !d.Fresh() {
			t.Errorf("new directory is not fresh")
		}
		if _, err := Open(fsys, dir, options); !errors.Is(err, vfs.ErrLocked) {
			t.Errorf("second Open: got %v, want ErrLocked", err)
		}
		_, err := d.Boot()
		must(t, err)
		must(t, d.Promise(4, 2))
		must(t, d.Promise(4, 2))
		must(t, d.MarkConfig(zxid.New(4, 1)))
		must(t, d.MarkConfig(zxid.New(3, 1)))
		must(t, d.BindCluster([16]byte{5}))
		must(t, d.SetClean(true))
		must(t, d.Close())
		d = mustOpen(t, fsys, dir)
		want := Meta{Accepted: 4, PromisedTo: 2, Boots: 1, Config: zxid.New(4, 1), Clean: true}
		if d.Meta() != want {
			t.Errorf("Meta: got %+v, want %+v", d.Meta(), want)
		}
		if id := (Identity{3, options.Incarnation, [16]byte{5}}); d.Identity() != id || d.Fresh() {
			t.Errorf("Identity: got %+v, fresh %v, want %+v", d.Identity(), d.Fresh(), id)
		}
		if n, err := d.Boot(); n != 2 || err != nil || d.Meta().Clean {
			t.Errorf("Boot: got %d, %v, clean %v, want 2, not clean", n, err, d.Meta().Clean)
		}
		must(t, d.Close())
	}
}

func TestRefusals(t *testing.T) {
	d := mustOpen(t, vfs.NewMemory(), dir)
	must(t, d.Promise(4, 2))
	must(t, d.BindCluster([16]byte{5}))
	if err := d.Promise(4, 1); !errors.Is(err, ErrPromised) {
		t.Errorf("same epoch, other leader: got %v", err)
	}
	if err := d.Promise(3, 2); !errors.Is(err, ErrPromised) {
		t.Errorf("older epoch: got %v", err)
	}
	if err := d.BindCluster([16]byte{6}); !errors.Is(err, ErrBound) {
		t.Errorf("other cluster: got %v", err)
	}
}

// TestLosses says what Open makes of a directory in which something is gone.
func TestLosses(t *testing.T) {
	remove := func(names ...string) func(*vfs.Memory) error {
		return func(m *vfs.Memory) error {
			var err error
			for _, name := range names {
				err = errors.Join(err, m.Remove(dir+"/"+name))
			}
			return err
		}
	}
	corrupt := func(name string, offsets ...int64) func(*vfs.Memory) error {
		return func(m *vfs.Memory) error {
			var err error
			for _, off := range offsets {
				err = errors.Join(err, m.Corrupt(dir+"/"+name, off))
			}
			return err
		}
	}
	tests := []struct {
		name   string
		change func(*vfs.Memory) error
		server zxid.ServerID
		want   error
	}{
		{"nothing", remove(), 3, nil},
		{"other server", remove(), 4, ErrWrongServer},
		{"identity gone", remove("identity"), 3, ErrAmnesia},
		{"identity and log gone", remove("identity", "log/log.0"), 3, ErrAmnesia},
		{"identity and meta gone", remove("identity", "meta"), 3, ErrAmnesia},
		{"identity rotten", corrupt("identity", 20), 3, ErrAmnesia},
		{"meta gone", remove("meta"), 3, ErrMetaLost},
		{"first slot rotten", corrupt("meta", 30), 3, nil},
		{"second slot rotten", corrupt("meta", slotBytes+30), 3, nil},
		{"both slots rotten", corrupt("meta", 30, slotBytes+17), 3, ErrMetaLost},
	}
	for _, tt := range tests {
		m := vfs.NewMemory()
		d := mustOpen(t, m, dir)
		must(t, d.Promise(4, 2))
		_, err := m.Create(dir + "/log/log.0")
		must(t, err)
		must(t, d.Close())
		must(t, tt.change(m))
		o := options
		o.ServerID = tt.server
		d, err = Open(m, dir, o)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		if err != nil {
			continue
		}
		if d.Meta().Accepted != 4 {
			t.Errorf("%s: the promise is forgotten: %+v", tt.name, d.Meta())
		}
		must(t, d.Close())
		// The repair was durable: now the other slot may rot.
		must(t, m.Corrupt(dir+"/meta", slotBytes+20))
		if d = mustOpen(t, m, dir); d.Meta().Accepted != 4 {
			t.Errorf("%s: the first slot was not repaired: %+v", tt.name, d.Meta())
		}
	}
}

// TestCrashEverywhere cuts the power, or lets one operation fail, at every
// operation. A promise that was reported is kept even if then a slot rots.
func TestCrashEverywhere(t *testing.T) {
	for _, fault := range []error{vfs.ErrPowerCut, errors.New("input/output error")} {
		for at, done := 0, false; !done; at++ {
			for seed := range uint64(6) {
				mem, n := vfs.NewMemory(), 0
				fsys := vfs.Faulty{Base: mem, Hook: func(op vfs.Op, _ string) error {
					if !op.Changes() {
						return nil
					}
					n++
					if n-1 == at || n-1 > at && fault == vfs.ErrPowerCut {
						return fault
					}
					return nil
				}}
				var promised zxid.Epoch
				d, err := Open(fsys, dir, options)
				opened := err == nil
				for e := zxid.Epoch(1); e < 4 && err == nil; e++ {
					if err = d.Promise(e, 1); err == nil {
						promised = e
					}
				}
				if err == nil {
					err = d.BindCluster([16]byte{9})
				}
				done = err == nil
				rng := rand.New(rand.NewPCG(seed, uint64(at)))
				after := mem.Crash(rng)
				if !opened {
					if d = mustOpen(t, after, dir); !d.Fresh() {
						t.Errorf("fault at %d: not fresh", at)
					}
					continue
				}
				if rng.IntN(2) == 0 {
					must(t, after.Corrupt(dir+"/meta", rng.Int64N(2)*slotBytes+20))
				}
				d, err = Open(after, dir, options)
				if errors.Is(err, ErrMetaLost) && promised < 3 {
					continue // a torn slot and a rotten one; no promise under way was reported
				}
				must(t, err)
				if got := d.Meta().Accepted; got < promised || got > promised+1 {
					t.Errorf("fault at %d, seed %d: promised %d, remembered %d", at, seed, promised, got)
				}
				if done && d.Identity().ClusterID != [16]byte{9} {
					t.Errorf("cluster id is lost")
				}
			}
		}
	}
}

func TestFailureIsFinal(t *testing.T) {
	armed := false
	d := mustOpen(t, vfs.Faulty{Base: vfs.NewMemory(), Hook: func(op vfs.Op, _ string) error {
		if armed && op == vfs.OpSync {
			return errors.New("input/output error")
		}
		return nil
	}}, dir)
	armed = true
	if err := d.Promise(1, 1); !errors.Is(err, ErrFailed) || d.Meta().Accepted != 0 {
		t.Errorf("failed sync: got %v, accepted %d", err, d.Meta().Accepted)
	}
	armed = false
	if err := d.Promise(2, 1); !errors.Is(err, ErrFailed) {
		t.Errorf("after a failed sync: got %v, want ErrFailed", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Identity{Server: 1}.encode())
	f.Add(encodeSlot(5, Meta{Accepted: 3, Clean: true}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if id, err := decodeIdentity(b); err == nil && string(id.encode()) != string(b) {
			t.Errorf("identity does not encode to itself")
		}
		if n := testing.AllocsPerRun(1, func() { decodeSlot(b) }); n > 0 {
			t.Errorf("decodeSlot allocates %v times", n)
		}
	})
}
