package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/zabkeeper/zabkeeper/election"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// The bounds of the transport.
const (
	FrameBytesMax         = 20 << 20  // a frame with one record of the longest kind
	ElectionFrameBytesMax = 64 << 10  // a frame on server_port
	HelloFrameBytesMax    = 256 << 10 // a hello with its node table
	MessagesPerFrameMax   = 4096      // bounds what the messages of one frame occupy in memory
	LinkQueueBytesMax     = 64 << 20  // what waits on one link before it is closed (B9)
	SnapshotChunkBytes    = 256 << 10 // pings get in between chunks (T2)
	SnapshotWindowBytes   = 2 << 20   // what a snapshot's receiver has not written yet

	batchBytes         = 1 << 20 // one write on a link, so that a ping waits for no more than this
	urgentMax          = 256     // pings and pongs that wait on one link
	electionQueueMax   = 64
	handshakesMax      = 64 // accepted connections that have not introduced themselves
	dialTimeout        = time.Second
	handshakeTimeout   = 5 * time.Second
	electionTimeout    = 2 * time.Second // an election connection without progress is dialled anew
	closeTimeout       = 100 * time.Millisecond
	acceptRetryDelay   = 50 * time.Millisecond
	backoffMin         = 20 * time.Millisecond
	backoffMax         = 500 * time.Millisecond
	steadyAfter        = time.Second // a connection that lasted this long resets the back-off
	readBufferBytes    = 64 << 10
	messageOverhead    = 64      // what a queued message counts besides its bytes
	deliveryBytesMax   = 4 << 20 // one call of Handler.Messages
	encodeBufferKept   = 2 << 20 // a longer encode buffer is given back
	cutBytes           = 4 << 10 // byte strings from here on are not copied into the encode buffer
	snapshotChunksHeld = SnapshotWindowBytes/SnapshotChunkBytes + 3
)

// The reasons for which connections end.
var (
	ErrClosed    = errors.New("peer: transport is closed")
	ErrLinkEnded = errors.New("peer: link was closed by this server")
	ErrReplaced  = errors.New("peer: the same server opened a newer link")
	ErrQueueFull = errors.New("peer: the other server does not read fast enough")
	ErrTooLong   = errors.New("peer: too long")
	ErrChecksum  = errors.New("peer: wrong checksum")
	ErrMalformed = errors.New("peer: malformed")
	ErrProtocol  = errors.New("peer: message out of place")
	ErrHello     = errors.New("peer: hello refused")
)

