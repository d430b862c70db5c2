//go:build linux

package disks

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
)

func needed(t *testing.T) {
	t.Helper()
	if what := Missing(); what != "" {
		t.Skipf("skipped: no %s", what)
	}
}

// TestPowerCut: what was synced is there afterwards, what was not is gone.
func TestPowerCut(t *testing.T) {
	needed(t)
	d := NewImage(t, 32)
	name := filepath.Join(d.Dir, "file")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("synced "); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("not synced"); err != nil {
		t.Fatal(err)
	}
	d.CutPower()
	if err := f.Sync(); !errors.Is(err, unix.EIO) {
		t.Errorf("a sync without power: %v", err)
	}
	_ = f.Close()
	d.RestorePower()
	if b, err := os.ReadFile(name); string(b) != "synced " {
		t.Errorf("after the power cut the file is %q, %v", b, err)
	}
}

// TestFull: a full disk refuses, and takes more when there is room again.
func TestFull(t *testing.T) {
	needed(t)
	for _, dir := range []string{NewMemory(t, 8), NewImage(t, 16).Dir} {
		free := Fill(t, dir)
		if err := os.WriteFile(filepath.Join(dir, "more"), make([]byte, 1<<20), 0o644); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("writing to a full disk: %v", err)
		}
		free()
		if err := os.WriteFile(filepath.Join(dir, "more"), make([]byte, 1<<20), 0o644); err != nil {
			t.Errorf("writing when there is room again: %v", err)
		}
	}
}

// TestHollow: the sync of a disk that has less than it promised fails, also in the
// way that a server syncs.
func TestHollow(t *testing.T) {
	needed(t)
	ways := []struct {
		name string
		fill func(name string) error
	}{
		{"written", func(name string) error {
			f, err := os.Create(name)
			if err == nil {
				_, err = f.Write(make([]byte, 4<<20))
				err = errors.Join(err, f.Sync(), f.Close())
			}
			return err
		}},
		{"synced by a server", func(name string) error {
			f, err := vfs.OS{}.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt(make([]byte, 4<<20), 0); err != nil {
				t.Fatal(err) // then the sync shows nothing
			}
			return errors.Join(f.Sync(), f.Close())
		}},
	}
	for _, w := range ways {
		d, below := NewHollow(t, 128, 24)
		free := Fill(t, below)
		if err := w.fill(filepath.Join(d.Dir, "file")); !errors.Is(err, unix.EIO) && !errors.Is(err, unix.ENOSPC) {
			t.Errorf("4 MiB %s on a hollow disk: %v", w.name, err)
		}
		free()
		d.Repair()
	}
}

// TestSyncs of another process fail, or are slow, while it is told so.
func TestSyncs(t *testing.T) {
	needed(t)
	dir := t.TempDir()
	script := "import os,sys\nf=os.open(sys.argv[1],os.O_CREAT|os.O_WRONLY)\nfor line in sys.stdin:\n" +
		" try:\n  os.fdatasync(f); print('ok',flush=True)\n except OSError as e: print(e.errno,flush=True)\n"
	c := exec.Command("/usr/bin/python3", "-c", script, filepath.Join(dir, "file"))
	in, _ := c.StdinPipe()
	out, _ := c.StdoutPipe()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); c.Wait() }()
	lines := bufio.NewReader(out)
	sync := func() string {
		if _, err := in.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		line, _ := lines.ReadString('\n')
		return line
	}
	if got := sync(); got != "ok\n" {
		t.Fatalf("a sync says %q", got)
	}
	stop := FailSyncs(t, c.Process.Pid)
	if got := sync(); got != "5\n" {
		t.Errorf("a failing sync says %q", got)
	}
	stop()
	stop = SlowSyncs(t, c.Process.Pid, 300*time.Millisecond)
	begin := time.Now()
	if got := sync(); got != "ok\n" || time.Since(begin) < 300*time.Millisecond {
		t.Errorf("a slow sync says %q after %v", got, time.Since(begin))
	}
	stop()
	if got := sync(); got != "ok\n" {
		t.Errorf("a sync afterwards says %q", got)
	}
}
