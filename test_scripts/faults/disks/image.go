//go:build linux

package disks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// shutdownRequest is EXT4_IOC_SHUTDOWN, and withoutFlush its argument that
	// writes nothing more, not even the journal: what a power cut does.
	shutdownRequest = 0x8004587d
	withoutFlush    = 2

	commandTime  = time.Minute
	unmountTries = 100
	marker       = "zabkeeper-disk"
)

// Image is an ext4 file system in a file.
type Image struct {
	t    testing.TB
	file string
	Dir  string // where it is mounted
}

// Missing says what disks lack here, empty for nothing.
//
// It is found out once: scenarios that begin at one time would meet.
var Missing = sync.OnceValue(missing)

func missing() string {
	if os.Geteuid() != 0 {
		return "root"
	}
	for _, tool := range []string{"mkfs.ext4", "mount", "strace"} {
		if _, err := exec.LookPath(tool); err != nil {
			return tool
		}
	}
	devices, _ := filepath.Glob("/dev/loop[0-9]*")
	if _, err := os.Stat("/dev/loop-control"); err != nil && len(devices) == 0 {
		return "loop devices"
	}
	return ""
}

// NewImage makes and mounts a file system of so many MiB.
func NewImage(t testing.TB, megabytes int) *Image {
	t.Helper()
	sweep()
	return newImage(t, place(t), megabytes)
}

func newImage(t testing.TB, dir string, megabytes int) *Image {
	t.Helper()
	d := &Image{t: t, file: filepath.Join(dir, "image"), Dir: filepath.Join(place(t), "mounted")}
	f, err := os.Create(d.file)
	if err == nil {
		err = errors.Join(f.Truncate(int64(megabytes)<<20), f.Close(), os.Mkdir(d.Dir, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=4", d.file)
	t.Cleanup(d.unmount)
	d.mount()
	return d
}

// place is a directory whose name says which process made it.
func place(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s-%d-", marker, os.Getpid())) //nolint:usetesting // its name says whose it is, for the sweep
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (d *Image) mount() {
	d.t.Helper()
	run(d.t, "mount", "-o", "loop", d.file, d.Dir)
}

func (d *Image) unmount() {
	d.t.Helper()
	unmount(d.t, d.Dir)
}

// unmount waits for whoever still has something open: a process that was just
// killed may still be closing its files.
func unmount(t testing.TB, dir string) {
	t.Helper()
	for try := 1; ; try++ {
		err := unix.Unmount(dir, 0)
		if err == nil || errors.Is(err, unix.EINVAL) {
			return
		}
		if try == unmountTries {
			t.Errorf("unmount %s: %v", dir, err)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// CutPower loses everything that was not synced: from now on everything on the
// file system fails. Nobody may be syncing at that moment: the kernel may tell him
// that what is lost was written.
func (d *Image) CutPower() {
	d.t.Helper()
	f, err := os.Open(d.Dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	how := uint32(withoutFlush)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), shutdownRequest, uintptr(unsafe.Pointer(&how))); errno != 0 {
		d.t.Fatalf("shut %s down: %v", d.Dir, errno)
	}
}

// RestorePower mounts the file system again, as a reboot does. Nobody may have
// anything open on it.
func (d *Image) RestorePower() {
	d.t.Helper()
	d.unmount()
	d.mount()
}

// ReadOnly has the file system refuse writes, or take them again. Nobody may have
// anything open for writing on it.
func (d *Image) ReadOnly(yes bool) {
	d.t.Helper()
	run(d.t, "mount", "-o", map[bool]string{true: "remount,ro", false: "remount,rw"}[yes], d.Dir)
}

// Repair checks the file system as a boot after errors does, and mounts it again.
func (d *Image) Repair() {
	d.t.Helper()
	d.unmount()
	// Status 1 and 2 say that errors were corrected.
	if out, err := command("e2fsck", "-fy", d.file); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() > 2 {
			d.t.Fatalf("e2fsck: %v: %s", err, out)
		}
	}
	d.mount()
}

// NewMemory mounts a file system in memory of so many MiB and returns its
// directory.
func NewMemory(t testing.TB, megabytes int) string {
	t.Helper()
	sweep()
	dir := filepath.Join(place(t), "mounted")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", megabytes), "tmpfs", dir)
	t.Cleanup(func() { unmount(t, dir) })
	return dir
}

// NewHollow makes a disk that promises more than it has: an image on a memory
// file system. When that is filled, writing back new blocks fails, and a sync
// says so once.
func NewHollow(t testing.TB, megabytes, real int) (d *Image, below string) {
	t.Helper()
	below = NewMemory(t, real)
	return newImage(t, below, megabytes), below
}

// Fill writes a file until a file system is full. What it returns removes it.
func Fill(t testing.TB, dir string) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil && !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if err == nil {
		for size := 1 << 20; size >= 512; {
			if _, err := f.Write(make([]byte, size)); errors.Is(err, unix.ENOSPC) {
				size /= 2
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
}

// sweep unmounts and removes what a process left that does not live any more.
func sweep() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), marker+"-*"))
	for _, dir := range left {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), marker+"-"), "-")
		if pid, err := strconv.Atoi(owner); err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		if err := unix.Unmount(filepath.Join(dir, "mounted"), unix.MNT_DETACH); err == nil || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			_ = os.RemoveAll(dir)
		}
	}
}

func run(t testing.TB, args ...string) {
	t.Helper()
	if out, err := command(args...); err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func command(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
