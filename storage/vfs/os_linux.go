package vfs

import (
	"errors"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

func datasync(f *os.File) error {
	if ring := takeSyncRing(); ring != nil {
		err := ring.sync(f.Fd())
		runtime.KeepAlive(f)
		if err == nil || errors.Is(err, errNotTaken) {
			ring.giveBack()
		}
		if !errors.Is(err, errNotTaken) {
			return err
		}
	}
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}

func allocate(f *os.File, from, to int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, from, to-from)
		switch {
		case err == unix.EINTR:
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return zeroFill(f, from, to)
		default:
			return err
		}
	}
}

// shortWrite is the longest write that the scheduler is not told about: the
// kernel copies it to its cache. A longer one takes its time, and a sync always
// does.
const shortWrite = 64 << 10

// writeAt writes in one go where that is possible (decision 8). Whatever was not
// done is done again in the usual way, which has a name for its errors.
func writeAt(f *os.File, b []byte, at int64) (int, error) {
	const wide = unsafe.Sizeof(uintptr(0)) == 8 // elsewhere the offset takes two registers
	n := 0
	if wide && len(b) > 0 && len(b) <= shortWrite {
		wrote, _, e := unix.RawSyscall6(unix.SYS_PWRITE64, f.Fd(), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(at), 0, 0)
		runtime.KeepAlive(f)
		if e == 0 {
			n = int(wrote)
		}
		if n == len(b) {
			return n, nil
		}
	}
	rest, err := f.WriteAt(b[n:], at+int64(n))
	return n + rest, err
}
