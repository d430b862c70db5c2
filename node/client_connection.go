package node

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zabkeeper/zabkeeper/node/auth"
	"github.com/zabkeeper/zabkeeper/socket"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// sequenceBits is how many low bits of a request number count the requests of
// one connection; the rest is the connection's number.
const sequenceBits = 16

// clientConn is one client connection. Its goroutine reads and decodes; replies
// are put into out by that goroutine and by the loop, always in the order of
// the requests.
type clientConn struct {
	n      *Node
	id     uint64
	nc     net.Conn
	raw    syscall.RawConn // nil where the connection is not a bare socket
	sender *socket.Sender  // of the one who set flushing
	host   string          // the client's address without the port
	known  auth.Connection // complete before the handshake of the session
	opened time.Time

	active atomic.Bool // a frame came in since the last touch
	asked  atomic.Bool // for a four-letter word

	// Fixed before the first request of the session is decoded.
	session   atomic.Uint64
	timeoutMs int32
	password  [wire.PasswordBytes]byte

	mu     sync.Mutex
	resume *sync.Cond // for the reader, when it has to wait
	reader tree.Reader
	idList []tree.Identity
	// admitted is false while authentication is enforced and has not succeeded.
	admitted  bool
	saslLogin auth.Login
	// queue holds requests that wait: a write for its transaction, and
	// everything behind it for its turn.
	queue     requestQueue
	sequence  uint64
	large     int // bytes of the request at hand, where it is a large one
	syncs     int // of kind waitSync in queue
	out       []byte
	flushing  bool // somebody is writing to the socket
	dirty     bool // the flusher knows about it
	closing   bool // close once everything is written
	closed    bool
	throttled bool // the reader waits for output to drain
	connected bool // the session is established
	reading   bool // the reader is in a batch and will flush itself
	largeSaid bool // that a reply was too large

	local       bool      // the session is this server's alone
	readOnly    bool      // there was no leader when it began
	leaving     bool      // it ends in turn; nothing behind that is answered
	hasReadOnly bool      // the client asked with the read-only byte
	work        batchWork // the reader\'s own

	stats connStats
}

// connStats is what cons and stat tell of a connection. c.mu guards it.
type connStats struct {
	received, sent uint64
	lastOp         wire.OpCode
	lastXid        int32
	lastZxid       zxid.Zxid
	lastResponse   int64 // monotonic, ns
	latency        latency
	lastLatency    time.Duration
}

// requestKind says what a waiting request waits for.
type requestKind uint8

const (
	waitWrite requestKind = iota // its transaction
	waitSync                     // its read grant
	waitTurn                     // everything before it
	waitHand                     // a write: to be handed on when no sync is before it
)

// request is one entry of a connection's queue.
type request struct {
	kind     requestKind
	done     bool // waitSync: granted, but not at the head yet
	xid      int32
	op       wire.OpCode
	sequence uint64
	code     wire.ErrorCode // waitTurn: an answer known already; OK to execute body
	at       int64          // arrival, for the latency
	body     []byte
	large    int // bytes it counts as a large request
}

// requestQueue is a queue that keeps its memory while it is in use.
type requestQueue struct {
	items []request
	head  int
}

func (q *requestQueue) len() int { return len(q.items) - q.head }

func (q *requestQueue) push(r request) { q.items = append(q.items, r) }

func (q *requestQueue) first() *request { return &q.items[q.head] }

func (q *requestQueue) pop() {
	q.items[q.head] = request{}
	q.head++
	switch {
	case q.head == len(q.items) && cap(q.items) > 64:
		q.items, q.head = nil, 0
	case q.head == len(q.items):
		q.items, q.head = q.items[:0], 0
	case q.head > 256 && q.head*2 > len(q.items):
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
}

func newClientConn(n *Node, id uint64, nc net.Conn) *clientConn {
	c := &clientConn{n: n, id: id, nc: nc, raw: socket.Raw(nc), sender: socket.NewSender(nc), host: hostOf(nc.RemoteAddr()), opened: time.Now()}
	c.resume = sync.NewCond(&c.mu)
	c.known.Address = c.host
	c.addIdentities([]tree.Identity{{Scheme: "ip", ID: c.host}})
	c.reader.Settings = n.opt.Settings
	return c
}

func hostOf(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap().WithZone("").String()
	}
	return a.String()
}

// closeWhenWritten closes the connection as soon as everything that is in out
// has been written. c.mu is held.
func (c *clientConn) closeWhenWritten() {
	c.closing = true
	c.resume.Broadcast()
	if len(c.out) == 0 && !c.flushing {
		c.finish()
	}
}

// finish ends the writing side in order: what the client sent meanwhile is
// drained by the reader, so that no reset overtakes the last reply. c.mu is
// held.
func (c *clientConn) finish() {
	if c.closed {
		return
	}
	c.closed = true
	c.resume.Broadcast()
	if t, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = t.CloseWrite()
		_ = c.nc.SetReadDeadline(time.Now().Add(lingerTimeout))
		return
	}
	_ = c.nc.Close()
}

// lingerTimeout is how long a closed connection's last bytes are read.
const lingerTimeout = time.Second

// abort closes the connection at once. What it had under way gives its room to
// others: their readers, and its own, may be waiting for that.
func (c *clientConn) abort() {
	c.mu.Lock()
	c.closing, c.closed = true, true
	c.resume.Broadcast()
	writes := 0
	for ; c.queue.len() > 0; c.queue.pop() {
		if c.queue.first().kind == waitWrite {
			writes++
		}
		c.leaveLarge(&c.queue.first().large)
	}
	c.leaveLarge(&c.large)
	c.mu.Unlock()
	c.n.admission.leave(writes)
	_ = c.nc.Close()
}
