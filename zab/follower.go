package zab

import (
	"fmt"
	"slices"

	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// followership is what a server knows while it follows.
type followership struct {
	link        *link
	lastContact Millis
	patience    Millis // silence after which the leader counts as lost
	redialAt    Millis // 0: nothing to dial
	vote        bool   // what answerEpoch will say
	upToDate    bool
	serveFrom   zxid.Zxid
	serving     bool
	connected   bool // a link to this leader has been up
}

// linkToLeader introduces this server on a link that it dialled.
func (c *Core) linkToLeader(l *link) {
	if l.peer != c.leader || c.follow.link != nil {
		c.closeLink(l.id)
		return
	}
	// A connection alone is no sign of a leader; only what it says is.
	c.follow.link, c.follow.connected = l, true
	c.sendInfo(l)
}

func (c *Core) sendInfo(l *link) {
	m := Message{Kind: FollowerInfo, Accepted: c.accepted, Zxid: c.durable, Blank: c.Blank(), Table: c.opt.TableHash, ConfigZxid: c.members.committed.at}
	c.send(l.id, m)
}

// DialFailed reports that the leader's port could not be reached. refused means
// that the host answered and the process is gone: that ends the leader's
// liveness at once (E5). Anything else is tried again.
func (c *Core) DialFailed(id zxid.ServerID, refused bool) {
	if c.role != Following || id != c.leader || c.follow.link != nil {
		return
	}
	if refused && (c.follow.connected || c.now-c.follow.lastContact > c.opt.Timing.Ping) {
		c.becomeLooking(fmt.Sprintf("server %d refused the connection", id))
		return
	}
	c.follow.redialAt = c.now + max(1, c.opt.Timing.Ping/5)
}

// redial tries the leader again; its process may live on. What was under way
// on the lost link is lost, so clients are not served until the new one is in.
func (c *Core) redial() {
	c.follow.upToDate, c.follow.serving = false, false
	c.enter(Discovery)
	c.ready.Dial = c.leader
}

func (c *Core) stepFollower(l *link, m *Message) {
	switch m.Kind {
	case AskInfo:
		c.sendInfo(l)
	case NewEpoch:
		c.onNewEpoch(l, m)
	case HistoryPull:
		c.donate(l, m)
	case Acknowledge:
		l.acked(m.Zxid)
	case Truncate:
		if m.Epoch == c.epoch {
			c.enter(Synchronization)
			c.truncateTo(m.Zxid)
		}
	case Proposal:
		c.onProposal(l, m)
	case Commit:
		c.announced(l, m.Zxid)
	case UpToDate:
		c.follow.upToDate, c.follow.serveFrom = true, m.Zxid
		c.enter(Broadcast)
		c.announced(l, m.Zxid)
		c.checkServing()
	case Ping:
		c.send(l.id, Message{Kind: Pong, Seq: m.Seq, Time: m.Time, Zxid: c.durable})
		c.announced(l, m.Commit)
	case ReadGrant:
		c.ready.Grants = append(c.ready.Grants, Grant{ID: m.Seq, Zxid: m.Zxid})
	case Goodbye:
		if c.epoch == 0 {
			c.follow.connected = false // it never led; the election should know
		}
		c.becomeLooking(fmt.Sprintf("server %d does not lead", l.peer))
	case HandOver:
		c.onHandOver(m)
	case FollowerInfo, AckEpoch, NackEpoch, Pong, ReadRequest, PassThrough:
	}
}

// onNewEpoch is D4. The answer waits until the promise and every record before
// it are on disk (W1, W2). Whether the vote counts is the leader's to judge: it
// knows which data directory it binds.
func (c *Core) onNewEpoch(l *link, m *Message) {
	if m.Epoch < c.accepted {
		c.send(l.id, Message{Kind: NackEpoch, Accepted: c.accepted})
		return
	}
	c.epoch = m.Epoch
	l.offered = m.Seq
	c.follow.vote = m.Epoch > c.accepted || c.promisedTo == l.peer
	if m.Epoch > c.accepted {
		c.accepted, c.promisedTo = m.Epoch, l.peer
		c.addPersist(PersistOp{Kind: PersistPromise, Epoch: m.Epoch, To: l.peer}, persistOp{epoch: m.Epoch, link: l.id})
		return
	}
	c.addPersist(PersistOp{Kind: PersistBarrier}, persistOp{epoch: m.Epoch, link: l.id})
}

// learnFrom takes a committed configuration out of a message, whoever sent it
// (C6).
func (c *Core) learnFrom(m *Message) bool {
	if m.ConfigZxid <= c.members.committed.at || len(m.Config) == 0 {
		return false
	}
	cfg, err := DecodeConfiguration(m.Config)
	if err == nil {
		c.members.learn(placed{m.ConfigZxid, cfg})
	}
	return err == nil
}

func (c *Core) answerEpoch(l *link) {
	m := Message{Kind: AckEpoch, Epoch: c.epoch, Seq: l.offered, Vote: c.follow.vote, Zxid: c.last, Spans: slices.Clone(c.spans), Base: c.base,
		ConfigZxid: c.members.committed.at}
	if cfg := c.members.committed.c; cfg != nil {
		m.Config = AppendConfiguration(nil, cfg)
	}
	c.send(l.id, m)
}

// donate sends this server's history to the leader it promised (D7).
func (c *Core) donate(l *link, m *Message) {
	if m.Epoch != c.epoch {
		return
	}
	c.openCursor(l, m.Spans, m.Zxid, m.Base)
	l.limit = c.last
}

// truncateTo drops every record behind z. What is dropped was never committed:
// the leader of an epoch has everything that was (leader completeness).
func (c *Core) truncateTo(z zxid.Zxid) {
	assert(z >= c.delivered && z >= c.base && z <= c.last, "zab: server %d is to truncate to %s, delivered %s, base %s, last %s",
		c.opt.Self, z, c.delivered, c.base, c.last)
	c.flushAppends()
	c.tail.truncate(z)
	c.members.truncated(z)
	c.spans = record.CutSpans(c.spans, z)
	c.last = z
	c.committed = min(c.committed, z)
	c.durable = min(c.durable, z)
	c.persist.clamp(z)
	c.addPersist(PersistOp{Kind: PersistTruncate, Zxid: z}, persistOp{zxid: z})
}

func (c *Core) onProposal(l *link, m *Message) {
	if m.Epoch != c.epoch || c.epoch == 0 {
		return
	}
	if c.phase == Discovery {
		c.enter(Synchronization)
	}
	if !c.appendProposal(m) {
		c.becomeLooking(fmt.Sprintf("leader %d sent records behind %s, the log ends at %s", l.peer, m.Prev, c.last))
		return
	}
	if !l.aligned {
		l.aligned = true
		c.acknowledge()
	}
	c.announced(l, m.Commit)
}

// appendProposal appends the records of m if they continue this log (Y6). No
// gap can enter a log, whatever the connection did.
func (c *Core) appendProposal(m *Message) bool {
	if m.Prev != c.last {
		return false
	}
	for _, run := range m.Runs {
		records, err := record.DecodeAll(run, nil)
		if err != nil {
			return false
		}
		for _, r := range records {
			if !r.Zxid.Follows(c.last) {
				return false
			}
			c.appendRecord(r)
		}
	}
	return true
}

// announced is B6: the leader's commit point, as far as this log goes. It means
// something only once the log is known to be a prefix of the leader's.
func (c *Core) announced(l *link, z zxid.Zxid) {
	if !l.aligned {
		return
	}
	if z = min(z, c.last); z > c.committed {
		c.setCommitted(z)
		c.deliver()
	}
}

// acknowledge reports what is durable, once per sync (B3).
func (c *Core) acknowledge() {
	l := c.follow.link
	if l == nil || !l.aligned || c.durable <= l.matched {
		return
	}
	l.matched = c.durable
	c.send(l.id, Message{Kind: Acknowledge, Epoch: c.epoch, Zxid: c.durable})
}

// Snapshot describes a snapshot that came in completely and was verified.
type Snapshot struct {
	Zxid  zxid.Zxid
	Chain uint64
	Spans []record.Span
	// Config is the configuration committed by then, and the record of it.
	Config     *Configuration
	ConfigZxid zxid.Zxid
}

// SnapshotReceived replaces this server's history by the snapshot that came on
// link id. The state is the caller's to replace, when it carries out the
// PersistInstall that follows. It is false where the snapshot is refused: its
// link is not in use any more, or it is older than what was delivered.
func (c *Core) SnapshotReceived(id LinkID, s Snapshot) bool {
	l := c.anyLink(id)
	if l == nil || (c.role == Leading && (c.phase != Pull || c.lead.donor != id)) || s.Zxid < c.delivered {
		c.closeLink(id)
		return false
	}
	c.flushAppends()
	c.tail.reset(s.Zxid)
	known := c.members.committed
	c.members = membership{}
	c.members.learn(placed{s.ConfigZxid, s.Config})
	c.members.learn(known)
	c.event(Event{Kind: MembersChanged, Zxid: c.members.committed.at})
	c.spans = slices.Clone(s.Spans)
	c.base, c.last, c.lastChain = s.Zxid, s.Zxid, s.Chain
	c.committed, c.delivered = s.Zxid, s.Zxid
	c.durable = 0
	c.persist.clamp(0)
	if c.role == Following {
		c.enter(Synchronization)
		l.aligned = true
	}
	c.addPersist(PersistOp{Kind: PersistInstall, Zxid: s.Zxid, Link: id}, persistOp{zxid: s.Zxid, link: id})
	return true
}

func (c *Core) installed(op persistOp) {
	if l := c.follow.link; c.role == Following && l != nil && l.id == op.link {
		c.checkServing()
	}
}
