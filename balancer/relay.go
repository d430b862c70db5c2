package balancer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

const (
	// helloBytesMax bounds the first frame of either side.
	helloBytesMax = 4 << 10
	// dialTimeout is how long a healthy server may take to accept.
	dialTimeout = time.Second
	// lingerTime is how long an answer may take when the client has said all.
	lingerTime = 10 * time.Second
	relayBytes = 32 << 10
)

var errHello = errors.New("not a connect request")

// relay is one routed connection.
type relay struct {
	client, server net.Conn
	session        int64        // once the server has accepted it
	active         atomic.Int64 // when the last bytes passed, in ns since 1970
	once           sync.Once
}

func (r *relay) close() {
	r.once.Do(func() {
		_ = r.client.Close()
		_ = r.server.Close()
	})
}

// hello is what a client says first: a connect request, or a four-letter word.
type hello struct {
	bytes   []byte
	session int64
	isWord  bool
}

// handle routes one connection.
func (b *Balancer) handle(nc net.Conn) {
	defer nc.Close() //nolint:errcheck // nobody is left to tell
	defer context.AfterFunc(b.ctx, func() { _ = nc.Close() })()
	_ = nc.SetReadDeadline(time.Now().Add(b.o.HandshakeTimeout)) // a closed connection fails below
	h, err := readHello(nc)
	if err != nil {
		if !errors.Is(err, io.EOF) {
			b.log.Debug().Err(err).Str("client", nc.RemoteAddr().String()).Msg("handshake")
		}
		return
	}
	r, s := b.connect(nc, h)
	if r == nil {
		b.refuse(nc, "no server is up")
		return
	}
	defer b.release(r, s)
	if _, err := r.server.Write(h.bytes); err != nil {
		return
	}
	if !h.isWord {
		if err := b.greet(r, s); err != nil {
			return
		}
	}
	_ = nc.SetReadDeadline(time.Time{})
	r.move()
}

// readHello reads the first frame.
func readHello(nc io.Reader) (hello, error) {
	var head [wire.FrameHeaderBytes]byte
	if _, err := io.ReadFull(nc, head[:]); err != nil {
		return hello{}, err
	}
	if _, ok := wire.FourLetterWord(head); ok {
		return hello{bytes: head[:], isWord: true}, nil
	}
	n, ok := wire.FrameLength(head, helloBytesMax)
	if !ok {
		return hello{}, fmt.Errorf("%w: length %#x", errHello, head)
	}
	frame := append(head[:], make([]byte, n)...)
	if _, err := io.ReadFull(nc, frame[len(head):]); err != nil {
		return hello{}, err
	}
	var request wire.ConnectRequest
	r := wire.NewReader(frame[len(head):])
	if request.Decode(&r); !r.OK() {
		return hello{}, fmt.Errorf("%w: %d bytes", errHello, n)
	}
	return hello{bytes: frame, session: request.SessionID}, nil
}

// connect finds a server that accepts the connection; nil when there is none.
func (b *Balancer) connect(nc net.Conn, h hello) (*relay, *backend) {
	tried := map[*backend]bool{}
	for {
		r := &relay{client: nc}
		r.active.Store(time.Now().UnixNano())
		b.mu.Lock()
		s := b.choose(h.session, tried)
		b.mu.Unlock()
		if s == nil {
			return nil, nil
		}
		tried[s] = true
		server, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(b.ctx, "tcp", s.address)
		b.mu.Lock()
		switch {
		case err != nil:
			b.down(s, err)
		case b.ctx.Err() == nil && s.healthy && !s.draining: // still
			r.server = server
			s.conns[r] = struct{}{}
			s.routed++
			b.mu.Unlock()
			return r, s
		default:
			_ = server.Close()
		}
		b.mu.Unlock()
	}
}

// greet passes the answer to the connect request on and remembers the session.
func (b *Balancer) greet(r *relay, s *backend) error {
	if err := r.server.SetReadDeadline(time.Now().Add(b.o.HandshakeTimeout)); err != nil {
		return err
	}
	var head [wire.FrameHeaderBytes]byte
	if _, err := io.ReadFull(r.server, head[:]); err != nil {
		return err
	}
	n, ok := wire.FrameLength(head, helloBytesMax)
	if !ok {
		return fmt.Errorf("server %d: %w: length %#x", s.id, errHello, head)
	}
	frame := append(head[:], make([]byte, n)...)
	if _, err := io.ReadFull(r.server, frame[len(head):]); err != nil {
		return err
	}
	if err := r.server.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	var answer wire.ConnectResponse
	reader := wire.NewReader(frame[len(head):])
	answer.Decode(&reader)
	if reader.OK() && answer.SessionID != 0 {
		r.session = answer.SessionID
		b.mu.Lock()
		b.sessions.opened(r.session, s, time.Duration(answer.TimeoutMs)*time.Millisecond, time.Now())
		b.mu.Unlock()
	}
	_, err := r.client.Write(frame)
	return err
}

// release takes a connection off the books.
func (b *Balancer) release(r *relay, s *backend) {
	r.close()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(s.conns, r)
	if r.session != 0 {
		b.sessions.ended(r.session, time.Now())
	}
}

// move relays bytes both ways until the server hangs up, or the client does and
// has its last answer.
func (r *relay) move() {
	var toServer sync.WaitGroup
	toServer.Go(func() {
		if r.copy(r.server, r.client) != nil {
			r.close()
			return
		}
		if tcp, ok := r.server.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
		_ = r.server.SetReadDeadline(time.Now().Add(lingerTime))
	})
	_ = r.copy(r.client, r.server) // either way the connection is over
	r.close()
	toServer.Wait()
}

// copy is io.Copy that notes when bytes pass. It returns nil at the end of src.
func (r *relay) copy(dst io.Writer, src io.Reader) error {
	buf := make([]byte, relayBytes)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			r.active.Store(time.Now().UnixNano())
			if _, err := dst.Write(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
