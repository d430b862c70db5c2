package zab

import (
	"math/rand/v2"
	"slices"

	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Millis is a reading of one monotonic clock, or a span of it.
type Millis int64

// LinkID names one replication connection, accepted or dialled. The caller
// never uses a number twice, so whatever belongs to an older connection is
// recognised and dropped.
type LinkID uint64

// Role is what a server is doing.
type Role uint8

// The roles.
const (
	Looking Role = iota
	Following
	Leading
)

// Phase is how far a leader or follower has come.
type Phase uint8

// The phases, in order.
const (
	NoPhase Phase = iota
	Discovery
	Pull // leader only: adopting a promiser's history
	Synchronization
	Broadcast
)

// String returns the phase's name as ZooKeeper's zabstate has it.
func (p Phase) String() string {
	switch p {
	case NoPhase:
		return ""
	case Discovery, Pull:
		return "discovery"
	case Synchronization:
		return "synchronization"
	case Broadcast:
		return "broadcast"
	}
	return "unknown"
}

// Timing holds the waits of the protocol, in milliseconds (dossier A12).
type Timing struct {
	Ping      Millis // between a leader's pings
	Follow    Millis // silence after which a follower gives up its leader
	Quorum    Millis // a leader without pongs of a quorum for this long steps down; below Follow
	Peer      Millis // a leader drops a follower that is silent for this long
	Establish Millis // a new leader has this long until the first sign of progress
	Progress  Millis // and this long from one sign of progress to the next
}

// DefaultTiming suits servers in one data centre.
func DefaultTiming() Timing {
	return Timing{Ping: 50, Follow: 600, Quorum: 500, Peer: 500, Establish: 2000, Progress: 5000}
}

// Options are fixed for the life of a Core.
type Options struct {
	Self        zxid.ServerID
	Incarnation Incarnation
	// Table is the node table: the membership that a cluster starts with.
	// TableHash is compared between servers then.
	Table     []Member
	TableHash uint64
	Timing    Timing
	Random    *rand.Rand
	// HistoryBytes bounds the delivered records that are kept in memory.
	HistoryBytes int
	// WindowBytes and WindowRecords bound what is under way to one follower.
	WindowBytes   int
	WindowRecords int
	// FoundAlone is how long a server that is the only voter of its table waits
	// before it founds a cluster, for others to say that it has one already.
	FoundAlone Millis
	// CounterLimit is the counter at which the leader renews its epoch (A17).
	CounterLimit uint32
}

// Defaults for Options.
const (
	DefaultHistoryBytes  = 4 << 20
	DefaultWindowBytes   = 8 << 20
	DefaultWindowRecords = 10_000
	DefaultCounterLimit  = 0xF000_0000
)

// Recovered is what a server found on its disk.
type Recovered struct {
	Accepted   zxid.Epoch
	PromisedTo zxid.ServerID
	Base       zxid.Zxid // the log holds the records behind Base
	Last       zxid.Zxid
	LastChain  uint64
	Spans      []record.Span // of the whole history, Base's included
	Applied    zxid.Zxid     // what the state machine holds; it is committed
	Tail       []record.Record
	// Committed is the newest configuration known to be committed, and the
	// record that carried it; nil in a directory that never ran.
	Committed   *Configuration
	CommittedAt zxid.Zxid
}

// Core is one server's part in the broadcast. It is not safe for concurrent use.
type Core struct {
	opt Options
	now Millis

	role   Role
	phase  Phase
	leader zxid.ServerID // whom this server follows
	epoch  zxid.Epoch    // of the leader: chosen by or offered to this server; 0 before

	accepted   zxid.Epoch
	promisedTo zxid.ServerID

	// The log: base <= delivered <= committed <= last, and durable <= last.
	base      zxid.Zxid
	last      zxid.Zxid
	lastChain uint64
	durable   zxid.Zxid
	committed zxid.Zxid
	delivered zxid.Zxid
	spans     []record.Span
	tail      history
	members   membership

	chunk    []byte // the leader encodes new records here
	appended []record.Record
	persist  persistQueue
	ready    Ready
	// Space that is used again: of the Ready before, of records that are durable,
	// and of those in one proposal.
	handedOut Ready
	spare     []record.Record
	decoded   []record.Record

	lead   leadership
	follow followership

	lastTick  Millis
	firstTick Millis
}

// New returns the Core of a server that has recovered rec from its disk.
func New(o Options, rec Recovered) *Core {
	assert(o.Random != nil && o.Timing.Ping > 0 && o.WindowRecords > 0, "zab: options of server %d are incomplete", o.Self)
	c := &Core{opt: o, accepted: max(rec.Accepted, rec.Last.Epoch()), promisedTo: rec.PromisedTo,
		base: rec.Base, last: rec.Last, lastChain: rec.LastChain, durable: rec.Last,
		committed: rec.Applied, delivered: rec.Applied, spans: slices.Clone(rec.Spans)}
	c.tail.reset(rec.Applied)
	if rec.Committed != nil {
		c.members.learn(placed{rec.CommittedAt, rec.Committed})
	}
	for _, r := range rec.Tail {
		c.tail.append(r)
		c.noteConfiguration(r)
	}
	assert(rec.Applied <= rec.Last && rec.Base <= rec.Applied, "zab: server %d recovered base %s, applied %s, last %s", o.Self, rec.Base, rec.Applied, rec.Last)
	return c
}

// Tick moves time forward and does what is due.
func (c *Core) Tick(now Millis) {
	c.lastTick, c.now = c.now, now
	if c.firstTick == 0 {
		c.firstTick = now
	}
	switch c.role {
	case Looking:
	case Leading:
		c.tickLeader()
	case Following:
		c.tickFollower()
	}
}

// Step handles a message that came in on a link. Messages on links that are
// not in use any more are dropped.
func (c *Core) Step(id LinkID, m *Message) {
	switch c.role {
	case Looking:
	case Leading:
		if l := c.lead.link(id); l != nil {
			c.stepLeader(l, m)
		}
	case Following:
		if l := c.follow.link; l != nil && l.id == id {
			c.follow.lastContact = c.now
			c.stepFollower(l, m)
		}
	}
}

// LinkUp reports a new replication link; the handshake has established who is
// at the other end.
func (c *Core) LinkUp(id LinkID, peer zxid.ServerID, inc Incarnation) {
	l := &link{id: id, peer: peer, incarnation: inc, lastPong: c.now}
	switch c.role {
	case Leading:
		c.acceptLink(l)
	case Following:
		c.linkToLeader(l)
	case Looking:
		// Whoever dialled believes that this server leads. It has to hear
		// otherwise: a link that merely ends would be dialled again.
		c.send(id, Message{Kind: Goodbye})
		c.closeLink(id)
	}
}

// LinkDown reports that a link has ended.
func (c *Core) LinkDown(id LinkID) {
	switch c.role {
	case Looking:
	case Leading:
		c.dropLink(id)
	case Following:
		if l := c.follow.link; l != nil && l.id == id {
			c.follow.link = nil
			c.redial()
		}
	}
}

// Persisted reports that the persist operation seq and all before it are
// durable. chain is the last record's chain value, for a Truncate or Install.
func (c *Core) Persisted(seq uint64, chain uint64) {
	for {
		op, ok := c.persist.complete(seq)
		if !ok {
			break
		}
		c.persisted(op, chain)
	}
	c.afterDurable()
}

func (c *Core) persisted(op persistOp, chain uint64) {
	switch op.kind {
	case PersistAppend:
		c.durable = op.zxid
		c.spare = emptied(op.records)
	case PersistTruncate, PersistInstall:
		c.durable = op.zxid
		if c.last == op.zxid {
			c.lastChain = chain
		}
		if op.kind == PersistInstall {
			c.installed(op)
		}
	case PersistPromise, PersistBarrier:
		if c.role == Leading && op.epoch == c.epoch {
			c.promiseDurable()
		}
		if l := c.follow.link; c.role == Following && l != nil && l.id == op.link && op.epoch == c.epoch {
			c.answerEpoch(l)
		}
	case PersistMark:
	}
}

// afterDurable sends what had to wait for the disk and delivers.
func (c *Core) afterDurable() {
	switch c.role {
	case Leading:
		c.advanceCommit()
		if c.phase == Pull {
			if c.lead.donor != 0 {
				c.send(c.lead.donor, Message{Kind: Acknowledge, Epoch: c.epoch, Zxid: c.durable})
			}
			c.pulled()
		}
	case Following:
		c.acknowledge()
	case Looking:
	}
	c.deliver()
}

// appendRecord adds r to the log: in memory now, on disk with the next Ready.
func (c *Core) appendRecord(r record.Record) {
	if !r.Zxid.Follows(c.last) {
		// Behind the condition, so that the hot path allocates no arguments.
		assert(false, "zab: server %d: record %s does not follow %s", c.opt.Self, r.Zxid, c.last)
	}
	c.tail.append(r)
	c.appended = append(c.appended, r)
	c.last, c.lastChain = r.Zxid, r.Chain
	c.spans = record.ExtendSpans(c.spans, r.Zxid)
	if r.Kind != record.Transaction {
		c.noteConfiguration(r)
	}
}

// noteConfiguration remembers the configuration that r carries, if any.
func (c *Core) noteConfiguration(r record.Record) {
	if r.Kind == record.Transaction || len(r.Body()) == 0 {
		return
	}
	cfg, err := DecodeConfiguration(r.Body())
	assert(err == nil, "zab: record %s: %v", r.Zxid, err)
	c.members.appended(placed{r.Zxid, cfg})
	c.event(Event{Kind: MembersProposed, Zxid: r.Zxid})
}

// setCommitted moves the commit point and notes a configuration it passes.
func (c *Core) setCommitted(z zxid.Zxid) {
	assert(z >= c.committed && z <= c.last, "zab: server %d: commit %s, was %s, last %s", c.opt.Self, z, c.committed, c.last)
	c.committed = z
	if p, ok := c.members.commit(z); ok {
		c.addPersist(PersistOp{Kind: PersistMark, Zxid: p.at, Cluster: p.c.Cluster}, persistOp{})
		c.event(Event{Kind: MembersChanged, Zxid: p.at})
	}
}

// deliver hands out what is committed and durable here (B7).
func (c *Core) deliver() {
	upTo := min(c.committed, c.durable)
	if upTo <= c.delivered {
		return
	}
	c.ready.Deliver = append(c.ready.Deliver, c.tail.between(c.delivered, upTo)...)
	c.delivered = upTo
	c.tail.trim(upTo, c.opt.HistoryBytes)
	c.checkServing()
}

// Blank reports whether this server has no history and belongs to no cluster.
func (c *Core) Blank() bool { return c.last == 0 && c.members.newest() == nil }

// bound reports whether this server's own vote counts in cfg.
func (c *Core) bound(cfg *Configuration) bool { return cfg.binds(c.opt.Self, c.opt.Incarnation) }
