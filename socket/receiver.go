package socket

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// Receiver reads from one connection. NewReceiver makes it; it belongs to one
// goroutine at a time.
type Receiver struct {
	nc   net.Conn
	raw  syscall.RawConn // nil where nc is not a bare socket
	once func(fd uintptr) bool

	// Of the call of Read that is under way.
	into []byte
	n    int
	err  error
}

var _ io.Reader = (*Receiver)(nil)

// NewReceiver returns a receiver for nc.
func NewReceiver(nc net.Conn) *Receiver {
	r := &Receiver{nc: nc, raw: Raw(nc)}
	r.once = r.readOnce
	return r
}

// Read reads what there is, and waits while that is nothing, until the deadline
// of the connection.
func (r *Receiver) Read(b []byte) (int, error) {
	if r.raw == nil {
		return r.nc.Read(b)
	}
	if len(b) == 0 {
		return 0, nil
	}
	r.into = b
	err := r.raw.Read(r.once)
	r.into = nil
	switch {
	case err != nil:
		return 0, err
	case r.err == nil && r.n == 0:
		return 0, io.EOF
	}
	return r.n, r.err
}

// readOnce asks to be called again when there is something to read.
func (r *Receiver) readOnce(fd uintptr) bool {
	r.n, r.err = ReadNow(fd, r.into)
	return !errors.Is(r.err, syscall.EAGAIN)
}
