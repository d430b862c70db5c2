package socket

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
)

// Listener accepts connections that send without delay (TCP_NODELAY) and that the
// kernel does not probe.
type Listener struct {
	net.Listener
	// file is another descriptor of the same socket: the scheduler waits for files
	// and for connections on behalf of others, and not for listeners. It is nil
	// where Listener is not a bare socket.
	file   *os.File
	raw    syscall.RawConn
	once   func(fd uintptr) bool
	closed atomic.Bool

	// Of the call of Accept that is under way.
	fd   int
	from netip.AddrPort
	err  error
}

// NewListener returns a listener on l, which is closed with it. Accept belongs to
// one goroutine at a time; any may call Close.
func NewListener(l net.Listener) (*Listener, error) {
	a := &Listener{Listener: l}
	a.once = a.acceptOnce
	socket, ok := l.(interface{ File() (*os.File, error) })
	if !ok {
		return a, nil
	}
	var err error
	if a.file, err = socket.File(); err == nil {
		a.raw, err = a.file.SyscallConn()
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Close ends Accept and refuses who connects.
func (l *Listener) Close() error {
	l.closed.Store(true)
	var err error
	if l.file != nil {
		err = l.file.Close()
	}
	return errors.Join(err, l.Listener.Close())
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	if l.raw == nil {
		return l.Listener.Accept()
	}
	if err := l.raw.Read(l.once); err != nil {
		return nil, l.failed(err)
	}
	if l.err != nil {
		return nil, l.failed(os.NewSyscallError("accept", l.err))
	}
	return &accepted{File: os.NewFile(uintptr(l.fd), "client"), local: l.Addr(), remote: net.TCPAddrFromAddrPort(l.from)}, nil
}

// failed is err as the net package has it.
func (l *Listener) failed(err error) error {
	if l.closed.Load() {
		err = net.ErrClosed
	}
	return &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: err}
}

// acceptOnce asks to be called again when somebody connects.
func (l *Listener) acceptOnce(fd uintptr) bool {
	for {
		l.fd, l.from, l.err = acceptNow(fd)
		switch {
		case errors.Is(l.err, syscall.EAGAIN):
			return false
		case errors.Is(l.err, syscall.ECONNABORTED): // gone before it was accepted
		default:
			return true
		}
	}
}

// accepted is a connection whose descriptor came from a raw call. A file is what
// the scheduler's poller takes such a descriptor as.
type accepted struct {
	*os.File
	local, remote net.Addr
}

func (c *accepted) LocalAddr() net.Addr  { return c.local }
func (c *accepted) RemoteAddr() net.Addr { return c.remote }

// CloseWrite ends the sending side, as net.TCPConn does.
func (c *accepted) CloseWrite() error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = syscall.Shutdown(int(fd), syscall.SHUT_WR) }); err != nil {
		return err
	}
	return os.NewSyscallError("shutdown", failed)
}

// address6 is an address as the net package gives it: that of an IPv4 client as
// such, and a zone by its number.
func address6(b [16]byte, zone uint32) netip.Addr {
	a := netip.AddrFrom16(b).Unmap()
	if zone != 0 && a.Is6() {
		a = a.WithZone(strconv.FormatUint(uint64(zone), 10))
	}
	return a
}
