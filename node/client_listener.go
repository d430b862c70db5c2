package node

import (
	"errors"
	"net"
	"sync"
	"time"
)

// clientTable knows every client connection, for limits, the four-letter words
// and the end.
type clientTable struct {
	mu     sync.Mutex
	next   uint64
	conns  map[uint64]*clientConn
	byHost map[string]int
	closed bool
	wg     sync.WaitGroup
}

func (t *clientTable) init() {
	t.conns = make(map[uint64]*clientConn)
	t.byHost = make(map[string]int)
}

// accept takes connections until the listener closes.
func (n *Node) accept() {
	for {
		nc, err := n.listener.Accept()
		if err != nil {
			select {
			case <-n.stop:
				return
			default:
			}
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors: those in use are worth more than a new one.
			n.log.Warn().Err(err).Msg("a client connection could not be accepted")
			select {
			case <-time.After(50 * time.Millisecond):
			case <-n.stop:
				return
			}
			continue
		}
		n.admit(nc)
	}
}

// admit starts serving a connection, or closes it where a limit is reached.
func (n *Node) admit(nc net.Conn) {
	t := &n.clients
	t.mu.Lock()
	defer t.mu.Unlock()
	host := hostOf(nc.RemoteAddr())
	tooMany := n.opt.ClientsPerHost > 0 && t.byHost[host] >= n.opt.ClientsPerHost ||
		n.opt.ClientsMax > 0 && len(t.conns) >= n.opt.ClientsMax
	if tooMany || t.closed {
		n.counters.rejected.Add(1)
		_ = nc.Close()
		return
	}
	t.next++
	c := newClientConn(n, n.disk.Boot()<<connBits|t.next, nc)
	t.conns[c.id] = c
	t.byHost[host]++
	n.inbox.post(func() { n.loop.conns[c.id] = c })
	t.wg.Go(c.serve)
}

// connBits is how many low bits of a connection's number count the connections
// of one process; above them is the process, so that a reply in the log to an
// earlier process finds nobody.
const connBits = 28

// connectionGone forgets a connection that has ended.
func (n *Node) connectionGone(c *clientConn) {
	c.abort()
	t := &n.clients
	t.mu.Lock()
	delete(t.conns, c.id)
	if t.byHost[c.host]--; t.byHost[c.host] <= 0 {
		delete(t.byHost, c.host)
	}
	t.mu.Unlock()
	n.inbox.post(func() { n.forget(c) })
}

// closeServed closes every connection, because this server does not serve any
// more. Their sessions live on; the clients go elsewhere.
func (t *clientTable) closeServed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.conns {
		c.abort()
	}
}

// dismissServed lets every client go once it has what it was answered: the last
// may be that its server is no member any more.
func (t *clientTable) dismissServed() {
	t.each(func(c *clientConn) { c.dismiss() })
}

func (t *clientTable) closeAll() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.closeServed()
}

func (t *clientTable) wait() { t.wg.Wait() }

// each calls fn for every connection, in no particular order.
func (t *clientTable) each(fn func(*clientConn)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.conns {
		fn(c)
	}
}

func (t *clientTable) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.conns)
}
