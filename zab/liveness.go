package zab

import (
	"fmt"
	"slices"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// tickLeader pings, drops silent followers, and steps down where no quorum
// answers (T3). It judges with the new time before any queued message is seen,
// so a leader that slept too long says nothing more in its epoch (T5, T6).
func (c *Core) tickLeader() {
	if c.lead.established || c.lead.renewing {
		if !c.quorumHeard() {
			// Whoever lost its quorum while others can still elect lets them try
			// first: its leader_port may be what is wrong (E12).
			reason := fmt.Sprintf("no quorum answered for %d ms", c.opt.Timing.Quorum)
			c.event(Event{Kind: LeaderFailed, Epoch: c.epoch, Detail: reason})
			c.becomeLooking(reason)
			return
		}
	}
	if c.phase == Broadcast && c.lead.leaving && !c.members.pending() && c.delivered == c.committed {
		if !c.HandOver("this server is not a voter any more") {
			c.becomeLooking("this server is not a voter any more")
		}
		return
	}
	if c.phase != Broadcast && c.now >= c.lead.deadline {
		c.becomeLooking(fmt.Sprintf("not established in time, phase %s", c.phase))
		return
	}
	for _, l := range slices.Clone(c.lead.links) {
		// T4: a peer that is not heard is not spoken to, so both sides lose
		// faith at about the same time.
		if c.now-l.lastPong > c.opt.Timing.Peer {
			c.closeLink(l.id)
			c.dropLink(l.id)
		}
	}
	if c.now >= c.lead.nextPing {
		c.ping()
	}
	if c.phase == Pull {
		c.pulled()
	}
}

// quorumHeard reports whether a quorum of every configuration in force has
// answered lately. A link that broke does not count against its server at once:
// it may be dialled again. What counts is the data directory: a server that lost
// its own helps only the configuration that binds its new one.
func (c *Core) quorumHeard() bool {
	for _, p := range c.members.inForce() {
		if !p.c.quorum(func(m *Member) bool {
			at, ok := c.lead.heard[m.Incarnation]
			return m.ID == c.opt.Self || ok && c.now-at <= c.opt.Timing.Quorum
		}) {
			return false
		}
	}
	return true
}

func (c *Core) ping() {
	c.lead.nextPing = c.now + c.opt.Timing.Ping
	c.lead.pingSeq++
	for _, l := range c.lead.links {
		c.pingLink(l)
		if l.upToDate {
			c.rebind(l)
		}
	}
	for _, l := range c.lead.links {
		if l.hasInfo && l.accepted > c.epoch && l.answer == nil {
			c.onStuckFollower(l) // it could not be freed before: a configuration was pending
		}
	}
}

func (c *Core) pingLink(l *link) {
	c.send(l.id, Message{Kind: Ping, Epoch: c.epoch, Seq: c.lead.pingSeq, Time: c.now, Commit: c.committed})
}

func (c *Core) onPong(l *link, m *Message) {
	if m.Time > l.lastPong && m.Time <= c.now {
		l.lastPong = m.Time
	}
	c.lead.heard[l.incarnation] = l.lastPong
	if m.Seq > l.pongSeq && m.Seq <= c.lead.pingSeq {
		l.pongSeq = m.Seq
		c.answerReads()
	}
}

func (c *Core) tickFollower() {
	if c.now-c.follow.lastContact > c.follow.patience {
		c.becomeLooking(fmt.Sprintf("leader %d is silent", c.leader))
		return
	}
	if at := c.follow.redialAt; at != 0 && c.now >= at && c.follow.link == nil {
		c.follow.redialAt = 0
		c.ready.Dial = c.leader
	}
}

// pendingRead is a ReadIndex that waits for a quorum to confirm, after it was
// asked for, that this server still leads.
type pendingRead struct {
	link LinkID // 0: this server's own
	id   uint64
	at   zxid.Zxid
	seq  uint64
}

// readsMax bounds the pending ReadIndex requests of a leader; beyond it the
// oldest link that asks is closed rather than let the queue grow.
const readsMax = 1 << 16

// ReadIndex asks for a zxid such that a read of a state that includes it is
// linearizable. The answer is in Ready.Grants; none comes if the leader is lost.
func (c *Core) ReadIndex(id uint64) {
	switch c.role {
	case Leading:
		c.addRead(pendingRead{id: id})
	case Following:
		if l := c.follow.link; l != nil {
			c.send(l.id, Message{Kind: ReadRequest, Epoch: c.epoch, Seq: id})
		}
	case Looking:
	}
}

// addRead queues r. The next Ready sends one ping for all that came since the
// last one: only a pong to a ping sent after the request confirms anything.
func (c *Core) addRead(r pendingRead) {
	if !c.lead.serving || len(c.lead.reads) >= readsMax {
		if r.link != 0 {
			c.closeLink(r.link)
			c.dropLink(r.link)
		}
		return
	}
	r.at = c.committed
	c.lead.reads = append(c.lead.reads, r)
}

// sendReads starts the round that confirms the reads which have none yet.
func (c *Core) sendReads() {
	n := len(c.lead.reads)
	if n == 0 || c.lead.reads[n-1].seq != 0 {
		return
	}
	c.ping()
	for i := n - 1; i >= 0 && c.lead.reads[i].seq == 0; i-- {
		c.lead.reads[i].seq = c.lead.pingSeq
	}
	c.answerReads()
}

// confirmedSeq is the newest ping that a quorum has answered.
func (c *Core) confirmedSeq() uint64 {
	seq := c.lead.pingSeq
	for seq > 0 && !c.quorumOfLinks(true, func(l *link) bool { return l.pongSeq >= seq }) {
		best := uint64(0)
		for _, l := range c.lead.links {
			if l.pongSeq < seq {
				best = max(best, l.pongSeq)
			}
		}
		seq = best
	}
	return seq
}

func (c *Core) answerReads() {
	if len(c.lead.reads) == 0 {
		return
	}
	seq := c.confirmedSeq()
	n := 0
	for _, r := range c.lead.reads {
		if r.seq == 0 || r.seq > seq {
			break
		}
		n++
		if r.link == 0 {
			c.ready.Grants = append(c.ready.Grants, Grant{ID: r.id, Zxid: r.at})
		} else {
			c.send(r.link, Message{Kind: ReadGrant, Epoch: c.epoch, Seq: r.id, Zxid: r.at})
		}
	}
	c.lead.reads = slices.Delete(c.lead.reads, 0, n)
}
