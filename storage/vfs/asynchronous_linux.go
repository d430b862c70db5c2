package vfs

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A thread that waits for a sync takes the scheduler's monitor with it: that wakes
// every 20 µs to see whether it should run something else meanwhile. Linux does the
// sync in its own threads (io_submit with IOCB_CMD_FDSYNC, 4.18 and later) and
// says through an eventfd when it is done, which a goroutine awaits as it awaits a
// socket (decision 8).

// From include/uapi/linux/aio_abi.h.
const (
	iocbCmdFdsync = 3
	iocbFlagResfd = 1
)

type iocb struct {
	_       [2]uint64 // what the outcome repeats; key and flags, in an order of the machine
	opcode  uint16
	_       int16
	fd      uint32
	_       [4]uint64 // buffer, length and offset of a transfer; reserved
	options uint32
	eventfd uint32
}

type ioEvent struct {
	_      [2]uint64
	result int64
	_      int64
}

// syncRing carries out one sync at a time. Its memory is the kernel's while one is
// under way, so it is always on the heap.
type syncRing struct {
	id      uintptr
	event   *os.File
	eventfd uint32
	raw     syscall.RawConn
	request iocb
	batch   [1]*iocb
	outcome ioEvent
	counter [8]byte
	arrived func(fd uintptr) bool
}

// syncRings are those that nobody uses: as many as there were syncs at a time.
var syncRings struct {
	mu     sync.Mutex
	free   []*syncRing
	absent bool // there are none on this system
}

// takeSyncRing returns nil where there is none.
func takeSyncRing() *syncRing {
	r := &syncRings
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.free); n > 0 {
		ring := r.free[n-1]
		r.free = r.free[:n-1]
		return ring
	}
	if r.absent {
		return nil
	}
	ring, err := newSyncRing()
	r.absent = err != nil // forbidden, used up or not there
	return ring
}

func (r *syncRing) giveBack() {
	syncRings.mu.Lock()
	defer syncRings.mu.Unlock()
	syncRings.free = append(syncRings.free, r)
}

func newSyncRing() (*syncRing, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	r := &syncRing{event: os.NewFile(uintptr(fd), "eventfd"), eventfd: uint32(fd)}
	r.arrived = r.read
	if r.raw, err = r.event.SyscallConn(); err != nil {
		return nil, errors.Join(err, r.event.Close())
	}
	if _, _, e := unix.Syscall(unix.SYS_IO_SETUP, uintptr(len(r.batch)), uintptr(unsafe.Pointer(&r.id)), 0); e != 0 {
		return nil, errors.Join(e, r.event.Close())
	}
	return r, nil
}

// read asks to be called again when the eventfd has counted something.
func (r *syncRing) read(fd uintptr) bool {
	_, _, e := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&r.counter[0])), uintptr(len(r.counter)))
	return e != unix.EAGAIN
}

// errNoOutcome says that the kernel did not keep its promise.
var errNoOutcome = errors.New("vfs: a sync was done without an outcome")

// errNotTaken says that the sync was not begun, because this system or this file
// system does not do it in this way.
var errNotTaken = errors.New("vfs: the sync was not taken")

// sync makes fd's content durable. After an error other than errNotTaken nobody
// knows what is durable, and the ring is not to be used again.
func (r *syncRing) sync(fd uintptr) error {
	r.request = iocb{opcode: iocbCmdFdsync, fd: uint32(fd), options: iocbFlagResfd, eventfd: r.eventfd}
	r.batch[0] = &r.request
	switch _, _, e := unix.RawSyscall(unix.SYS_IO_SUBMIT, r.id, uintptr(len(r.batch)), uintptr(unsafe.Pointer(&r.batch[0]))); e {
	case 0:
	case unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM, unix.EAGAIN:
		return errNotTaken
	default:
		return e
	}
	if err := r.raw.Read(r.arrived); err != nil {
		return err
	}
	// The outcome is there before the eventfd counts it. It is not waited for.
	n, _, e := unix.RawSyscall6(unix.SYS_IO_GETEVENTS, r.id, 0, 1, uintptr(unsafe.Pointer(&r.outcome)), 0, 0)
	switch {
	case e != 0:
		return e
	case n != 1:
		return errNoOutcome
	case r.outcome.result < 0:
		return unix.Errno(-r.outcome.result)
	}
	return nil
}
