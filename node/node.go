package node

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/zabkeeper/zabkeeper/election"
	"github.com/zabkeeper/zabkeeper/node/auth"
	"github.com/zabkeeper/zabkeeper/node/disk"
	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/peer"
	"github.com/zabkeeper/zabkeeper/socket"
	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Member is one server of the node table.
type Member struct {
	ID            zxid.ServerID
	Voter         bool
	ServerAddress string // election, host:port
	LeaderAddress string // broadcast, host:port
	// Row describes the server as /zookeeper/config shows it behind server.N=.
	Row string
}

// Options configure a Node. Zero values of limits and durations are replaced by
// WithDefaults.
type Options struct {
	ID      zxid.ServerID
	DataDir string
	FS      vfs.FS // nil for the operating system's
	Members []Member
	// Joining is this server where it is no member of Members yet: it follows
	// without a vote until it is added.
	Joining   Member
	TableHash uint64
	TableText string
	// TableDiffers is called with the table text of another server that is not
	// the same as this one's, while the cluster is being founded. It returns
	// the error to end with.
	TableDiffers func(server zxid.ServerID, text string) error

	ClientAddress string // host:port; port 0 for any
	Settings      tree.Settings

	TickMs            int32
	MinSessionMs      int32
	MaxSessionMs      int32
	HandshakeTimeout  time.Duration
	FrameBytesMax     int
	ReplyBytesMax     int // of reads of clients that name no limit of their own; 0 for none
	ClientsPerHost    int // 0 for no limit
	ClientsMax        int // 0 for no limit
	OutstandingMax    int // writes under way before clients are held back
	RequestsPerClient int // requests of one connection under way before it is not read

	LocalSessions      LocalSessions
	Throttle           Throttle
	ConnectionThrottle ConnectionThrottle
	// ReadOnly serves clients that ask for it while there is no leader.
	ReadOnly bool

	Reaping replica.Reaping

	SnapshotRecords int
	SnapshotBytes   int64
	SnapshotsKept   int
	SegmentBytes    int64

	FourLetterWords []string // "*" for all
	// Operators are the addresses whose clients may change the membership and
	// call elections without being asked who they are.
	Operators []netip.Prefix
	Reconfig  replica.Reconfig
	// Faults are on purpose, for tests; nil keeps operators from making any.
	Faults *Faults
	Auth   auth.Options

	Timing         zab.Timing
	ElectionTiming election.Timing
	CounterLimit   uint32

	// Conf are the lines that the four-letter word conf prints.
	Conf    []string
	Version string
	Log     zerolog.Logger
}

// WithDefaults fills in what is zero.
func (o Options) WithDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.OS{}
	}
	setDefault(&o.TickMs, 2000)
	setDefault(&o.MinSessionMs, 2*o.TickMs)
	setDefault(&o.MaxSessionMs, 20*o.TickMs)
	setDefault(&o.HandshakeTimeout, 10*time.Second)
	setDefault(&o.FrameBytesMax, 0xFFFFF)
	setDefault(&o.OutstandingMax, 20_000)
	setDefault(&o.RequestsPerClient, 8192)
	setDefault(&o.SnapshotRecords, 400_000)
	setDefault(&o.SnapshotBytes, 64<<20)
	setDefault(&o.SnapshotsKept, 3)
	setDefault(&o.SegmentBytes, 64<<20)
	setDefault(&o.Timing, zab.DefaultTiming())
	setDefault(&o.ElectionTiming, election.DefaultTiming())
	setDefault(&o.CounterLimit, zab.DefaultCounterLimit)
	return o
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Node is a running server.
type Node struct {
	opt       Options
	log       zerolog.Logger
	disk      *disk.Disk
	writer    *logWriter
	random    *mathrand.Rand // the loop's
	listener  *socket.Listener
	auth      *auth.Providers
	inbox     *inbox
	flusher   *flusher
	admission *admission
	guests    guestBook
	faults    phaseFaults
	counters  counters
	started   time.Time
	// traceMask is stored for stmk and shown by gtmk; nothing is traced by it.
	traceMask atomic.Int64

	// tree guards the replicated state; see doc.go.
	tree      sync.RWMutex
	replica   *replica.Replica
	watchLock sync.Mutex

	serving     atomic.Uint32 // a sessionMode
	appliedZxid atomic.Uint64
	roleText    atomic.Pointer[roleStatus]

	clients   clientTable
	locals    localSessions
	bucket    tokenBucket
	throttled throttleCounters
	turn      turn
	loop      loopState

	stop     chan struct{}
	stopOnce sync.Once
	failure  atomic.Pointer[error]
	wg       sync.WaitGroup
}

// ErrStopped is what Wait returns after an orderly Close.
var ErrStopped = errors.New("node: stopped")

