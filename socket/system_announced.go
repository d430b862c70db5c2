//go:build unix && (!linux || race)

package socket

import (
	"net"
	"net/netip"
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

// acceptNow is accept(2) on a listener that does not block, begun again where a
// signal interrupts it: EAGAIN where nobody waits. The new descriptor does not
// block either, is closed in other programs, and sends without delay.
func acceptNow(fd uintptr) (int, netip.AddrPort, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for {
		conn, from, err := syscall.Accept(int(fd))
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return -1, netip.AddrPort{}, err
		}
		syscall.CloseOnExec(conn)
		err = syscall.SetNonblock(conn, true)
		if err == nil {
			err = syscall.SetsockoptInt(conn, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
		}
		if err != nil {
			_ = syscall.Close(conn)
			return -1, netip.AddrPort{}, err
		}
		return conn, addressOf(from), nil
	}
}

func addressOf(from syscall.Sockaddr) netip.AddrPort {
	switch from := from.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(from.Addr), uint16(from.Port))
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(address6(from.Addr, from.ZoneId), uint16(from.Port))
	}
	return netip.AddrPort{}
}
