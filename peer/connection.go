package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/zabkeeper/zabkeeper/socket"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// connection is a socket behind its handshake.
type connection struct {
	net.Conn
	frames *frameReader
}

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// connect dials a port of server to and exchanges hellos.
func (t *Transport) connect(to zxid.ServerID, address string, p port) (*connection, Hello, error) {
	c, h, err := t.dial(to, address, p)
	if err != nil {
		t.count.dialsFailed.Add(1)
	}
	return c, h, err
}

func (t *Transport) dial(to zxid.ServerID, address string, p port) (*connection, Hello, error) {
	if address == "" {
		return nil, Hello{}, fmt.Errorf("peer: server %d has no %v", to, p)
	}
	ctx, cancel := context.WithTimeout(t.ctx, dialTimeout)
	defer cancel()
	raw, err := t.opt.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, Hello{}, fmt.Errorf("peer: %v of server %d: %w", p, to, err)
	}
	defer t.closeWithTransport(raw)()
	c := &connection{raw, newFrameReader(socket.NewReceiver(raw), HelloFrameBytesMax)}
	h, err := t.introduce(c, to, p)
	if err != nil {
		return nil, h, errors.Join(err, raw.Close())
	}
	return c, h, nil
}

// closeWithTransport makes Close interrupt whatever waits for conn, until the
// returned function is called.
func (t *Transport) closeWithTransport(conn net.Conn) (undo func()) {
	stop := context.AfterFunc(t.ctx, func() { _ = conn.Close() })
	return func() { stop() }
}

func (t *Transport) introduce(c *connection, to zxid.ServerID, p port) (Hello, error) {
	if err := c.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return Hello{}, err
	}
	if err := c.writeHello(t.hello(p, nil)); err != nil {
		return Hello{}, err
	}
	h, err := c.readHello()
	if err == nil {
		err = t.judge(&h, p, to)
	}
	t.report(&h, err)
	if err != nil {
		return h, err
	}
	return h, c.SetDeadline(time.Time{})
}

// welcome is introduce for the accepting side. It answers with its own hello
// even when it refuses, so that the other side can log why.
func (t *Transport) welcome(c *connection, p port) (Hello, error) {
	if err := c.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return Hello{}, err
	}
	h, err := c.readHello()
	if err == nil {
		err = t.judge(&h, p, 0)
	}
	t.report(&h, err)
	if err != nil && h.Version != protocolVersion {
		return h, err // it would not understand an answer
	}
	if e := c.writeHello(t.hello(p, err)); err == nil {
		err = e
	}
	if err != nil {
		return h, err
	}
	return h, c.SetDeadline(time.Time{})
}

// report tells the handler about a hello. A connection that ended before there
// was one is a failed dial, not a hello.
func (t *Transport) report(h *Hello, why error) {
	if why != nil {
		if !errors.Is(why, ErrHello) && !isBad(why) {
			return
		}
		t.count.hellosRefused.Add(1)
		t.opt.Log.Debug().Str("address", h.Address).Uint32("peer", uint32(h.Server)).Err(why).Msg("hello refused")
	}
	h.Refused = why
	t.opt.Handler.PeerHello(*h)
}

func (c *connection) writeHello(h *Hello) error {
	_, err := c.Write(appendFrame(nil, appendHello(nil, h)))
	return err
}

func (c *connection) readHello() (Hello, error) {
	p, err := c.frames.next()
	h := Hello{}
	if err == nil {
		h, err = decodeHello(p)
	}
	if a := c.RemoteAddr(); a != nil {
		h.Address = a.String()
	}
	return h, err
}

// isBad reports whether err says that the other side sent nonsense.
func isBad(err error) bool {
	return errors.Is(err, ErrMalformed) || errors.Is(err, ErrChecksum) || errors.Is(err, ErrTooLong) || errors.Is(err, ErrProtocol)
}

// accept takes connections until the listener is closed and serves each behind
// its handshake.
func (t *Transport) accept(l net.Listener, p port, serve func(*connection, Hello)) {
	for {
		raw, err := l.Accept()
		if err != nil {
			if t.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			t.opt.Log.Warn().Err(err).Stringer("port", p).Msg("accept failed")
			t.pause(acceptRetryDelay) // out of file descriptors, most likely
			continue
		}
		select {
		case t.slots <- struct{}{}:
		default:
			_ = raw.Close()
			continue
		}
		if !t.spawn(func() { t.serve(raw, p, serve) }) {
			_ = raw.Close()
		}
	}
}

func (t *Transport) serve(raw net.Conn, p port, serve func(*connection, Hello)) {
	undo := t.closeWithTransport(raw)
	c := &connection{raw, newFrameReader(socket.NewReceiver(raw), HelloFrameBytesMax)}
	h, err := t.welcome(c, p)
	<-t.slots
	undo()
	if err != nil {
		_ = raw.Close()
		return
	}
	serve(c, h)
}

// pause waits, and returns early when the transport closes.
func (t *Transport) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
	}
}
