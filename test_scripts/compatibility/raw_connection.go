package compatibility

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// Patience is how long a server may take to answer.
const Patience = 15 * time.Second

// replyBytesMax is the longest frame that is read from a server.
const replyBytesMax = 16 << 20

// RawConn is a connection on which nothing happens by itself.
type RawConn struct {
	nc  net.Conn
	out []byte
}

// Dial opens a connection without saying anything on it.
func Dial(address string) (*RawConn, error) {
	nc, err := net.DialTimeout("tcp", address, Patience)
	if err != nil {
		return nil, fmt.Errorf("raw connection: %w", err)
	}
	return &RawConn{nc: nc}, nil
}

// Close closes the connection without closing its session.
func (c *RawConn) Close() { _ = c.nc.Close() }

// Write sends bytes as they are.
func (c *RawConn) Write(b []byte) error {
	_ = c.nc.SetWriteDeadline(time.Now().Add(Patience))
	_, err := c.nc.Write(b)
	return err
}

// Send sends one frame.
func (c *RawConn) Send(payload []byte) error {
	c.out = append(wire.BeginFrame(c.out[:0]), payload...)
	return c.Write(wire.EndFrame(c.out, 0))
}

// Request sends one request.
func (c *RawConn) Request(xid int32, op wire.OpCode, body []byte) error {
	c.out = AppendRequest(c.out[:0], xid, op, body)
	return c.Write(c.out)
}

// AppendRequest appends a request as a frame.
func AppendRequest(dst []byte, xid int32, op wire.OpCode, body []byte) []byte {
	start := len(dst)
	dst = wire.RequestHeader{Xid: xid, Op: op}.Append(wire.BeginFrame(dst))
	return wire.EndFrame(append(dst, body...), start)
}

// ReadFrame returns the payload of the next frame.
func (c *RawConn) ReadFrame() ([]byte, error) { return c.ReadFrameWithin(Patience) }

// ReadFrameWithin is ReadFrame with another patience.
func (c *RawConn) ReadFrameWithin(d time.Duration) ([]byte, error) {
	_ = c.nc.SetReadDeadline(time.Now().Add(d))
	var length [wire.FrameHeaderBytes]byte
	if _, err := io.ReadFull(c.nc, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > replyBytesMax {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(c.nc, b)
	return b, err
}

// Reply is a frame behind the handshake: a reply or, with XidEvent, an event.
type Reply struct {
	wire.ReplyHeader
	Body []byte
}

// ReadReply returns the next reply or event.
func (c *RawConn) ReadReply() (Reply, error) { return c.ReadReplyWithin(Patience) }

// ReadReplyWithin is ReadReply with another patience.
func (c *RawConn) ReadReplyWithin(d time.Duration) (Reply, error) {
	b, err := c.ReadFrameWithin(d)
	if err != nil {
		return Reply{}, err
	}
	r := wire.NewReader(b)
	var reply Reply
	reply.Decode(&r)
	reply.Body = r.Rest()
	return reply, r.Err()
}

// Connect carries out the handshake.
func (c *RawConn) Connect(req *wire.ConnectRequest) (wire.ConnectResponse, error) {
	var resp wire.ConnectResponse
	if err := c.Send(req.Append(nil)); err != nil {
		return resp, err
	}
	b, err := c.ReadFrame()
	if err != nil {
		return resp, err
	}
	r := wire.NewReader(b)
	resp.Decode(&r)
	return resp, r.Err()
}
