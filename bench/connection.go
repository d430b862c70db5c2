package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/zabkeeper/zabkeeper/socket"
	"github.com/zabkeeper/zabkeeper/wire"
)

// ErrNoServer is wrapped when no server could be reached.
var ErrNoServer = errors.New("bench: no server can be reached")

// ErrProtocol is wrapped when a server answers what the protocol does not allow.
var ErrProtocol = errors.New("bench: a server broke the protocol")

// errExpired says that a session is gone.
var errExpired = errors.New("the session expired")

const (
	dialTimeout     = 10 * time.Second
	readBufferLeast = 16 << 10
	readBufferIdle  = 64 // of a session that only pings
	// replyBytesMax is the longest reply that is read: a million children with long names.
	replyBytesMax = 1 << 29
)

// connection is one client connection with its session. One goroutine may write
// and one read at the same time.
type connection struct {
	nc      net.Conn
	address string
	timeout time.Duration // of the session, as granted
	session int64
	secret  [wire.PasswordBytes]byte
	zxid    int64 // the highest seen by call and each

	in         []byte // in[start:end] is not consumed yet
	start, end int
	out        []byte // of call and each
	xid        int32  // of call and each
}

// dial opens a session, or takes up the one of resume.
func dial(ctx context.Context, address string, o *Options, resume *connection) (*connection, error) {
	limit := min(dialTimeout, o.RequestTimeout)
	d := net.Dialer{Timeout: limit, KeepAlive: -1} // it pings
	nc, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	nc = socket.NewConn(nc)
	c := &connection{nc: nc, address: address, in: make([]byte, o.readBuffer())}
	hello := wire.ConnectRequest{TimeoutMs: int32(o.SessionTimeout / time.Millisecond), HasReadOnly: true}
	if resume != nil {
		c.session, c.secret, c.zxid = resume.session, resume.secret, resume.zxid
		hello.SessionID, hello.LastZxidSeen = c.session, c.zxid
	}
	hello.Password = c.secret[:]
	_ = nc.SetDeadline(time.Now().Add(limit))
	if err := c.handshake(&hello); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	_ = nc.SetDeadline(time.Time{})
	return c, nil
}

// readBuffer is how much a connection reads at once, until more is needed.
func (o *Options) readBuffer() int {
	if o.Workload == Sessions {
		return readBufferIdle
	}
	return readBufferLeast
}

func (c *connection) handshake(hello *wire.ConnectRequest) error {
	if _, err := c.nc.Write(wire.EndFrame(hello.Append(wire.BeginFrame(nil)), 0)); err != nil {
		return err
	}
	payload, err := c.next()
	if err != nil {
		return fmt.Errorf("no session was opened: %w", err)
	}
	var answer wire.ConnectResponse
	r := wire.NewReader(payload)
	if answer.Decode(&r); !r.OK() {
		return fmt.Errorf("%w: a handshake of %d bytes", ErrProtocol, len(payload))
	}
	if answer.TimeoutMs <= 0 {
		return errExpired
	}
	c.timeout, c.session, c.secret = time.Duration(answer.TimeoutMs)*time.Millisecond, answer.SessionID, answer.Password
	return nil
}

