package peer

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/zabkeeper/zabkeeper/election"
)

// electionSender owns the connection to one peer's server_port. What the peer
// sends comes on the peer's own connection, so a stuck or dead peer delays
// nobody else (F28).
type electionSender struct {
	t      *Transport
	peer   Peer
	ctx    context.Context // ends with the transport, or when the peer is no peer any more
	cancel context.CancelFunc
	wake   chan struct{}
	back   chan struct{} // the peer has come to us: no more waiting

	mu    sync.Mutex
	queue []election.Message
}

func newElectionSender(t *Transport, p Peer) *electionSender {
	s := &electionSender{t: t, peer: p, wake: make(chan struct{}, 1), back: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancel(t.ctx)
	return s
}

// push queues m. When there is no room the oldest heartbeat makes it: a newer
// one says the same.
func (s *electionSender) push(m *election.Message) {
	copied := *m
	copied.Heard = slices.Clone(m.Heard)
	s.mu.Lock()
	if len(s.queue) >= electionQueueMax {
		at := max(0, slices.IndexFunc(s.queue, func(q election.Message) bool { return q.Kind == election.Heartbeat }))
		s.queue = slices.Delete(s.queue, at, at+1)
		s.t.count.electionDropped.Add(1)
	}
	s.queue = append(s.queue, copied)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *electionSender) take(into []election.Message) []election.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	into = append(into[:0], s.queue...)
	clear(s.queue)
	s.queue = s.queue[:0]
	return into
}

// run keeps a connection until the transport closes or the peer leaves.
func (s *electionSender) run() {
	defer s.cancel()
	var wait backoff
	for attempt := 0; s.ctx.Err() == nil; attempt++ {
		select {
		case <-s.back: // from before this attempt
		default:
		}
		conn, _, err := s.t.connect(s.peer.ID, s.peer.serverAddress(attempt), portServer)
		if err == nil {
			started := time.Now()
			s.serve(conn)
			if time.Since(started) > steadyAfter {
				// It may have died: the next attempt tells at once.
				wait.reset()
				continue
			}
		} else if s.ctx.Err() == nil {
			// Late news is worse than none.
			s.t.count.electionDropped.Add(uint64(len(s.take(nil))))
			if isRefused(err) {
				s.t.opt.Handler.Refused(s.peer.ID)
			}
		}
		if s.pause(wait.next()) {
			wait.reset()
		}
	}
}

// pause waits before the next attempt. It reports true when the peer connected
// meanwhile: a server that returns is spoken to at once.
func (s *electionSender) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	case <-s.back:
		return true
	}
	return false
}

// serve writes what is queued until the connection fails. The peer sends
// nothing on it, so a read returns when the connection has ended.
func (s *electionSender) serve(c *connection) {
	defer context.AfterFunc(s.ctx, func() { _ = c.Close() })()
	limitUnacknowledged(c.Conn, electionTimeout)
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(ended)
		_, _ = c.Read(make([]byte, 1))
		_ = c.Close()
	})
	defer wg.Wait()
	defer func() { _ = c.Close() }()
	var batch []election.Message
	var payload, frame []byte
	for {
		select {
		case <-s.wake:
		case <-ended:
			return
		}
		batch, frame, payload = s.take(batch), frame[:0], payload[:0]
		for i := range batch {
			payload = AppendElection(payload, &batch[i])
			if i == len(batch)-1 || len(payload) > ElectionFrameBytesMax/2 {
				frame, payload = appendFrame(frame, payload), payload[:0]
				s.t.count.framesSent.Add(1)
			}
		}
		if c.SetWriteDeadline(time.Now().Add(electionTimeout)) != nil {
			return
		}
		if _, err := c.Write(frame); err != nil {
			return
		}
		s.t.count.bytesSent.Add(uint64(len(frame)))
	}
}

// hear reads election messages from a peer. Its newest connection counts.
func (t *Transport) hear(c *connection, h Hello) {
	defer t.closeWithTransport(c)()
	t.replaceHearing(h, c.Conn)
	err := t.hearAll(c, h)
	if isBad(err) {
		t.count.framesBad.Add(1)
		t.opt.Log.Warn().Uint32("peer", uint32(h.Server)).Err(err).Msg("election connection closed")
	}
	t.mu.Lock()
	last := t.hearing[h.Server] == c.Conn
	if last {
		delete(t.hearing, h.Server)
	}
	t.mu.Unlock()
	_ = c.Close()
	if last {
		t.opt.Handler.HearingEnded(h.Server)
	}
}

func (t *Transport) replaceHearing(h Hello, c net.Conn) {
	t.mu.Lock()
	old := t.hearing[h.Server]
	t.hearing[h.Server] = c
	t.mu.Unlock()
	if s := t.roster.Load().senders[h.Server]; s != nil {
		select {
		case s.back <- struct{}{}:
		default:
		}
	}
	if old != nil {
		_ = old.Close()
	}
}

func (t *Transport) hearAll(c *connection, h Hello) error {
	c.frames.max = ElectionFrameBytesMax
	for {
		p, err := c.frames.next()
		if err != nil {
			return err
		}
		t.count.framesReceived.Add(1)
		t.count.bytesReceived.Add(uint64(frameHeaderSize + len(p)))
		unknown, err := DecodeElection(p, func(m *election.Message) error {
			if m.From != h.Server {
				return fmt.Errorf("%w: %v from server %d on the connection of %d", ErrProtocol, m.Kind, m.From, h.Server)
			}
			t.opt.Handler.ElectionMessage(m)
			return nil
		})
		c.frames.giveBack(p) // messages copy what they keep
		t.count.messagesUnknown.Add(uint64(unknown))
		if err != nil {
			return err
		}
	}
}
