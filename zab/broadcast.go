package zab

import (
	"slices"

	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// chunkBytes is how much room for records a leader allocates at a time. A
// record keeps its chunk alive.
const chunkBytes = 128 << 10

// Serving reports whether this server's clients may be served: a leader whose
// epoch record is committed, a follower that is up to date.
func (c *Core) Serving() bool {
	return c.lead.serving || c.follow.serving
}

// CanPropose reports whether Propose may be called now.
func (c *Core) CanPropose() bool {
	return c.role == Leading && c.phase == Broadcast && !c.countersUsedUp() && !c.lead.leaving
}

func (c *Core) countersUsedUp() bool { return c.last.Counter() >= zxid.CounterMax-1 }

// Propose orders one transaction; fill appends its bytes. It returns the
// transaction's zxid.
func (c *Core) Propose(fill func(dst []byte) []byte) zxid.Zxid {
	assert(c.CanPropose(), "zab: server %d proposes while it does not serve", c.opt.Self)
	c.propose(c.last+1, record.Transaction, fill)
	return c.last
}

// propose encodes a record once, where log and followers share it.
func (c *Core) propose(z zxid.Zxid, kind record.Kind, fill func(dst []byte) []byte) {
	if cap(c.chunk)-len(c.chunk) < chunkBytes/8 {
		c.chunk = make([]byte, 0, chunkBytes)
	}
	start := len(c.chunk)
	b := record.Begin(c.chunk)
	b = fill(b)
	b = record.Finish(b, start, c.lastChain, z, kind)
	// A record that outgrew the chunk moved, and the chunk with it: the records
	// before it keep the old bytes.
	c.chunk = b
	c.appendRecord(record.View(b[start:]))
}

func (c *Core) onAcknowledge(l *link, z zxid.Zxid) {
	if !l.streaming || z > l.sent {
		return // of an older cursor, or nonsense
	}
	if z > l.matched {
		l.matched = z
	}
	l.acked(z)
	if c.phase == Synchronization {
		c.progress()
	}
	c.advanceCommit()
	c.maybeUpToDate(l)
	c.deliver()
}

// advanceCommit is B4 and B5: a majority of every configuration in force, and
// only records of this leader's own epoch.
func (c *Core) advanceCommit() {
	if c.role != Leading || c.phase < Synchronization {
		return
	}
	z := c.commitCandidate()
	if z <= c.committed || z.Epoch() != c.epoch {
		return
	}
	c.setCommitted(z)
	if c.phase == Synchronization {
		c.enter(Broadcast)
		c.lead.renewing = false
	}
	for _, l := range c.lead.links {
		c.maybeUpToDate(l)
	}
	if c.last.Counter() >= c.opt.CounterLimit {
		c.renew()
	}
}

func (c *Core) commitCandidate() zxid.Zxid {
	force := c.members.inForce()
	if len(force) == 0 {
		return 0
	}
	z := c.candidateIn(force[0].c)
	if len(force) == 2 && z >= force[1].at {
		// Records from the pending configuration on need both majorities (C3).
		if both := min(z, c.candidateIn(force[1].c)); both >= force[1].at {
			return both
		}
		return force[1].at - 1
	}
	return z
}

func (c *Core) candidateIn(cfg *Configuration) zxid.Zxid {
	return cfg.candidate(func(m *Member) zxid.Zxid {
		if m.ID == c.opt.Self {
			if m.Incarnation != c.opt.Incarnation {
				return 0
			}
			return c.durable
		}
		if l := c.lead.peer(m.ID); l != nil && l.streaming && l.incarnation == m.Incarnation {
			return l.matched
		}
		return 0
	})
}

// upToDateLag is how many records a follower may be behind when its clients are
// let in; it catches up before it answers them (W13).
const upToDateLag = 2000

func (c *Core) maybeUpToDate(l *link) {
	if c.phase != Broadcast || l.upToDate || !l.streaming || l.matched < zxid.New(c.epoch, 0) {
		return
	}
	if c.committed > l.matched+upToDateLag {
		return
	}
	l.upToDate = true
	c.send(l.id, Message{Kind: UpToDate, Epoch: c.epoch, Zxid: c.committed})
	c.rebind(l)
}

// rebind lets a voter that came back with a new data directory vote again. It
// has everything by now; the configuration that says so commits without its
// own vote (N4).
func (c *Core) rebind(l *link) {
	cfg := c.members.newest()
	m := cfg.Member(l.peer)
	if m == nil || !m.Voter || m.Incarnation == l.incarnation || c.members.pending() || !c.CanPropose() {
		return
	}
	next := Configuration{Cluster: cfg.Cluster, Members: slices.Clone(cfg.Members)}
	next.Member(l.peer).Incarnation = l.incarnation
	c.propose(c.last+1, record.Config, func(dst []byte) []byte { return AppendConfiguration(dst, &next) })
}

func (c *Core) checkServing() {
	if c.role == Leading && c.phase == Broadcast && !c.lead.serving && c.delivered >= zxid.New(c.epoch, 0) {
		c.lead.serving = true
		c.event(Event{Kind: ServingStarted, Epoch: c.epoch, Zxid: c.delivered})
	}
	if f := &c.follow; c.role == Following && !f.serving && f.upToDate && c.delivered >= f.serveFrom {
		f.serving = true
		c.event(Event{Kind: ServingStarted, Server: c.leader, Epoch: c.epoch, Zxid: c.delivered})
	}
}
