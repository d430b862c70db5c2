package history

import (
	"bufio"
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
	dialTimeMax   = time.Second
	replyBytesMax = 16 << 20
	backoffMin    = 20 * time.Millisecond
	backoffMax    = 400 * time.Millisecond
	// watchesMax bounds the watches of a client that wait.
	watchesMax = 24
)

var (
	errProtocol = errors.New("a server broke the protocol")
	errExpired  = errors.New("session expired")
)

// session is a client of this package's own: one request at a time, every frame
// seen in the order in which it came.
type session struct {
	load   *Load
	random *rand.Rand
	note   func(*operation)

	id       int64
	password [wire.PasswordBytes]byte
	timeout  time.Duration
	zxid     int64 // the newest that an answer told

	nc       net.Conn
	in       *bufio.Reader
	server   string
	xid      int32
	failures int
	contact  time.Duration // when the server last answered
	watches  watches
	out      []byte
}

// watches are what a client waits for, by path.
type watches struct{ data, absent, child map[string]bool }

func newWatches() watches {
	return watches{data: map[string]bool{}, absent: map[string]bool{}, child: map[string]bool{}}
}

func (w watches) count() int { return len(w.data) + len(w.absent) + len(w.child) }

func newSession(l *Load, random *rand.Rand, note func(*operation)) *session {
	return &session{load: l, random: random, note: note, timeout: l.o.Session, watches: newWatches()}
}

// connect makes sure that there is a connection. Where there is none it tries
// one server, any; after a failure it waits a little first.
func (s *session) connect(ctx context.Context, remember bool) error {
	if s.nc != nil {
		return nil
	}
	if s.failures > 0 {
		d := min(backoffMin<<min(s.failures, 5), backoffMax)
		t := time.NewTimer(d/2 + time.Duration(s.random.Int64N(int64(d))))
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := s.dial(ctx, s.load.addresses[s.random.IntN(len(s.load.addresses))], remember)
	if err != nil {
		s.failures++
		s.drop()
		if errors.Is(err, errExpired) {
			s.told(kindExpired)
		}
		return err
	}
	s.failures = 0
	return nil
}

// told records that the session has ended, and forgets it.
func (s *session) told(k kind) {
	now := s.load.now()
	s.note(&operation{session: s.id, server: s.server, kind: k, invoke: now, ret: now, outcome: outcomeOK})
	s.id, s.password, s.zxid, s.watches = 0, [wire.PasswordBytes]byte{}, 0, newWatches()
}

func (s *session) dial(ctx context.Context, address string, remember bool) error {
	limit, cancel := context.WithTimeout(ctx, dialTimeMax)
	defer cancel()
	nc, err := s.load.o.Dial(limit, address)
	if err != nil {
		return err
	}
	s.nc, s.in, s.server, s.xid = nc, bufio.NewReader(nc), address, 0
	if err := nc.SetDeadline(time.Now().Add(s.patience())); err != nil {
		return err
	}
	hello := wire.ConnectRequest{LastZxidSeen: s.zxid, TimeoutMs: int32(s.load.o.Session.Milliseconds()), SessionID: s.id, Password: s.password[:], HasReadOnly: true}
	if _, err := nc.Write(wire.EndFrame(hello.Append(wire.BeginFrame(nil)), 0)); err != nil {
		return err
	}
	body, err := s.frame()
	if err != nil {
		return err
	}
	var welcome wire.ConnectResponse
	r := wire.NewReader(body)
	if welcome.Decode(&r); !r.OK() {
		return fmt.Errorf("%w: %s answers the hello with %d bytes", errProtocol, address, len(body))
	}
	if welcome.SessionID == 0 {
		if s.id == 0 {
			return fmt.Errorf("%w: %s refuses a new session", errProtocol, address)
		}
		return errExpired
	}
	s.id, s.password, s.timeout = welcome.SessionID, welcome.Password, time.Duration(welcome.TimeoutMs)*time.Millisecond
	return s.established(remember)
}

// established records the connection, and sets the watches of the one before.
func (s *session) established(remember bool) error {
	now, k := s.load.now(), kindConnected
	if !remember {
		k, s.watches = kindForgotten, newWatches()
	}
	s.contact = now
	s.note(&operation{session: s.id, server: s.server, kind: k, invoke: now, ret: now, outcome: outcomeOK})
	if s.watches.count() == 0 {
		return nil
	}
	again := wire.SetWatches{RelativeZxid: s.zxid, Data: stringsOf(s.watches.data), Exist: stringsOf(s.watches.absent), Child: stringsOf(s.watches.child)}
	s.out = wire.RequestHeader{Xid: wire.XidSetWatches, Op: wire.OpSetWatches}.Append(wire.BeginFrame(s.out[:0]))
	s.out = wire.EndFrame(again.Append(s.out), 0)
	if _, err := s.nc.Write(s.out); err != nil {
		return err
	}
	_, _, err := s.reply(wire.XidSetWatches)
	return err
}

// drop hangs up. The session goes on.
func (s *session) drop() {
	if s.nc != nil {
		_ = s.nc.Close()
		s.nc = nil
	}
}

// patience is how long an answer may take: short enough to reach another server
// before the session expires.
func (s *session) patience() time.Duration { return s.timeout * 2 / 3 }

func (s *session) frame() ([]byte, error) {
	var head [wire.FrameHeaderBytes]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return nil, err
	}
	n, ok := wire.FrameLength(head, replyBytesMax)
	if !ok {
		return nil, fmt.Errorf("%w: %s sent a frame of %d bytes", errProtocol, s.server, n)
	}
	return io.ReadAll(io.LimitReader(s.in, int64(n)))
}

