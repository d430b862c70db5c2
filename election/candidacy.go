package election

import (
	"fmt"
	"slices"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Step handles one message from a peer. Messages of servers that are not in
// the table are dropped.
func (c *Core) Step(m *Message) {
	p := c.peers[m.From]
	if p == nil {
		return
	}
	firstContact := !p.inbound
	c.heardFrom(m)
	switch m.Kind {
	case Heartbeat:
		if firstContact {
			c.beat()
		}
	case Election:
		c.stepElection(m)
	case HigherID:
		c.stepHigherID(m)
	case LowerID:
		c.stepLowerID(m)
	case LeaderIs:
		if c.local.Role == Looking && m.Established && m.Leader != c.opt.Self {
			c.follow(m.Leader, fmt.Sprintf("server %d follows server %d in epoch %d", m.From, m.Leader, m.LeaderEpoch))
		}
	case Coordinator:
		c.stepCoordinator(p, m)
	case Withdraw:
		if c.phase == standingBy {
			c.becomeProbing(c.jitter(0, c.opt.Timing.Heartbeat))
		}
	}
	c.consider()
}

func (c *Core) stepElection(m *Message) {
	if c.local.Role != Looking && c.local.Live && c.local.Leader != 0 {
		// E7: whoever has a leader says so, whatever the candidate's rank.
		c.send(m.From, Message{Kind: LeaderIs, Round: m.Round, Leader: c.local.Leader,
			LeaderEpoch: c.local.LeaderEpoch, Established: c.local.Established})
		return
	}
	if c.local.Role == Looking && c.eligible() && c.connected() && c.rank().Above(m.Rank()) {
		c.send(m.From, Message{Kind: HigherID, Round: m.Round})
		return
	}
	c.send(m.From, Message{Kind: LowerID, Round: m.Round})
	if c.local.Role == Looking && c.phase != standing {
		c.becomeStandingBy(m.From)
	}
}

func (c *Core) stepHigherID(m *Message) {
	p := c.peers[m.From]
	if c.phase != standing || m.Round != c.round || c.now < p.suspendedUntil {
		return
	}
	c.becomeStandingBy(m.From)
}

func (c *Core) stepLowerID(m *Message) {
	if c.phase != standing || m.Round != c.round || slices.Contains(c.answered, m.From) {
		return
	}
	c.answered = append(c.answered, m.From)
	c.supporters = append(c.supporters, m.From)
}

func (c *Core) stepCoordinator(p *peer, m *Message) {
	if c.local.Role != Looking || c.now < p.suspendedUntil {
		return
	}
	if c.phase == standing && c.rank().Above(m.Rank()) && c.connected() {
		return // let the round end; it is this server's to win or lose
	}
	p.strikes = 0
	c.follow(m.From, fmt.Sprintf("server %d announced itself with rank %s", m.From, m.Last))
}

func (c *Core) follow(id zxid.ServerID, reason string) {
	if c.local.Role != Looking || c.ready.Suggestion != nil {
		return
	}
	c.failures = 0
	c.ready.Suggestion = &Suggestion{Follow: id, Reason: reason}
}

// consider does what the present state calls for, if anything.
func (c *Core) consider() {
	if c.ready.Suggestion != nil {
		return
	}
	if c.local.Role == Leading && !c.local.Established {
		c.considerGivingUp()
		return
	}
	if c.local.Role != Looking {
		return
	}
	if id, epoch := c.knownLeader(); id != 0 {
		c.follow(id, fmt.Sprintf("server %d leads epoch %d", id, epoch))
		return
	}
	switch c.phase {
	case probing:
		if c.mayStand() {
			c.becomeStanding()
		}
	case standing:
		c.considerWin()
	case standingBy:
		if c.now >= c.standbyUntil {
			c.strike(c.vetoedBy)
			c.becomeProbing(c.jitter(0, c.opt.Timing.Heartbeat))
		}
	}
}

// considerGivingUp ends a second winner's attempt: somebody is established in an
// epoch that this server has not gone beyond, and waiting for the promises that
// went there only keeps its clients waiting.
func (c *Core) considerGivingUp() {
	if id, epoch := c.knownLeader(); id != 0 && epoch > c.local.LeaderEpoch {
		c.ready.Suggestion = &Suggestion{Follow: id, Reason: fmt.Sprintf("server %d was established in epoch %d first", id, epoch)}
	}
}

// knownLeader returns an established leader that says so itself (E6, E7). What
// others say of a third server is not enough: they may not know yet.
func (c *Core) knownLeader() (zxid.ServerID, zxid.Epoch) {
	var best zxid.ServerID
	var epoch zxid.Epoch
	for _, id := range c.local.Peers {
		p := c.peers[id]
		if p.inbound && p.last.Role == Leading && p.last.Established && c.now >= p.suspendedUntil &&
			(best == 0 || p.last.LeaderEpoch > epoch) {
			best, epoch = id, p.last.LeaderEpoch
		}
	}
	return best, epoch
}

// mayStand is E2, E3 and E6, and the courtesy to let a higher rank that can
// win go first.
func (c *Core) mayStand() bool {
	if c.now < c.standAfter || !c.eligible() || !c.connected() || !c.leaderless() {
		return false
	}
	if c.local.Blank && !c.allBlank() {
		return false
	}
	for _, id := range c.local.Peers {
		p := c.peers[id]
		if !p.up() || !c.voter(id) || c.now < p.suspendedUntil {
			continue
		}
		if h := &p.last; h.Role == Looking && h.Eligible && h.Connected && h.Rank().Above(c.rank()) {
			c.becomeStandingBy(id)
			return false
		}
	}
	return true
}

// leaderless is the pre-check E6: a quorum states that it has no live leader.
func (c *Core) leaderless() bool {
	return c.quorum(func(id zxid.ServerID) bool {
		if id == c.opt.Self {
			return true
		}
		p := c.peers[id]
		return p != nil && p.up() && !p.last.Live
	})
}

// allBlank is rule N1: a server without history stands only where every voter
// of the table says that it has none either.
func (c *Core) allBlank() bool {
	for _, set := range c.local.Quorums {
		for _, id := range set {
			if id == c.opt.Self {
				continue
			}
			if p := c.peers[id]; p == nil || !p.up() || !p.last.Blank {
				return false
			}
		}
	}
	return true
}

func (c *Core) considerWin() {
	supported := func(id zxid.ServerID) bool { return id == c.opt.Self || slices.Contains(c.supporters, id) }
	if c.quorum(supported) && (c.allUpAnswered() || c.now-c.roundStarted >= c.opt.Timing.Settle) {
		c.phase = probing
		c.standAfter = 0
		c.ready.Suggestion = &Suggestion{Lead: true, Supporters: len(c.supporters) + 1,
			Reason: fmt.Sprintf("rank %s, server %d won round %d with %d supporters", c.local.Last, c.opt.Self, c.round, len(c.supporters)+1)}
		c.broadcast(Message{Kind: Coordinator, Round: c.round})
		return
	}
	if c.now-c.roundStarted >= 2*c.opt.Timing.Settle+c.opt.Timing.Heartbeat {
		c.failures++
		c.broadcast(Message{Kind: Withdraw, Round: c.round})
		wait := min(c.opt.Timing.Heartbeat<<min(c.failures, 10), c.opt.Timing.BackoffMax)
		c.becomeProbing(c.jitter(c.opt.Timing.Heartbeat/2, wait))
	}
}

func (c *Core) allUpAnswered() bool {
	for _, id := range c.local.Peers {
		if c.voter(id) && c.peers[id].up() && !slices.Contains(c.answered, id) {
			return false
		}
	}
	return true
}

func (c *Core) strike(id zxid.ServerID) {
	p := c.peers[id]
	if p == nil {
		return
	}
	p.strikes++
	if p.strikes < 2 {
		return
	}
	p.strikes = 0
	p.suspensions++
	wait := min(c.opt.Timing.PenaltyMin<<min(p.suspensions-1, 10), c.opt.Timing.PenaltyMax)
	p.suspendedUntil = c.now + c.jitter(wait/2, wait+wait/2)
}

func (c *Core) becomeProbing(wait Millis) {
	c.phase = probing
	c.vetoedBy = 0
	c.standAfter = c.now + wait
}

func (c *Core) becomeStanding() {
	c.phase = standing
	c.round++
	c.roundStarted = c.now
	c.supporters, c.answered, c.vetoedBy = c.supporters[:0], c.answered[:0], 0
	for _, id := range c.local.Peers {
		if c.voter(id) {
			c.send(id, Message{Kind: Election, Round: c.round})
		}
	}
	c.considerWin()
}

func (c *Core) becomeStandingBy(expected zxid.ServerID) {
	c.phase = standingBy
	c.vetoedBy = expected
	c.standbyUntil = c.now + c.jitter(c.opt.Timing.Standby, c.opt.Timing.Standby*5/3)
}

// FollowFailed tells the election that the server it suggested to follow did
// not answer on its leader_port. It is not suggested again for a moment that
// grows with every failure.
func (c *Core) FollowFailed(id zxid.ServerID) {
	p := c.peers[id]
	if p == nil {
		return
	}
	p.followFailures++
	wait := min(c.opt.Timing.Heartbeat<<min(p.followFailures, 6), c.opt.Timing.PenaltyMin)
	p.suspendedUntil = max(p.suspendedUntil, c.now+c.jitter(wait/2, wait))
}

// Followed tells the election that following id succeeded.
func (c *Core) Followed(id zxid.ServerID) {
	if p := c.peers[id]; p != nil {
		p.followFailures, p.suspensions, p.strikes = 0, 0, 0
	}
}

// CallElection makes a looking server stand as soon as the rules allow it,
// without waiting out a back-off.
func (c *Core) CallElection() {
	c.standAfter, c.failures = 0, 0
	if c.phase == standingBy {
		c.becomeProbing(0)
	}
	c.consider()
}
