//go:build unix && (!linux || race)

package socket

import (
	"net"
	"syscall"
)

// The race detector learns from package syscall that what is read somewhere was
// written before, so its builds use that too.

// ReadNow is read(2) on a descriptor that does not block. It returns 0 and no
// error at the end of the stream, and EAGAIN where there is nothing yet.
func ReadNow(fd uintptr, b []byte) (int, error) {
	n, err := syscall.Read(int(fd), b)
	return max(n, 0), err
}

// writeNow is write(2).
func writeNow(fd uintptr, b []byte) (int, error) {
	n, err := syscall.Write(int(fd), b)
	return max(n, 0), err
}

type gather struct{}

// writeNow writes the first piece that has at least a byte.
func (*gather) writeNow(fd uintptr, pieces net.Buffers) (int, error) {
	for _, p := range pieces {
		if len(p) > 0 {
			return writeNow(fd, p)
		}
	}
	return 0, nil
}
