package election

import (
	"math/rand/v2"
	"slices"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Millis is a reading of one monotonic clock, or a span of it.
type Millis int64

// Options are fixed for the life of a Core. Durations of zero are invalid;
// DefaultTiming fills them.
type Options struct {
	Self   zxid.ServerID
	Timing Timing
	Random *rand.Rand
}

// Timing holds the waits of the election, in milliseconds.
type Timing struct {
	Heartbeat   Millis // between heartbeats to every other voter
	LinkTimeout Millis // silence after which a link is down
	Settle      Millis // how long a candidate with a quorum waits for the rest
	Standby     Millis // how long a veto holds before it counts as unused
	PenaltyMin  Millis // first wait of a leader that did not get established
	PenaltyMax  Millis
	BackoffMax  Millis // longest wait between two candidacies
}

// DefaultTiming suits servers in one data centre.
func DefaultTiming() Timing {
	return Timing{Heartbeat: 50, LinkTimeout: 300, Settle: 60, Standby: 300,
		PenaltyMin: 1000, PenaltyMax: 30_000, BackoffMax: 5000}
}

// Local is what the server itself knows; the caller keeps it up to date with
// SetLocal.
type Local struct {
	Role        Role
	Last        zxid.Zxid // last durable record
	Leader      zxid.ServerID
	LeaderEpoch zxid.Epoch
	Established bool
	Live        bool
	// Eligible: a voter with healthy storage, recovered, bound to its cluster
	// or Blank in a cluster that never ran.
	Eligible bool
	Blank    bool
	// Quorums are the voter sets that must each give a majority. Voters is
	// their union, itself included if it votes.
	Quorums [][]zxid.ServerID
	// Peers are all other servers of the table, observers too.
	Peers []zxid.ServerID
}

// Suggestion is what the election advises the server to do.
type Suggestion struct {
	Lead   bool
	Follow zxid.ServerID
	// Reason says in plain words which rank won and why.
	Reason     string
	Supporters int
}

// Outbound is one message to one peer.
type Outbound struct {
	To zxid.ServerID
	M  Message
}

// Ready is what the caller has to carry out. It is valid until the next call.
type Ready struct {
	Send       []Outbound
	Suggestion *Suggestion
}

type phase uint8

const (
	probing phase = iota // looking for a leader, or for the right to stand
	standing
	standingBy // somebody with a higher rank is expected to announce itself
)

// Core is one server's side of the election. It is not safe for concurrent use.
type Core struct {
	opt   Options
	now   Millis
	local Local
	peers map[zxid.ServerID]*peer
	ready Ready

	phase        phase
	round        uint64
	roundStarted Millis
	supporters   []zxid.ServerID
	answered     []zxid.ServerID
	vetoedBy     zxid.ServerID
	standAfter   Millis // not before this time
	standbyUntil Millis
	failures     int // candidacies in a row that did not win
	penalties    int
	penaltyUntil Millis
	nextBeat     Millis
	lastTick     Millis
}

// New returns a Core for a server that has just started.
func New(o Options) *Core {
	assert(o.Random != nil && o.Timing.Heartbeat > 0, "election: options of server %d are incomplete", o.Self)
	return &Core{opt: o, peers: make(map[zxid.ServerID]*peer)}
}

// Ready returns what has come up since the last call.
func (c *Core) Ready() Ready {
	r := c.ready
	c.ready = Ready{}
	return r
}

// SetLocal tells the election what its own server is doing. A change of role,
// leader or liveness goes out at once instead of with the next heartbeat.
func (c *Core) SetLocal(l Local) {
	old := c.local
	c.local = l
	for _, p := range l.Peers {
		if c.peers[p] == nil {
			c.peers[p] = &peer{}
		}
	}
	if old.Role != l.Role && l.Role == Looking {
		c.becomeProbing(0)
	}
	if old.Role != l.Role || old.Leader != l.Leader || old.Live != l.Live || old.Established != l.Established || old.Eligible != l.Eligible {
		c.beat()
		c.consider()
	}
}

// LeaderFailed tells the election that this server led, or was told to, and could
// not get established (E12).
func (c *Core) LeaderFailed() {
	c.penalties++
	wait := min(c.opt.Timing.PenaltyMin<<min(c.penalties-1, 10), c.opt.Timing.PenaltyMax)
	c.penaltyUntil = c.now + c.jitter(wait/2, wait+wait/2)
	c.broadcast(Message{Kind: Withdraw, Round: c.round})
}

// LeaderEstablished tells the election that leading succeeded.
func (c *Core) LeaderEstablished() { c.penalties, c.failures = 0, 0 }

// Tick moves time forward and does what is due.
func (c *Core) Tick(now Millis) {
	// A server that slept has heard nobody meanwhile; give links one period to
	// speak before their silence counts against them.
	if gap := now - c.lastTick; c.lastTick > 0 && gap > c.opt.Timing.LinkTimeout {
		for _, p := range c.peers {
			p.lastHeard += gap
		}
	}
	c.lastTick, c.now = now, now
	if now >= c.nextBeat {
		c.beat()
	}
	for _, id := range c.local.Peers {
		c.peers[id].expire(now, c.opt.Timing.LinkTimeout)
	}
	c.consider()
}

// NextDeadline returns when Tick has something to do.
func (c *Core) NextDeadline() Millis { return c.nextBeat }

func (c *Core) rank() Rank { return Rank{c.local.Last, c.opt.Self} }

func (c *Core) jitter(from, to Millis) Millis {
	if to <= from {
		return from
	}
	return from + Millis(c.opt.Random.Int64N(int64(to-from)))
}

func (c *Core) send(to zxid.ServerID, m Message) {
	m.From, m.Last = c.opt.Self, c.local.Last
	c.ready.Send = append(c.ready.Send, Outbound{to, m})
}

func (c *Core) broadcast(m Message) {
	for _, id := range c.local.Peers {
		c.send(id, m)
	}
}

// quorum reports whether the servers for which has is true are a majority of
// every voter set in force.
func (c *Core) quorum(has func(zxid.ServerID) bool) bool {
	for _, set := range c.local.Quorums {
		n := 0
		for _, id := range set {
			if has(id) {
				n++
			}
		}
		if n <= len(set)/2 {
			return false
		}
	}
	return len(c.local.Quorums) > 0
}

func (c *Core) voter(id zxid.ServerID) bool {
	for _, set := range c.local.Quorums {
		if slices.Contains(set, id) {
			return true
		}
	}
	return false
}
