package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

const (
	connectTimeoutMin = time.Second
	backoffMin        = 50 * time.Millisecond
	backoffMax        = 2 * time.Second
	// steadyTime is how long a connection without an answer lives to count as a
	// good one. A server that accepts and hangs up must not be tried in a tight
	// loop.
	steadyTime = time.Second
	// replyBytesMax bounds an answer when Options does not; a list of children
	// may be far larger than any request.
	replyBytesMax = 64 << 20
)

// run holds the session: it connects, serves one connection after another and
// ends when the session does.
func (c *Client) run() {
	defer close(c.done)
	defer c.stop()
	for attempt, failures := 0, 0; ; attempt++ {
		server := c.nextServer(attempt)
		started := time.Now()
		conn, err := c.connect(server)
		if err == nil {
			err = c.serve(conn)
			if conn.answered || time.Since(started) >= steadyTime {
				failures = -1
			}
		}
		if c.ended(server, err) {
			return
		}
		c.setState(StateConnecting, server, err)
		failures++
		if failures > 0 && failures%len(c.servers) == 0 {
			c.pause(failures / len(c.servers))
		}
	}
}

// pause waits longer after every round in which no server was any good, and
// never as long as another client does.
func (c *Client) pause(round int) {
	d := min(backoffMin<<min(round-1, 10), backoffMax)
	d = d/2 + rand.N(d)
	select {
	case <-time.After(d):
	case <-c.ctx.Done():
	}
}

// ended reports whether the session is over, and then fails everything that
// waits on it.
func (c *Client) ended(server string, err error) bool {
	c.mu.Lock()
	if c.final == nil {
		switch {
		case errors.Is(err, ErrSessionExpired):
			c.final = ErrSessionExpired
		case c.ctx.Err() != nil:
			c.final = ErrClosed
		default:
			c.mu.Unlock()
			return false
		}
	}
	final := c.final
	for _, req := range c.queue {
		c.finish(req, nil, final)
	}
	c.queue = nil
	c.watches.end(final)
	c.mu.Unlock()
	c.setState(finalState(final), server, err)
	return true
}

func finalState(err error) State {
	switch {
	case errors.Is(err, ErrSessionExpired):
		return StateExpired
	case errors.Is(err, ErrAuthFailed):
		return StateAuthFailed
	}
	return StateClosed
}

// connection is an established one.
type connection struct {
	nc       net.Conn
	in       *bufio.Reader
	server   string
	timeout  time.Duration // of the session, as granted
	readOnly bool          // the server has no leader
	answered bool          // the server answered something
	release  func() bool   // detaches nc from the client's context
}

// deadlineReader gives every read of the network the same time.
type deadlineReader struct {
	nc    net.Conn
	limit time.Duration
}

func (d deadlineReader) Read(p []byte) (int, error) {
	if err := d.nc.SetReadDeadline(time.Now().Add(d.limit)); err != nil {
		return 0, err
	}
	return d.nc.Read(p)
}

// silenceMax is how long a connection may be silent before it counts as dead:
// late enough for two pings, early enough to reach another server in time.
func silenceMax(timeout time.Duration) time.Duration { return timeout * 2 / 3 }

func (c *Client) connect(server string) (*connection, error) {
	c.mu.Lock()
	hello := wire.ConnectRequest{
		LastZxidSeen: c.lastZxid, TimeoutMs: int32(c.opt.SessionTimeout.Milliseconds()),
		SessionID: c.sessionID, Password: c.password[:], HasReadOnly: true, ReadOnly: c.opt.ReadOnly,
	}
	if c.guest {
		// No other server knows it, and it has nothing to lose.
		hello.SessionID, hello.Password = 0, make([]byte, wire.PasswordBytes)
	}
	frame := wire.EndFrame(hello.Append(wire.BeginFrame(nil)), 0)
	limit := max(connectTimeoutMin, silenceMax(c.timeout)/time.Duration(len(c.servers)))
	c.mu.Unlock()

	ctx, cancel := context.WithTimeout(c.ctx, limit)
	defer cancel()
	nc, err := c.opt.Dialer(ctx, "tcp", server)
	if err != nil {
		return nil, err
	}
	release := context.AfterFunc(c.ctx, func() { _ = nc.Close() })
	conn := &connection{nc: nc, in: bufio.NewReaderSize(deadlineReader{nc, limit}, 64<<10), server: server, release: release}
	if err = c.greet(conn, frame, limit, hello.SessionID == 0); err == nil {
		err = c.logInAgain(conn)
	}
	if err != nil {
		release()
		_ = nc.Close()
		return nil, fmt.Errorf("%s: %w", server, err)
	}
	return conn, nil
}

