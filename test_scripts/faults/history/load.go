package history

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	clientsDefault = 20
	sessionDefault = 4 * time.Second
	paceDefault    = 12 * time.Millisecond // between two steps of one client
	closeTimeMax   = 5 * time.Second       // for a client to end its session
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
	start     time.Time
	ctx       context.Context
	cancel    context.CancelFunc
	parts     *parts
	owned     owned
	news      chan *part // what was written a moment ago
	workers   []*worker
	running   sync.WaitGroup
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
	l := &Load{o: o, addresses: slices.Clone(addresses), start: now, news: make(chan *part), parts: newParts(fmt.Sprintf("/history-%x", now.UnixNano()))}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	for i := range o.Clients {
		w := newWorker(l, i)
		l.workers = append(l.workers, w)
		l.running.Go(w.run)
	}
	return l
}

// now is the time of the record's only clock.
func (l *Load) now() time.Duration { return time.Since(l.start) }

// pause waits, or until the load stops, which it reports.
func (l *Load) pause(d time.Duration) (goOn bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// Stop ends the clients, in bounded time, and returns what they saw. Sessions
// that no server can be told about are left to expire.
func (l *Load) Stop() *History {
	worked := l.now()
	l.cancel()
	l.running.Wait()
	h := &History{seconds: worked.Seconds(), begun: l.start, session: l.o.Session, root: l.parts.root, parts: l.parts.all, dial: l.o.Dial}
	for _, w := range l.workers {
		h.journals = append(h.journals, w.journal)
	}
	return h
}