// Options are fixed for the life of a Transport.
type Options struct {
	Self        zxid.ServerID
	Incarnation zab.Incarnation
	Boot        uint64
	// Cluster returns the cluster id, zero while it is unknown; nil is always
	// zero. It is called for every hello, from goroutines of the transport.
	Cluster   func() [16]byte
	TableHash uint64
	TableText string
	// Row is this server's line of /zookeeper/config, for servers that do not
	// know it yet.
	Row   string
	Peers []Peer
	// Guest says why a server that is no peer is not let in; nil lets it in. It
	// is called for every such hello, from goroutines of the transport. Where it
	// is missing nobody is let in.
	Guest func(h *Hello) error

	// The addresses to bind. A listener that is given is used instead, and
	// closed by Close; with neither, the port does not exist.
	ServerListen, LeaderListen     string
	ServerListener, LeaderListener net.Listener

	Handler Handler
	Log     zerolog.Logger
	// Dial replaces the network in tests; nil is a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Handler takes what the other servers send. It is called from the goroutines
// of the transport, which read nothing else meanwhile, so it must not block for
// long, and it must not call Close.
type Handler interface {
	ElectionMessage(m *election.Message)
	// Refused reports that id's host answered and its server_port did not, so
	// the process is gone. It is repeated for every attempt.
	Refused(id zxid.ServerID)
	// PeerHello reports every hello, also those that are turned away: then
	// h.Refused says why.
	PeerHello(h Hello)
	// HearingEnded reports that the last connection of server id to this one's
	// server_port is gone.
	HearingEnded(id zxid.ServerID)
	// LinkUp comes before anything else of a link.
	LinkUp(id zab.LinkID, peer zxid.ServerID, inc zab.Incarnation)
	// LinkDown comes exactly once, after everything else of a link, also when
	// this server closed it.
	LinkDown(id zab.LinkID, why error)
	// DialFailed answers Transport.Dial when there is no link.
	DialFailed(id zxid.ServerID, refused bool)
	// Messages brings everything one read found, in order. The slice belongs
	// to the transport when the call returns, the messages to the handler.
	Messages(id zab.LinkID, m []*zab.Message)
	// SnapshotBegin and the sink are called from a goroutine of their own, so
	// they may wait for the disk. Messages that were sent behind the snapshot
	// come after Finish has returned; pings and pongs come meanwhile.
	SnapshotBegin(id zab.LinkID, z zxid.Zxid, size int64) (SnapshotSink, error)
}

// SnapshotSink takes the bytes of a snapshot. Exactly one of Finish and Abort is
// called, before the link's LinkDown. An error of Write or Finish closes the
// link.
type SnapshotSink interface {
	Write(p []byte) (int, error)
	// Finish has all bytes and verifies them.
	Finish() error
	Abort()
}

// Stats counts what the transport did since it started.
type Stats struct {
	FramesSent, FramesReceived uint64
	BytesSent, BytesReceived   uint64
	FramesBad                  uint64 // wrong length, checksum or content: the connection was closed
	MessagesUnknown            uint64 // of kinds this version does not know
	ElectionDropped            uint64 // election messages that found their queue full or their peer away
	HellosRefused              uint64
	DialsFailed                uint64
	LinksOverflowed            uint64
	Links                      int // open now
}

type counters struct {
	framesSent, framesReceived, bytesSent, bytesReceived atomic.Uint64
	framesBad, messagesUnknown, electionDropped          atomic.Uint64
	hellosRefused, dialsFailed, linksOverflowed          atomic.Uint64
}

// Transport is the connections to all other servers.
type Transport struct {
	opt    Options
	roster atomic.Pointer[roster]
	server net.Listener
	leader net.Listener
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	slots  chan struct{} // one token per handshake of an accepted connection
	count  counters
	lastID atomic.Uint64

	mu       sync.Mutex
	closed   bool
	links    map[zab.LinkID]*link
	accepted map[zxid.ServerID]*link    // the newest link each peer opened
	hearing  map[zxid.ServerID]net.Conn // the newest election connection of each peer
	dialling map[zxid.ServerID]bool
}

// Start opens the ports and begins to connect to every peer's server_port.
func Start(o Options) (*Transport, error) {
	if o.Cluster == nil {
		o.Cluster = func() (unknown [16]byte) { return }
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	t := &Transport{opt: o,
		server: o.ServerListener, leader: o.LeaderListener, slots: make(chan struct{}, handshakesMax),
		links: map[zab.LinkID]*link{}, accepted: map[zxid.ServerID]*link{}, hearing: map[zxid.ServerID]net.Conn{},
		dialling: map[zxid.ServerID]bool{}}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.roster.Store(&roster{})
	var err error
	if t.server, err = listen(t.server, o.ServerListen, "server_port"); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	if t.leader, err = listen(t.leader, o.LeaderListen, "leader_port"); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	t.SetPeers(o.Peers)
	if t.server != nil {
		t.spawn(func() { t.accept(t.server, portServer, t.hear) })
	}
	if t.leader != nil {
		t.spawn(func() { t.accept(t.leader, portLeader, t.linkAccepted) })
	}
	return t, nil
}

func listen(given net.Listener, address, port string) (net.Listener, error) {
	if given != nil || address == "" {
		return given, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("peer: %s %s of this server's row: %w", port, address, err)
	}
	return l, nil
}

// SendElection queues m for server to; it never blocks. What waits for a peer
// that is away is dropped.
func (t *Transport) SendElection(to zxid.ServerID, m *election.Message) {
	if s := t.roster.Load().senders[to]; s != nil {
		s.push(m)
	}
}

// Dial connects to the leader_port of server to. The answer is Handler.LinkUp or
// Handler.DialFailed; while one is outstanding another Dial of the same server
// does nothing.
func (t *Transport) Dial(to zxid.ServerID) {
	t.mu.Lock()
	busy := t.dialling[to]
	t.dialling[to] = true
	t.mu.Unlock()
	if busy {
		return
	}
	t.spawn(func() { t.dialLeader(to) })
}

func (t *Transport) dialLeader(to zxid.ServerID) {
	var conn *connection
	var h Hello
	err := fmt.Errorf("peer: server %d is not known", to)
	for _, address := range t.roster.Load().peers[to].leaderAddresses() {
		if conn, h, err = t.connect(to, address, portLeader); err == nil {
			break
		}
	}
	t.mu.Lock()
	delete(t.dialling, to)
	t.mu.Unlock()
	if err != nil {
		t.opt.Log.Debug().Uint32("peer", uint32(to)).Err(err).Msg("leader_port did not answer")
		t.opt.Handler.DialFailed(to, isRefused(err))
		return
	}
	t.runLink(newLink(t, conn, h), false)
}

// Send queues messages on a link, in order; it never blocks. Everything that
// waits goes out in one write. Pings and pongs overtake the rest (T2). The slice
// is the caller's again when the call returns; what the messages refer to must
// not change any more.
func (t *Transport) Send(id zab.LinkID, m []zab.Message) {
	if l := t.link(id); l != nil && l.send(m) {
		l.signal()
	}
}

// SendNow is Send for when little is under way: it writes to the socket itself,
// as far as that takes it without waiting, and spares the wake-up of the link's
// writer.
func (t *Transport) SendNow(id zab.LinkID, m []zab.Message) {
	if l := t.link(id); l != nil && l.send(m) {
		l.push()
	}
}

// SendSnapshot queues a snapshot on a link, in order with its messages. done is
// called once, from a goroutine of the transport: with nil when the receiver's
// sink has finished, so r is not read any more and the receiver has it all.
func (t *Transport) SendSnapshot(id zab.LinkID, z zxid.Zxid, r io.ReaderAt, size int64, done func(error)) {
	if l := t.link(id); l == nil || !l.sendSnapshot(newOutgoing(z, r, size, done)) {
		if !t.spawn(func() { done(ErrLinkEnded) }) {
			done(ErrClosed)
		}
	}
}

// CloseLink ends a link when what is queued was written, or after 100 ms.
func (t *Transport) CloseLink(id zab.LinkID) {
	if l := t.link(id); l != nil {
		l.drain(ErrLinkEnded)
	}
}

// Close ends all connections, within 100 ms or little more, and waits for every
// goroutine. Handler calls may still come until it returns.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	links := make([]*link, 0, len(t.links))
	for _, l := range t.links {
		links = append(links, l)
	}
	t.mu.Unlock()
	t.cancel()
	for _, l := range links {
		l.drain(ErrClosed)
	}
	var err error
	for _, l := range []net.Listener{t.server, t.leader} {
		if l != nil {
			if e := l.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
				err = errors.Join(err, e)
			}
		}
	}
	t.wg.Wait()
	return err
}

// Stats returns the counters.
func (t *Transport) Stats() Stats {
	t.mu.Lock()
	links := len(t.links)
	t.mu.Unlock()
	c := &t.count
	return Stats{FramesSent: c.framesSent.Load(), FramesReceived: c.framesReceived.Load(),
		BytesSent: c.bytesSent.Load(), BytesReceived: c.bytesReceived.Load(), FramesBad: c.framesBad.Load(),
		MessagesUnknown: c.messagesUnknown.Load(), ElectionDropped: c.electionDropped.Load(),
		HellosRefused: c.hellosRefused.Load(), DialsFailed: c.dialsFailed.Load(),
		LinksOverflowed: c.linksOverflowed.Load(), Links: links}
}

// spawn runs f in a goroutine that Close waits for; after Close it does nothing.
func (t *Transport) spawn(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.wg.Go(f)
	return true
}

func (t *Transport) link(id zab.LinkID) *link {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.links[id]
}
