package vfs

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func ringFor(t *testing.T) *syncRing {
	t.Helper()
	r := takeSyncRing()
	if r == nil {
		t.Skip("skipped: this system has no asynchronous syncs (io_setup)")
	}
	return r
}

// TestAsynchronousSync: what one sync leaves behind must not answer the next.
func TestAsynchronousSync(t *testing.T) {
	r := ringFor(t)
	defer r.giveBack()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	must(t, err)
	in, out, err := os.Pipe()
	must(t, err)
	defer func() { must(t, errors.Join(in.Close(), out.Close())) }()
	for range 3 {
		_, err = f.WriteString("more")
		must(t, err)
		must(t, r.sync(f.Fd()))
		if err := r.sync(in.Fd()); !errors.Is(err, errNotTaken) {
			t.Fatalf("sync of a pipe: got %v, want errNotTaken", err)
		}
	}
	fd := f.Fd()
	must(t, f.Close())
	if err := r.sync(fd); !errors.Is(err, unix.EBADF) {
		t.Fatalf("sync of a closed file: got %v, want EBADF", err)
	}
}

// TestRingsAreUsedAgain: there are no more of them than syncs at a time.
func TestRingsAreUsedAgain(t *testing.T) {
	ringFor(t).giveBack()
	const writers, rounds = 4, 50
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			f, err := OS{}.Create(filepath.Join(t.TempDir(), "file"))
			for i := 0; err == nil && i < rounds; i++ {
				_, err = f.WriteAt([]byte("x"), int64(i))
				err = errors.Join(err, f.Sync())
			}
			if err = errors.Join(err, f.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	syncRings.mu.Lock()
	defer syncRings.mu.Unlock()
	if n := len(syncRings.free); n == 0 || n > writers {
		t.Fatalf("got %d rings for %d writers", n, writers)
	}
}

// TestWriteAt: a write that fails says so with the file's name, whatever way it went.
func TestWriteAt(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(name, nil, 0o600))
	f, err := OS{}.Open(name) // for reading
	must(t, err)
	for _, b := range [][]byte{[]byte("short"), make([]byte, shortWrite+1)} {
		var where *os.PathError
		if n, err := f.WriteAt(b, 0); n != 0 || !errors.As(err, &where) || where.Path != name {
			t.Errorf("got %d bytes, %v: want none and an error with %s", n, err, name)
		}
	}
	if n, err := f.WriteAt(nil, 0); n != 0 || err != nil {
		t.Errorf("got %d bytes, %v for none", n, err)
	}
	must(t, f.Close())

	f, err = OS{}.OpenWrite(name)
	must(t, err)
	if _, err := f.WriteAt([]byte("x"), -1); err == nil {
		t.Error("wrote before the beginning of a file")
	}
	if n, err := f.WriteAt([]byte("abc"), 2); n != 3 || err != nil {
		t.Errorf("got %d bytes, %v: want 3", n, err)
	}
	must(t, f.Close())
	if b, err := os.ReadFile(name); string(b) != "\x00\x00abc" || err != nil {
		t.Errorf("the file has %q, %v", b, err)
	}
}
