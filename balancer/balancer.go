package balancer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

var (
	// ErrOptions reports unusable Options.
	ErrOptions = errors.New("bad balancer options")
	// ErrUnknownServer says that no server has that number.
	ErrUnknownServer = errors.New("no server has that number")
)

// Server is a server of the cluster: its number and where clients connect.
type Server struct {
	ID      uint32
	Address string
}

// Options says what to route to. Only Servers is needed.
type Options struct {
	Servers []Server
	// Follow has the router go with the cluster's membership: servers that join
	// get clients, the clients of servers that leave go elsewhere. Without it
	// the servers stay those above. ConfigVersion is the configuration that they
	// come from, as Discover returns it.
	Follow        bool
	ConfigVersion uint64
	// Expected is how many servers have to be healthy before clients are
	// served; 0 is a majority.
	Expected int
	// ProbeInterval is the time between two probes of a server, 0 for 500 ms;
	// ProbeTimeout is how long one may take, 0 for 1 s.
	ProbeInterval, ProbeTimeout time.Duration
	// HandshakeTimeout is how long a client may take for its first frame, 0 for
	// 10 s.
	HandshakeTimeout time.Duration
	// ClientsMax bounds the connections, 0 for 10000.
	ClientsMax int
	Log        zerolog.Logger
}

// Balancer routes. New makes it, Serve runs it.
type Balancer struct {
	o      Options
	log    zerolog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	open   sync.WaitGroup // probes and connections
	slots  chan struct{}

	mu       sync.Mutex
	backends []*backend // by number
	version  uint64     // of the configuration they come from
	changed  chan struct{}
	sessions sessions
	serving  bool
	refused  uint64 // connections that could not be routed
}

// New checks o and begins to probe.
func New(o Options) (*Balancer, error) {
	if len(o.Servers) == 0 {
		return nil, fmt.Errorf("%w: no servers", ErrOptions)
	}
	if o.Expected == 0 {
		o.Expected = len(o.Servers)/2 + 1
	}
	if o.Expected < 0 || o.Expected > len(o.Servers) {
		return nil, fmt.Errorf("%w: %d servers expected, there are %d", ErrOptions, o.Expected, len(o.Servers))
	}
	withDefault(&o.ProbeInterval, 500*time.Millisecond)
	withDefault(&o.ProbeTimeout, time.Second)
	withDefault(&o.HandshakeTimeout, 10*time.Second)
	if o.ClientsMax <= 0 {
		o.ClientsMax = 10_000
	}
	b := &Balancer{o: o, log: o.Log, slots: make(chan struct{}, o.ClientsMax), changed: make(chan struct{}), sessions: newSessions()}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.version = o.ConfigVersion
	for _, s := range o.Servers {
		if b.find(s.ID) != nil || s.Address == "" {
			b.cancel()
			return nil, fmt.Errorf("%w: server %d at %q: numbers are unique, and an address is needed", ErrOptions, s.ID, s.Address)
		}
		b.backends = append(b.backends, b.newBackend(s))
	}
	for _, s := range b.backends {
		b.open.Go(func() { b.watch(s) })
	}
	return b, nil
}

func withDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// AwaitExpected returns when the expected number of servers is healthy, or ctx
// ends. Nothing should listen for clients before.
func (b *Balancer) AwaitExpected(ctx context.Context) error {
	for {
		b.mu.Lock()
		healthy, changed := 0, b.changed
		for _, s := range b.backends {
			if s.healthy {
				healthy++
			}
		}
		b.mu.Unlock()
		if healthy >= b.o.Expected {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d expected servers are up: %w", healthy, b.o.Expected, ctx.Err())
		}
	}
}

// Serve routes the connections of l until Close, or until l fails.
func (b *Balancer) Serve(l net.Listener) error {
	defer context.AfterFunc(b.ctx, func() { _ = l.Close() })()
	b.setServing(true)
	defer b.setServing(false)
	for {
		nc, err := l.Accept()
		switch {
		case b.ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // such as no file descriptor: it may pass
			b.log.Warn().Err(err).Msg("accept")
			select {
			case <-time.After(100 * time.Millisecond):
			case <-b.ctx.Done():
			}
			continue
		}
		select {
		case b.slots <- struct{}{}:
			b.open.Go(func() {
				defer func() { <-b.slots }()
				b.handle(nc)
			})
		default:
			b.refuse(nc, "too many connections")
		}
	}
}

func (b *Balancer) setServing(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.serving = on
}

// refuse hangs up on a client that can't be routed; it will try again.
func (b *Balancer) refuse(nc net.Conn, why string) {
	b.mu.Lock()
	b.refused++
	b.mu.Unlock()
	b.log.Warn().Str("client", nc.RemoteAddr().String()).Str("why", why).Msg("client refused")
	_ = nc.Close()
}

// Close ends all connections and returns when nothing of b runs.
func (b *Balancer) Close() {
	b.cancel()
	b.mu.Lock()
	for _, s := range b.backends {
		s.hangUp()
	}
	b.mu.Unlock()
	b.open.Wait()
}

// find returns a server by its number. The caller holds b.mu, or is New.
func (b *Balancer) find(id uint32) *backend {
	for _, s := range b.backends {
		if s.id == id {
			return s
		}
	}
	return nil
}

// tell wakes those who wait for a change. The caller holds b.mu.
func (b *Balancer) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}