// dialAny tries the servers from number i on until one takes the session.
func dialAny(ctx context.Context, o *Options, i int) (*connection, error) {
	var errs []error
	for k := range o.Servers {
		c, err := dial(ctx, o.server(i+k), o, nil)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, noServer(errors.Join(errs...))
}

func (o *Options) server(i int) string { return o.Servers[i%len(o.Servers)] }

// whole returns the next frame's payload where all of it has come; otherwise
// need is how many bytes the buffer has to hold for it.
func (c *connection) whole() (payload []byte, need int, err error) {
	b := c.in[c.start:c.end]
	if len(b) < wire.FrameHeaderBytes {
		return nil, wire.FrameHeaderBytes, nil
	}
	n, ok := wire.FrameLength([4]byte(b[:4]), replyBytesMax)
	if !ok {
		return nil, 0, fmt.Errorf("%w: %s sent a frame of %d bytes", ErrProtocol, c.address, n)
	}
	if len(b) < wire.FrameHeaderBytes+n {
		return nil, wire.FrameHeaderBytes + n, nil
	}
	c.start += wire.FrameHeaderBytes + n
	return b[wire.FrameHeaderBytes : wire.FrameHeaderBytes+n], 0, nil
}

// next waits for the next frame. The payload is valid until the call after.
func (c *connection) next() ([]byte, error) {
	for {
		payload, need, err := c.whole()
		if payload != nil || err != nil {
			return payload, err
		}
		if err := c.fill(need); err != nil {
			return nil, err
		}
	}
}

// fill reads once; the buffer grows with what has come, not with what a length
// announces.
func (c *connection) fill(need int) error {
	if c.start > 0 {
		c.end = copy(c.in, c.in[c.start:c.end])
		c.start = 0
	}
	if c.end == len(c.in) {
		grown := make([]byte, min(max(2*c.end, readBufferLeast), max(need, 2*c.end)))
		copy(grown, c.in[:c.end])
		c.in = grown
	}
	n, err := c.nc.Read(c.in[c.end:])
	c.end += n
	if n > 0 {
		return nil
	}
	return err
}

// reply is what came back for a request.
type reply struct {
	xid  int32
	code wire.ErrorCode
	body []byte
}

// decode reads the header of a payload.
func (r *reply) decode(c *connection, payload []byte) error {
	var h wire.ReplyHeader
	in := wire.NewReader(payload)
	if h.Decode(&in); !in.OK() {
		return fmt.Errorf("%w: %s sent a reply of %d bytes", ErrProtocol, c.address, len(payload))
	}
	if h.Zxid > c.zxid {
		c.zxid = h.Zxid
	}
	r.xid, r.code, r.body = h.Xid, h.Err, in.Rest()
	return nil
}

// appendFunc appends the body of a request and says which operation it is.
type appendFunc func(dst []byte) ([]byte, wire.OpCode)

// call sends one request and waits for its reply, whose body is valid until the
// next call. Pings and events that come meanwhile are skipped.
func (c *connection) call(request appendFunc) (body []byte, err error) {
	err = c.each(1, func(dst []byte, _ int) ([]byte, wire.OpCode) { return request(dst) }, func(_ int, r *reply) error {
		body = r.body
		return r.code.Err()
	})
	return body, err
}

// eachInFlight is how many requests of each are under way.
const eachInFlight = 256

// each sends n requests, many at a time, and hands every reply to took in order.
func (c *connection) each(n int, request func(dst []byte, i int) ([]byte, wire.OpCode), took func(i int, r *reply) error) error {
	sent := 0
	var r reply
	for done := 0; done < n; done++ {
		if done == sent {
			c.out = c.out[:0]
			for ; sent < min(n, done+eachInFlight); sent++ {
				c.out = appendRequest(c.out, c.xid+int32(sent-done)+1, sent, request)
			}
			if _, err := c.nc.Write(c.out); err != nil {
				return err
			}
		}
		c.xid++
		for {
			payload, err := c.next()
			if err != nil {
				return err
			}
			if err := r.decode(c, payload); err != nil {
				return err
			}
			if r.xid >= 0 {
				break
			}
		}
		if r.xid != c.xid {
			return fmt.Errorf("%w: %s answered request %d, not %d", ErrProtocol, c.address, r.xid, c.xid)
		}
		if err := took(done, &r); err != nil {
			return err
		}
	}
	return nil
}

func appendRequest(dst []byte, xid int32, i int, request func([]byte, int) ([]byte, wire.OpCode)) []byte {
	start := len(dst)
	dst = wire.RequestHeader{Xid: xid}.Append(wire.BeginFrame(dst))
	dst, op := request(dst, i)
	// The header goes in front of what tells the operation.
	wire.RequestHeader{Xid: xid, Op: op}.Append(dst[start+wire.FrameHeaderBytes : start+wire.FrameHeaderBytes])
	return wire.EndFrame(dst, start)
}

// pingFrame is the same every time.
var pingFrame = wire.EndFrame(wire.RequestHeader{Xid: wire.XidPing, Op: wire.OpPing}.Append(wire.BeginFrame(nil)), 0)

// close ends the session, so that the server forgets it at once.
func (c *connection) close() {
	_ = c.nc.SetDeadline(time.Now().Add(2 * time.Second))
	_, _ = c.call(func(dst []byte) ([]byte, wire.OpCode) { return dst, wire.OpCloseSession }) // it times out otherwise
	c.drop()
}

// drop hangs up and leaves the session to time out.
func (c *connection) drop() { _ = c.nc.Close() }

func noServer(err error) error { return fmt.Errorf("%w: %w", ErrNoServer, err) }

// closeFrame ends a session.
var closeFrame = wire.EndFrame(wire.RequestHeader{Xid: 1, Op: wire.OpCloseSession}.Append(wire.BeginFrame(nil)), 0)
