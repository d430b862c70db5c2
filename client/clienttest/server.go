package clienttest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/zabkeeper/zabkeeper/sasl"
	"github.com/zabkeeper/zabkeeper/wire"
)

// Action is what the server does with a request.
type Action int

// The actions: answer as usual; hang up before or after doing what was asked;
// never answer this or anything that follows on the connection.
const (
	Answer Action = iota
	DropBefore
	DropAfter
	Ignore
)

// Request is what a test sees of a request.
type Request struct {
	Op   wire.OpCode
	Path string // of the requests that begin with one
	Body []byte
}

// Server is the server. New makes it.
type Server struct {
	mu       sync.Mutex
	tree     tree
	sessions map[int64]bool
	conns    map[*conn]struct{}
	refusing bool
	decide   func(Request) Action
	words    map[string]string
	users    *sasl.DigestMD5
	open     sync.WaitGroup
	lastID   int64
	timeout  int32
	holding  bool // inside a multi: events wait in held
	held     []wire.WatcherEvent
}

// New returns a server with an empty tree.
func New() *Server {
	return &Server{tree: newTree(), sessions: map[int64]bool{}, conns: map[*conn]struct{}{}, decide: func(Request) Action { return Answer }, words: map[string]string{},
		users: sasl.NewDigestMD5(nil)}
}

// Dial connects to the server, whatever the address.
func (s *Server) Dial(_ context.Context, _, _ string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusing {
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	s.start(far)
	return near, nil
}

// Listen serves a port of the loopback address, which it returns, until stop
// is called.
func (s *Server) Listen() (addr string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s.open.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			if s.refusing {
				_ = nc.Close()
			} else {
				s.start(nc)
			}
			s.mu.Unlock()
		}
	})
	return l.Addr().String(), func() {
		_ = l.Close()
		s.Close()
	}, nil
}

// Close hangs up on everyone and returns when nothing of the server runs.
func (s *Server) Close() {
	s.Refuse(true)
	s.Drop()
	s.open.Wait()
}

// Refuse makes the server refuse new connections, or take them again.
func (s *Server) Refuse(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusing = on
}

// Drop hangs up on everyone.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.nc.Close()
	}
}

// Expire ends every session and hangs up.
func (s *Server) Expire() {
	s.mu.Lock()
	for id := range s.sessions {
		s.endSession(id)
	}
	s.mu.Unlock()
	s.Drop()
}

// Decide sets what is asked about every request; nil answers all.
func (s *Server) Decide(f func(Request) Action) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == nil {
		f = func(Request) Action { return Answer }
	}
	s.decide = f
}

// GrantTimeout makes the server grant this session timeout in place of the one
// that is asked for.
func (s *Server) GrantTimeout(ms int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timeout = ms
}

// Word sets the answer to a four-letter word.
func (s *Server) Word(word, answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.words[word] = answer
}

// Users sets the passwords of those who can log in with SASL.
func (s *Server) Users(passwords map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = sasl.NewDigestMD5(passwords)
}

// Sessions returns how many sessions are open.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Data returns the data of a znode and whether there is one.
func (s *Server) Data(path string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.tree.nodes[path]
	if n == nil {
		return "", false
	}
	return string(n.data), true
}

// conn is one connection. Everything below nc is guarded by Server.mu.
type conn struct {
	s       *Server
	nc      net.Conn
	session int64
	ids     []wire.ID
	out     [][]byte
	wake    chan struct{}
	closing bool // after what is in out
	mute    bool
	watches watches
	login   sasl.Conversation
}

func (s *Server) start(nc net.Conn) {
	c := &conn{s: s, nc: nc, wake: make(chan struct{}, 1), watches: newWatches(), ids: []wire.ID{{Scheme: "ip", ID: "127.0.0.1"}}}
	s.conns[c] = struct{}{}
	ended := make(chan struct{})
	s.open.Go(func() { c.write(ended) })
	s.open.Go(func() {
		c.read()
		s.mu.Lock()
		c.closing = true
		delete(s.conns, c)
		s.mu.Unlock()
		close(ended)
	})
}

func (c *conn) write(ended <-chan struct{}) {
	defer c.nc.Close() //nolint:errcheck // the client notices
	for {
		c.s.mu.Lock()
		out, closing := c.out, c.closing
		c.out = nil
		c.s.mu.Unlock()
		for _, frame := range out {
			if _, err := c.nc.Write(frame); err != nil {
				return
			}
		}
		if closing {
			return
		}
		select {
		case <-c.wake:
		case <-ended:
		}
	}
}

// send queues bytes; the caller holds Server.mu.
func (c *conn) send(b []byte) {
	c.out = append(c.out, b)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *conn) read() {
	in := bufio.NewReader(c.nc)
	var head [4]byte
	for first := true; ; first = false {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		if first {
			if word, ok := wire.FourLetterWord(head); ok {
				c.word(word)
				return
			}
		}
		n, ok := wire.FrameLength(head, wire.FrameBytesMax)
		if !ok {
			return
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		if first {
			ok = c.connect(body)
		} else {
			ok = c.handle(body)
		}
		if !ok {
			return
		}
	}
}

func (c *conn) word(word string) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	answer, ok := c.s.words[word]
	if !ok {
		answer = word + " is not executed because it is not in the whitelist.\n"
	}
	c.send([]byte(answer))
}

func (c *conn) connect(body []byte) bool {
	var hello wire.ConnectRequest
	r := wire.NewReader(body)
	if hello.Decode(&r); !r.OK() {
		return false
	}
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := wire.ConnectResponse{HasReadOnly: hello.HasReadOnly}
	switch {
	case hello.SessionID == 0:
		s.lastID++
		c.session = s.lastID
		s.sessions[c.session] = true
	case s.sessions[hello.SessionID]:
		c.session = hello.SessionID
	}
	if c.session != 0 {
		answer.SessionID, answer.TimeoutMs = c.session, hello.TimeoutMs
		if s.timeout != 0 {
			answer.TimeoutMs = s.timeout
		}
	}
	c.send(wire.EndFrame(answer.Append(wire.BeginFrame(nil)), 0))
	return c.session != 0
}

// endSession removes a session and what it owns.
func (s *Server) endSession(id int64) {
	delete(s.sessions, id)
	for _, path := range s.tree.ephemerals(id) {
		s.tree.remove(path)
		s.fire(wire.EventNodeDeleted, path)
	}
}
