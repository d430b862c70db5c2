//go:build linux && !race

package socket

import (
	"net"
	"syscall"
	"unsafe"
)

// The calls below never wait, as the descriptor does not block. So the scheduler
// is not told about them: it would prepare for one that does, and wake its
// monitor, which then looks after it fifty times (decision 8).

// ReadNow is read(2) on a descriptor that does not block, begun again where a
// signal interrupts it. It returns 0 and no error at the end of the stream, and
// EAGAIN where there is nothing yet.
func ReadNow(fd uintptr, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, _, e := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if e != syscall.EINTR {
			return outcome(n, e)
		}
	}
}

// piecesMost is how many pieces one call takes (IOV_MAX).
const piecesMost = 1024

// gather is memory that is used again.
type gather struct{ vectors []syscall.Iovec }

// writeNow is writev(2) of the first pieces, of which the very first has at least
// a byte, begun again where a signal interrupts it.
func (g *gather) writeNow(fd uintptr, pieces net.Buffers) (int, error) {
	g.vectors = g.vectors[:0]
	for _, p := range pieces {
		if len(g.vectors) == piecesMost {
			break
		}
		if len(p) > 0 {
			v := syscall.Iovec{Base: &p[0]}
			v.SetLen(len(p))
			g.vectors = append(g.vectors, v)
		}
	}
	defer clear(g.vectors) // what was sent may be collected
	for {
		n, _, e := syscall.RawSyscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&g.vectors[0])), uintptr(len(g.vectors)))
		if e != syscall.EINTR {
			return outcome(n, e)
		}
	}
}

func outcome(n uintptr, e syscall.Errno) (int, error) {
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}
