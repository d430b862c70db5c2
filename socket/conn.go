package socket

import "net"

// Conn is a connection that reads and writes as Receiver and Sender do: one
// goroutine may read and one write at the same time.
type Conn struct {
	net.Conn
	in  *Receiver
	out *Sender
}

// NewConn returns nc as a Conn.
func NewConn(nc net.Conn) *Conn { return &Conn{nc, NewReceiver(nc), NewSender(nc)} }

// Read implements net.Conn.
func (c *Conn) Read(b []byte) (int, error) { return c.in.Read(b) }

// Write implements net.Conn.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.out.Try(b)
	if err != nil || n == len(b) {
		return n, err
	}
	rest, err := c.Conn.Write(b[n:])
	return n + rest, err
}