// reply reads until the answer to a request comes, and records the events in
// front of it.
func (s *session) reply(xid int32) (wire.ReplyHeader, []byte, error) {
	for {
		body, err := s.frame()
		if err != nil {
			return wire.ReplyHeader{}, nil, err
		}
		var h wire.ReplyHeader
		r := wire.NewReader(body)
		if h.Decode(&r); !r.OK() {
			return h, nil, fmt.Errorf("%w: %s sent a reply of %d bytes", errProtocol, s.server, len(body))
		}
		switch h.Xid {
		case wire.XidEvent:
			s.event(&r, h.Zxid)
			continue
		case xid:
			s.contact = s.load.now()
			s.zxid = max(s.zxid, h.Zxid)
			return h, r.Rest(), nil
		}
		return h, nil, fmt.Errorf("%w: %s answered request %d, not %d", errProtocol, s.server, h.Xid, xid)
	}
}

func (s *session) event(r *wire.Reader, zxid int64) {
	var e wire.WatcherEvent
	e.Decode(r)
	path, now := string(e.Path), s.load.now()
	if e.Type == wire.EventNodeChildrenChanged {
		delete(s.watches.child, path)
	} else {
		delete(s.watches.data, path)
		delete(s.watches.absent, path)
		if e.Type == wire.EventNodeDeleted {
			delete(s.watches.child, path)
		}
	}
	s.note(&operation{session: s.id, server: s.server, kind: kindEvent, path: path, event: e.Type, zxid: zxid, invoke: now, ret: now, outcome: outcomeOK})
}

// do carries out a request on the connection; afterwards the outcome stands in o.
func (s *session) do(o *operation) {
	o.session, o.server = s.id, s.server
	if o.watch && s.watches.count() >= watchesMax {
		o.watch = false
	}
	o.invoke, o.ret = s.load.now(), never
	if err := s.exchange(o); err != nil {
		s.drop()
	}
	s.note(o)
	if o.outcome == outcomeRefused && o.code == wire.ErrSessionExpired {
		s.drop()
		s.told(kindExpired)
	}
}

func (s *session) exchange(o *operation) error {
	if err := s.nc.SetDeadline(time.Now().Add(s.patience())); err != nil {
		return err
	}
	out := s.out[:0]
	if o.synced && !o.linearizable {
		s.xid++
		out = appendFrame(out, s.xid, wire.OpSync, (&wire.PathRequest{Path: []byte(o.path)}).Append)
	}
	s.xid++
	out = appendRequest(out, s.xid, o)
	s.out = out
	if _, err := s.nc.Write(out); err != nil {
		return err
	}
	if o.synced && !o.linearizable {
		h, _, err := s.reply(s.xid - 1)
		if err != nil {
			return err
		}
		if h.Err != wire.OK { // what follows is no synced read
			o.synced = false
		}
	}
	h, body, err := s.reply(s.xid)
	if err != nil {
		return err
	}
	o.ret, o.zxid = s.load.now(), h.Zxid
	if err := decodeAnswer(o, h.Err, body); err != nil {
		o.ret, o.zxid, o.outcome = never, 0, outcomeUnknown
		return err
	}
	if o.watch {
		s.watching(o)
	}
	return nil
}

// watching remembers the watch that an answered read has left.
func (s *session) watching(o *operation) {
	switch {
	case o.kind == kindExists && o.code == wire.ErrNoNode:
		s.watches.absent[o.path] = true
	case !o.ok():
		o.watch = false
	case o.kind == kindChildren:
		s.watches.child[o.path] = true
	default:
		s.watches.data[o.path] = true
	}
}

// close ends the session and records it if a server said so.
func (s *session) close(ctx context.Context) {
	if s.id == 0 {
		s.drop()
		return
	}
	for ctx.Err() == nil {
		if err := s.connect(ctx, false); err != nil {
			if errors.Is(err, errExpired) {
				return
			}
			continue
		}
		s.xid++
		_ = s.nc.SetDeadline(time.Now().Add(s.patience()))
		s.out = appendFrame(s.out[:0], s.xid, wire.OpCloseSession, func(dst []byte) []byte { return dst })
		if _, err := s.nc.Write(s.out); err == nil {
			if h, _, err := s.reply(s.xid); err == nil && h.Err == wire.OK {
				s.drop()
				s.told(kindClosed)
				return
			}
		}
		s.drop()
	}
}
