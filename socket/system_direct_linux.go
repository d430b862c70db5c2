//go:build linux && !race

package socket

import (
	"encoding/binary"
	"net"
	"net/netip"
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

// acceptNow is accept4(2) on a listener that does not block, begun again where a
// signal interrupts it: EAGAIN where nobody waits. The new descriptor does not
// block either, is closed in other programs, and sends without delay.
func acceptNow(fd uintptr) (int, netip.AddrPort, error) {
	var from syscall.RawSockaddrInet6 // the longer one
	var conn uintptr
	for {
		size := uint32(unsafe.Sizeof(from))
		n, _, e := syscall.RawSyscall6(syscall.SYS_ACCEPT4, fd, uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)),
			syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0, 0)
		if e == syscall.EINTR {
			continue
		}
		if e != 0 {
			return -1, netip.AddrPort{}, e
		}
		conn = n
		break
	}
	on := int32(1)
	_, _, e := syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, conn, syscall.IPPROTO_TCP, syscall.TCP_NODELAY,
		uintptr(unsafe.Pointer(&on)), unsafe.Sizeof(on), 0)
	if e != 0 {
		_ = syscall.Close(int(conn))
		return -1, netip.AddrPort{}, e
	}
	return int(conn), addressOf(&from), nil
}

func addressOf(from *syscall.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&from.Port))[:])
	if from.Family == syscall.AF_INET {
		v4 := (*syscall.RawSockaddrInet4)(unsafe.Pointer(from))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port)
	}
	return netip.AddrPortFrom(address6(from.Addr, from.Scope_id), port)
}

func outcome(n uintptr, e syscall.Errno) (int, error) {
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}