// Open recovers a server from its data directory and starts it.
func Open(o Options) (*Node, error) {
	o = o.WithDefaults()
	providers, err := auth.New(o.Auth)
	if err != nil {
		return nil, err
	}
	n := &Node{opt: o, log: o.Log, auth: providers, inbox: newInbox(), flusher: newFlusher(), started: time.Now(),
		admission: newAdmission(o.OutstandingMax, o.Throttle.Requests), random: newRandom(), stop: make(chan struct{})}
	if o.Faults != nil {
		n.faults.enabled = true
		n.setFaults(*o.Faults)
	}
	n.traceMask.Store(defaultTraceMask)
	n.clients.init()
	n.loop.init()
	n.bucket.init(o.ConnectionThrottle, monotonic())
	if err := n.recover(); err != nil {
		return nil, err
	}
	if err := n.listen(); err != nil {
		n.closeFiles()
		return nil, err
	}
	n.locals.init(localLife(o.ID, n.disk.Identity().Incarnation, n.disk.Boot()))
	n.writer = newLogWriter(n, n.disk)
	n.wg.Go(n.writer.run)
	n.wg.Go(n.run)
	n.wg.Go(func() { n.flusher.run(n.stop) })
	n.wg.Go(n.touchSessions)
	if err := n.startTransport(); err != nil {
		n.fail(err)
		_ = n.wait() // err says it already
		return nil, err
	}
	n.wg.Go(n.accept)
	return n, nil
}

func (n *Node) listen() error {
	// A client that is silent loses its session and with it its connection: the
	// kernel need not ask as well, for four system calls a connection. No client
	// speaks Multipath TCP, and a listener that does takes longer over the others.
	quiet := net.ListenConfig{KeepAlive: -1}
	quiet.SetMultipathTCP(false)
	l, err := quiet.Listen(context.Background(), "tcp", n.opt.ClientAddress)
	if err == nil {
		n.listener, err = socket.NewListener(l)
	}
	if err != nil {
		return fmt.Errorf("client port: %w", err)
	}
	return nil
}

// startTransport opens the ports for the other servers, where there are any.
func (n *Node) startTransport() error {
	if n.opt.alone() {
		return nil
	}
	own := n.opt.own()
	o := peer.Options{Self: n.opt.ID, Incarnation: zab.Incarnation(n.disk.Identity().Incarnation), Boot: n.disk.Boot(),
		Cluster: func() [16]byte { return n.disk.Identity().ClusterID }, TableHash: n.opt.TableHash, TableText: n.opt.TableText,
		Row: fmt.Sprintf("server.%d=%s", n.opt.ID, own.Row), Guest: n.admitGuest,
		ServerListen: own.ServerAddress, LeaderListen: own.LeaderAddress, Handler: peerInbox{n}, Log: n.log}
	t, err := peer.Start(o)
	if err != nil {
		return err
	}
	n.loop.transport.Store(t)
	n.inbox.post(n.refreshPeers)
	return nil
}

// ClientAddr returns the address clients connect to.
func (n *Node) ClientAddr() net.Addr { return n.listener.Addr() }

// Serving reports whether all clients are served, not read-only ones alone.
func (n *Node) Serving() bool { return n.mode() == modeReadWrite }

func (n *Node) applied() zxid.Zxid { return zxid.Zxid(n.appliedZxid.Load()) }

// fail ends the server because of err: a disk that cannot be trusted, a broken
// invariant. What is not durable was not acknowledged to anybody.
func (n *Node) fail(err error) {
	n.failure.CompareAndSwap(nil, &err)
	n.shutdown()
}

func (n *Node) shutdown() {
	n.stopOnce.Do(func() { close(n.stop) })
}

// Done is closed when the server ends, whatever the reason.
func (n *Node) Done() <-chan struct{} { return n.stop }

// Close ends the server in order: clients are let go, everything under way is
// made durable, and the data directory is marked as cleanly left.
func (n *Node) Close() error {
	n.failure.CompareAndSwap(nil, &ErrStopped)
	n.shutdown()
	if err := n.wait(); !errors.Is(err, ErrStopped) {
		return err
	}
	return nil
}

// wait waits for every goroutine and closes what is open.
func (n *Node) wait() error {
	<-n.stop
	if n.listener != nil {
		_ = n.listener.Close()
	}
	n.locals.begin(modeClosed)
	n.clients.closeAll()
	if t := n.loop.transport.Load(); t != nil {
		_ = t.Close()
	}
	n.wg.Wait()
	n.clients.wait()
	err := *n.failure.Load()
	n.closeFiles()
	return err
}

func (n *Node) closeFiles() {
	clean := n.failure.Load() != nil && errors.Is(*n.failure.Load(), ErrStopped)
	if err := n.disk.Close(clean); err != nil {
		n.log.Error().Err(err).Msg("the data directory could not be closed in order")
	}
}

func newIncarnation() (inc [16]byte) {
	_, _ = rand.Read(inc[:]) // never fails
	return inc
}

func newRandom() *mathrand.Rand {
	var seed [16]byte
	_, _ = rand.Read(seed[:]) // never fails
	return mathrand.New(mathrand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:])))
}
