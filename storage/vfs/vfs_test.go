package vfs

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestContract holds for every implementation.
func TestContract(t *testing.T) {
	mem := NewMemory()
	pass := func(Op, string) error { return nil }
	tests := []struct {
		name string
		fs   FS
		dir  string
	}{
		{"OS", OS{}, t.TempDir()},
		{"Memory", mem, "/m"},
		{"Faulty", Faulty{Base: NewMemory(), Hook: pass}, "/f"},
	}
	for _, tt := range tests {
		d := tt.dir + "/x/y"
		must(t, tt.fs.MkdirAll(d))
		must(t, tt.fs.MkdirAll(d))
		if _, err := tt.fs.Open(d + "/no"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: Open: got %v, want ErrNotExist", tt.name, err)
		}
		if _, err := tt.fs.Stat(d + "/no"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: Stat: got %v, want ErrNotExist", tt.name, err)
		}
		f, err := tt.fs.Create(d + "/b")
		must(t, err)
		_, err = f.WriteAt([]byte("hello"), 3)
		must(t, err)
		must(t, f.Preallocate(100))
		must(t, f.Preallocate(50))
		must(t, f.Truncate(6))
		must(t, f.Truncate(9))
		must(t, f.Sync())
		b := make([]byte, 20)
		if n, err := f.ReadAt(b, 0); string(b[:n]) != "\x00\x00\x00hel\x00\x00\x00" || err != io.EOF {
			t.Errorf("%s: ReadAt: got %q, %v", tt.name, b[:n], err)
		}
		must(t, WriteFile(tt.fs, d+"/a", []byte("one")))
		must(t, WriteFile(tt.fs, d+"/a", []byte("two")))
		if got, err := ReadFile(tt.fs, d+"/a", 3); string(got) != "two" || err != nil {
			t.Errorf("%s: ReadFile: got %q, %v", tt.name, got, err)
		}
		if _, err := ReadFile(tt.fs, d+"/a", 2); err == nil {
			t.Errorf("%s: ReadFile beyond the limit: got nil", tt.name)
		}
		must(t, tt.fs.Rename(d+"/b", d+"/c"))
		if names, err := tt.fs.List(d); err != nil || !slices.Equal(names, []string{"a", "c"}) {
			t.Errorf("%s: List: got %v, %v", tt.name, names, err)
		}
		must(t, tt.fs.Remove(d+"/c"))
		if n, err := f.ReadAt(b, 3); n != 6 || err != io.EOF {
			t.Errorf("%s: an open file vanished with its name: %d, %v", tt.name, n, err)
		}
		must(t, f.Close())
		must(t, tt.fs.SyncDir(d))
		if free, err := tt.fs.Free(d); free <= 0 || err != nil {
			t.Errorf("%s: Free: got %d, %v", tt.name, free, err)
		}
		lock, err := tt.fs.Lock(d + "/lock")
		must(t, err)
		if _, err := tt.fs.Lock(d + "/lock"); !errors.Is(err, ErrLocked) {
			t.Errorf("%s: second Lock: got %v, want ErrLocked", tt.name, err)
		} else if tt.name == "OS" && !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
			t.Errorf("OS: %v does not name the process", err)
		}
		must(t, lock.Close())
		lock, err = tt.fs.Lock(d + "/lock")
		must(t, err)
		must(t, lock.Close())
	}
}

// outcomes runs a scenario under many seeds and returns what file a held.
func outcomes(t *testing.T, scenario func(m *Memory)) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	for seed := range uint64(64) {
		m := NewMemory()
		must(t, m.MkdirAll("/d"))
		must(t, m.SyncDir("/"))
		scenario(m)
		after := m.Crash(rand.New(rand.NewPCG(seed, 0)))
		b, err := ReadFile(after, "/d/a", 1<<20)
		if errors.Is(err, fs.ErrNotExist) {
			seen["absent"] = true
			continue
		}
		must(t, err)
		seen[strings.TrimRight(string(b), "\x00")] = true
	}
	return seen
}

func TestCrash(t *testing.T) {
	open := func(m *Memory) File {
		f, err := m.Create("/d/a")
		must(t, err)
		return f
	}
	write := func(f File, s string) {
		_, err := f.WriteAt([]byte(s), 0)
		must(t, err)
	}
	tests := []struct {
		name     string
		scenario func(m *Memory)
		want     []string
	}{
		{"all synced", func(m *Memory) {
			f := open(m)
			write(f, "one")
			must(t, f.Sync())
			must(t, m.SyncDir("/d"))
		}, []string{"one"}},
		{"name not synced", func(m *Memory) {
			f := open(m)
			write(f, "one")
			must(t, f.Sync())
		}, []string{"absent", "one"}},
		{"content overwritten twice", func(m *Memory) {
			f := open(m)
			write(f, "one")
			must(t, f.Sync())
			must(t, m.SyncDir("/d"))
			write(f, "two")
			write(f, "new")
		}, []string{"new", "one", "two"}},
		{"failed sync", func(m *Memory) {
			f := open(m)
			write(f, "one")
			must(t, f.Sync())
			must(t, m.SyncDir("/d"))
			write(f, "two")
			bad := Faulty{Base: m, Hook: func(op Op, _ string) error {
				if op == OpSync {
					return syscall.EIO
				}
				return nil
			}}
			g, err := bad.OpenWrite("/d/a")
			must(t, err)
			if err := g.Sync(); !errors.Is(err, syscall.EIO) {
				t.Errorf("Sync: got %v, want EIO", err)
			}
			must(t, f.Sync()) // reports success for data that is gone
		}, []string{"one"}},
		{"rename and remove not synced", func(m *Memory) {
			must(t, WriteFile(m, "/d/a", []byte("one")))
			f, err := m.Create("/d/b")
			must(t, err)
			write(f, "two")
			must(t, f.Sync())
			must(t, m.SyncDir("/d"))
			must(t, m.Rename("/d/b", "/d/a"))
		}, []string{"one", "two"}},
		{"removed, not synced", func(m *Memory) {
			must(t, WriteFile(m, "/d/a", []byte("one")))
			must(t, m.Remove("/d/a"))
		}, []string{"absent", "one"}},
	}
	for _, tt := range tests {
		seen := outcomes(t, tt.scenario)
		for _, want := range tt.want {
			if !seen[want] {
				t.Errorf("%s: %q never happened", tt.name, want)
			}
			delete(seen, want)
		}
		for got := range seen {
			t.Errorf("%s: got %q", tt.name, got)
		}
	}
}

func TestCapacity(t *testing.T) {
	m := NewMemory()
	m.SetCapacity(1000)
	f, err := m.Create("/a")
	must(t, err)
	must(t, f.Preallocate(900))
	if _, err := f.WriteAt(make([]byte, 200), 850); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write beyond the capacity: got %v, want ENOSPC", err)
	}
	if _, err := f.WriteAt(make([]byte, 100), 800); err != nil {
		t.Errorf("write within: %v", err)
	}
}
