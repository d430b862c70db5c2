package history

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
)

const (
	clientsDefault = 20
	sessionDefault = 4 * time.Second
	paceDefault    = 12 * time.Millisecond // between two operations of one client
	stopTimeMax    = 30 * time.Second
)

// Options say what the load is made of.
type Options struct {
	Clients int           // 20 unless told
	Session time.Duration // the timeout that clients ask for; 4 s unless told
	Seed    uint64        // which clients do what
	// Dial connects to an address; net.Dialer unless told.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Load is a set of clients at work.
type Load struct {
	o         Options
	addresses []string
	root      string
	start     time.Time
	ctx       context.Context
	cancel    context.CancelFunc
	clients   sync.WaitGroup

	mu       sync.Mutex
	answered []time.Duration
	unknown  int
	acked    map[string]string
}

// Start starts clients that work until Stop, whatever happens to the servers.
func Start(addresses []string, o Options) *Load {
	if o.Clients == 0 {
		o.Clients = clientsDefault
	}
	if o.Session == 0 {
		o.Session = sessionDefault
	}
	if o.Dial == nil {
		var d net.Dialer
		o.Dial = func(ctx context.Context, address string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }
	}
	now := time.Now()
	l := &Load{o: o, addresses: addresses, root: fmt.Sprintf("/history-%x", now.UnixNano()), start: now, acked: map[string]string{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	for i := range o.Clients {
		l.clients.Go(func() { l.work(i) })
	}
	return l
}

func (l *Load) work(i int) {
	r := rand.New(rand.NewPCG(l.o.Seed, uint64(i)))
	path := fmt.Sprintf("%s-register-%d", l.root, i)
	tick := time.NewTicker(paceDefault)
	defer tick.Stop()
	var c *client.Client
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-l.ctx.Done():
			if c != nil {
				ctx, cancel := context.WithTimeout(context.Background(), stopTimeMax)
				_ = c.Close(ctx)
				cancel()
			}
			return
		}
		if c == nil {
			var err error
			if c, err = l.dial(); err != nil {
				continue
			}
			_, _ = c.Create(l.ctx, path, nil, client.CreateOptions{})
		}
		l.set(c, path, fmt.Sprintf("%d-%d-%d", i, n, r.Uint32()))
		select {
		case <-c.Done():
			c = nil
		default:
		}
	}
}

func (l *Load) dial() (*client.Client, error) {
	ctx, cancel := context.WithTimeout(l.ctx, 5*time.Second)
	defer cancel()
	return client.Dial(ctx, client.Options{Servers: l.addresses, SessionTimeout: l.o.Session,
		Dialer: func(ctx context.Context, _, address string) (net.Conn, error) { return l.o.Dial(ctx, address) }})
}

func (l *Load) set(c *client.Client, path, value string) {
	_, err := c.Set(l.ctx, path, []byte(value), client.AnyVersion)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.acked[path] = value
		l.answered = append(l.answered, time.Since(l.start))
	case errors.Is(err, client.ErrNoNode):
		l.answered = append(l.answered, time.Since(l.start))
	default:
		delete(l.acked, path)
		l.unknown++
	}
}

// Stop ends the clients, in bounded time, and returns what they saw.
func (l *Load) Stop() *History {
	seconds := time.Since(l.start).Seconds()
	l.cancel()
	l.clients.Wait()
	return &History{seconds: seconds, answered: l.answered, unknown: l.unknown, acked: l.acked}
}
