//go:build unix && (!linux || race)

package socket

import (
	"net"
	"syscall"
)

// The race detector learns from package syscall that what is read somewhere was
// written before, so its builds use that too.

// ReadNow is read(2) on a descriptor that does not block, begun again where a
// signal interrupts it. It returns 0 and no error at the end of the stream, and
// EAGAIN where there is nothing yet.
func ReadNow(fd uintptr, b []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), b)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

type gather struct{}

// writeNow is write(2) of the first piece, begun again where a signal interrupts it.
func (gather) writeNow(fd uintptr, pieces net.Buffers) (int, error) {
	for {
		n, err := syscall.Write(int(fd), pieces[0])
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
