// Package socket accepts connections and moves bytes over them, without waiting
// where that is possible and without the scheduler where nothing waits.
//
// A Sender or a Receiver belongs to one goroutine at a time. It does not own the
// connection: closing it is for whoever opened it. Where a connection is not a bare
// socket (it is encrypted, or a test's) everything goes through its own methods.
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

	// Of the call of try that is under way.
	pieces net.Buffers
	gather gather
	err    error
	single [1][]byte
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
	s.single[0] = b
	left, err := s.try(s.single[:])
	n := len(b)
	if len(left) > 0 {
		n -= len(left[0])
	}
	s.single[0] = nil
	return n, err
}

// Send sends all of the pieces and waits for the socket where it has to. It uses
// the memory of pieces; what they point to stays.
func (s *Sender) Send(pieces net.Buffers) error {
	left, err := s.try(pieces)
	if err == nil && len(left) > 0 {
		_, err = left.WriteTo(s.nc)
	}
	return err
}

// try sends what the socket takes without waiting and returns the rest.
func (s *Sender) try(pieces net.Buffers) (left net.Buffers, err error) {
	if s.raw == nil {
		return pieces, nil
	}
	s.pieces, s.err = pieces, nil
	err = s.raw.Write(s.once)
	left, s.pieces = s.pieces, nil
	if err == nil {
		err = s.err
	}
	return left, err
}

// writeOnce never asks to be called again, so that try does not wait.
func (s *Sender) writeOnce(fd uintptr) bool {
	for s.sent(0); len(s.pieces) > 0; {
		n, err := s.gather.writeNow(fd, s.pieces)
		s.sent(n)
		if err != nil {
			if !errors.Is(err, syscall.EAGAIN) {
				s.err = err
			}
			break
		}
	}
	return true
}

// sent takes n bytes, and what is empty behind them, off the front of s.pieces.
func (s *Sender) sent(n int) {
	for len(s.pieces) > 0 && n >= len(s.pieces[0]) {
		n -= len(s.pieces[0])
		s.pieces[0] = nil
		s.pieces = s.pieces[1:]
	}
	if n > 0 {
		s.pieces[0] = s.pieces[0][n:]
	}
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