// greet exchanges the connect records and takes over the session.
func (c *Client) greet(conn *connection, hello []byte, limit time.Duration, fresh bool) error {
	if err := conn.nc.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if _, err := conn.nc.Write(hello); err != nil {
		return err
	}
	body, err := readFrame(conn.in, c.opt.ReplyBytesMax)
	if errors.Is(err, io.EOF) {
		err = errors.New("server is not serving clients: it closed the connection")
	}
	if err != nil {
		return err
	}
	var answer wire.ConnectResponse
	r := wire.NewReader(body)
	if answer.Decode(&r); !r.OK() {
		return fmt.Errorf("%w: connect answer of %d bytes", ErrProtocol, len(body))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer.SessionID == 0 || answer.TimeoutMs <= 0 {
		if fresh {
			return fmt.Errorf("%w: new session refused", ErrProtocol)
		}
		return ErrSessionExpired
	}
	conn.readOnly, c.guest = answer.ReadOnly, answer.ReadOnly
	conn.timeout = time.Duration(answer.TimeoutMs) * time.Millisecond
	conn.in.Reset(deadlineReader{conn.nc, silenceMax(conn.timeout)})
	c.sessionID, c.password, c.timeout = answer.SessionID, answer.Password, conn.timeout
	c.extensionsAsked, c.extensionsKnown, c.extensions = false, false, 0
	return nil
}

// serve runs an established connection until it breaks. What was sent and not
// answered by then has an unknown outcome.
func (c *Client) serve(conn *connection) error {
	c.mu.Lock()
	c.prime = c.primer()
	c.mu.Unlock()
	state := StateConnected
	if conn.readOnly {
		state = StateConnectedReadOnly
	}
	c.setState(state, conn.server, nil)
	select {
	case <-c.first:
	default:
		close(c.first)
	}
	broken, written := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(written)
		c.write(conn, broken)
	}()
	sought := make(chan struct{})
	go func() {
		defer close(sought)
		if conn.readOnly {
			c.seekWriter(conn, broken)
		}
	}()
	err := c.read(conn)
	conn.release()
	_ = conn.nc.Close()
	close(broken)
	<-written
	<-sought

	c.mu.Lock()
	defer c.mu.Unlock()
	c.prime = nil
	for _, lost := range []*fifo{&c.sent, &c.authSent} {
		for req := lost.pop(); req != nil; req = lost.pop() {
			c.finish(req, nil, ErrConnectionLoss)
		}
	}
	return err
}

func (c *Client) write(conn *connection, broken <-chan struct{}) {
	idle := conn.timeout / 3
	ping := time.NewTimer(idle)
	defer ping.Stop()
	var out []byte
	for {
		if out = c.takeBatch(out[:0]); len(out) == 0 {
			select {
			case <-c.wake:
				continue
			case <-broken:
				return
			case <-ping.C:
				out = wire.RequestHeader{Xid: wire.XidPing, Op: wire.OpPing}.Append(wire.BeginFrame(out))
				out = wire.EndFrame(out, 0)
			}
		}
		err := conn.nc.SetWriteDeadline(time.Now().Add(silenceMax(conn.timeout)))
		if err == nil {
			_, err = conn.nc.Write(out)
		}
		if err != nil {
			_ = conn.nc.Close() // the reader notices
			return
		}
		ping.Reset(idle)
	}
}

func (c *Client) read(conn *connection) error {
	for {
		body, err := readFrame(conn.in, c.opt.ReplyBytesMax)
		if err != nil {
			return err
		}
		if err = c.receive(body); err != nil {
			return err
		}
		conn.answered = true
	}
}

// readFrame returns the payload of the next frame in memory of its own, and
// never takes much more than has arrived.
func readFrame(in *bufio.Reader, limit int) ([]byte, error) {
	var head [wire.FrameHeaderBytes]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	n, ok := wire.FrameLength(head, limit)
	if !ok {
		return nil, fmt.Errorf("%w: frame length %#x, at most %d is taken", ErrProtocol, head, limit)
	}
	if n <= 64<<10 {
		body := make([]byte, n)
		_, err := io.ReadFull(in, body)
		return body, err
	}
	var grown bytes.Buffer
	if _, err := io.CopyN(&grown, in, int64(n)); err != nil {
		return nil, err
	}
	return grown.Bytes(), nil
}

// receive handles one frame from the server. An error means that the
// connection can't be used any more.
func (c *Client) receive(body []byte) error {
	var h wire.ReplyHeader
	r := wire.NewReader(body)
	if h.Decode(&r); !r.OK() {
		return fmt.Errorf("%w: frame of %d bytes", ErrProtocol, len(body))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch h.Xid {
	case wire.XidPing:
		return nil
	case wire.XidEvent:
		var e wire.WatcherEvent
		if e.Decode(&r); !r.OK() {
			return fmt.Errorf("%w: watch event of %d bytes", ErrProtocol, len(body))
		}
		c.watches.fire(c.event(&e, h.Zxid))
		return nil
	}
	from := &c.sent
	if h.Xid == wire.XidAuth {
		from = &c.authSent
	}
	req := from.pop()
	if req == nil || req.xid != h.Xid {
		if req != nil {
			c.finish(req, nil, ErrConnectionLoss)
		}
		return fmt.Errorf("%w: answer to request %d out of order", ErrProtocol, h.Xid)
	}
	// Answers only, not events: several events may share a zxid, and a
	// setWatches after the first of them must still bring the others.
	c.lastZxid = max(c.lastZxid, h.Zxid)
	c.finish(req, r.Rest(), h.Err.Err())
	return c.final
}
