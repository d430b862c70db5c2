// Package socket sends bytes on connections without waiting where that is
// possible.
//
// A Sender belongs to one goroutine at a time. It does not own the connection:
// closing it is for whoever opened it.
package socket

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// Sender sends on one connection. NewSender makes it.
type Sender struct {
	nc   net.Conn
	raw  syscall.RawConn // nil where nc is not a bare socket
	once func(fd uintptr) bool

	// Of the call of Try that is under way.
	left []byte
	err  error
}

// NewSender returns a sender for nc.
func NewSender(nc net.Conn) *Sender {
	s := &Sender{nc: nc, raw: Raw(nc)}
	s.once = s.writeOnce
	return s
}

// Raw returns access to nc's descriptor, or nil where nc is not a bare socket.
func Raw(nc net.Conn) syscall.RawConn {
	c, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// Try sends as much of b as the socket takes without waiting and returns how
// much that was: nothing where the connection is not a bare socket.
func (s *Sender) Try(b []byte) (int, error) {
	if s.raw == nil {
		return 0, nil
	}
	s.left, s.err = b, nil
	err := s.raw.Write(s.once)
	n := len(b) - len(s.left)
	s.left = nil
	if err == nil {
		err = s.err
	}
	return n, err
}

// writeOnce never asks to be called again, so that Try does not wait.
func (s *Sender) writeOnce(fd uintptr) bool {
	for len(s.left) > 0 {
		n, err := syscall.Write(int(fd), s.left)
		s.left = s.left[max(n, 0):]
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return true
		case err != nil:
			s.err = err
			return true
		}
	}
	return true
}

// Wait sends all of b and gives the other side as long as timeout to take it.
func (s *Sender) Wait(b []byte, timeout time.Duration) error {
	if err := s.nc.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if _, err := s.nc.Write(b); err != nil {
		return err
	}
	// A deadline that passes while nothing is sent fails the next Try as well.
	return s.nc.SetWriteDeadline(time.Time{})
}
