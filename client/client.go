package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// outstandingMax bounds the requests of one client that wait for an answer.
const outstandingMax = 10_000

// Client is one session. Make it with Dial; end it with Close.
type Client struct {
	opt  Options
	ctx  context.Context // ends when the client's goroutines must
	stop context.CancelFunc
	done chan struct{} // closed when they have ended

	first     chan struct{} // closed by the first connection
	slots     chan struct{} // one token for every request under way
	wake      chan struct{} // tells the writer that the queue is not empty
	watchGate chan struct{} // one caller at a time changes persistent watches
	onState   func(StateChange)
	servers   []string // in the order they are tried

	requests sync.Pool // finished ones, for reuse

	mu       sync.Mutex
	state    State
	server   string
	lastErr  error // of the last attempt to connect
	final    error // set once, never cleared: why no request can succeed
	closing  bool
	queue    []*request // not sent yet
	prime    []*request // sent before queue on a new connection
	sent     fifo       // sent, in the order of their answers
	authSent fifo       // likewise, for authentication: answered out of order
	auths    []credential
	logins   []SASL
	watches  registry
	xid      int32

	limited         bool // nothing is sent before the server was told how long answers may be
	extensionsAsked bool // on this connection
	extensionsKnown bool // the server of this connection has said what it has
	extensions      Extensions

	better    string // a server with a leader, while connected to one without
	guest     bool   // the session is of a read-only server
	sessionID int64
	password  [wire.PasswordBytes]byte
	timeout   time.Duration
	lastZxid  int64
}

type credential struct {
	scheme string
	auth   []byte
}

// Dial returns when a session is established or ctx ends. The session does not
// depend on ctx afterwards.
func Dial(ctx context.Context, o Options) (*Client, error) {
	limited := o.ReplyBytesMax > 0
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	c := &Client{
		opt: o, onState: o.OnState, servers: slices.Clone(o.Servers), timeout: o.SessionTimeout, limited: limited,
		done: make(chan struct{}), first: make(chan struct{}), wake: make(chan struct{}, 1),
		slots: make(chan struct{}, outstandingMax), watchGate: make(chan struct{}, 1),
	}
	if o.SASL != nil {
		c.logins = []SASL{*o.SASL}
	}
	c.watches.init(o.WatchEventsMax)
	rand.Shuffle(len(c.servers), func(i, j int) { c.servers[i], c.servers[j] = c.servers[j], c.servers[i] })
	c.ctx, c.stop = context.WithCancel(context.Background())
	go c.run()
	select {
	case <-c.first:
		return c, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-c.done:
		err = c.finalError()
	}
	c.stop()
	<-c.done
	if c.lastErr != nil {
		return nil, fmt.Errorf("connect to %v: %w: %w", o.Servers, err, c.lastErr)
	}
	return nil, fmt.Errorf("connect to %v: %w", o.Servers, err)
}

// Close ends the session, so that its ephemeral nodes go at once, and the
// client. Requests under way finish first. When no server can be told before
// ctx or the session timeout ends, Close still ends the client and returns an
// error: the session then lives until it expires.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	if c.closing || c.final != nil { // ended, or another call is at it
		c.mu.Unlock()
		select {
		case <-c.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.closing = true
	timeout := c.timeout
	c.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := ErrConnectionLoss.Err()
	for errors.Is(err, ErrConnectionLoss) {
		req := c.newRequest(wire.OpCloseSession)
		req.then = func(_ []byte, err error) {
			if err == nil {
				c.final = ErrClosed
			}
		}
		_, err = c.do(ctx, req)
	}
	c.stop()
	<-c.done
	if err != nil && !errors.Is(err, ErrSessionExpired) { // expired: the lost answer was a yes
		return &OpError{Op: "close", Err: fmt.Errorf("session 0x%x was left to expire: %w", uint64(c.sessionID), err)}
	}
	return nil
}

// Done is closed when the client has ended: closed, expired or refused.
func (c *Client) Done() <-chan struct{} { return c.done }

// State returns where the session stands.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Server returns the address of the connection, or of the last one.
func (c *Client) Server() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.server
}

// SessionID returns the number of the session. One that began on a read-only
// server is replaced when a server with a leader is found.
func (c *Client) SessionID() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sessionID
}

// SessionTimeout returns what the server granted.
func (c *Client) SessionTimeout() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.timeout
}

// LastZxid returns the newest transaction the session has seen in an answer.
func (c *Client) LastZxid() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastZxid
}

func (c *Client) finalError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.final
}

// setState records and tells a change. Only run's goroutine calls it, which
// keeps the calls of OnState in order.
func (c *Client) setState(s State, server string, err error) {
	c.mu.Lock()
	c.state, c.server = s, server
	if err != nil && c.ctx.Err() == nil { // what giving up caused explains nothing
		c.lastErr = err
	}
	c.mu.Unlock()
	c.onState(StateChange{State: s, Server: server, Err: err})
}
