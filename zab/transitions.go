package zab

import (
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Lead makes a looking server a prospective leader, on the election's advice.
func (c *Core) Lead() {
	if c.role != Looking {
		return
	}
	c.becomeLeading()
}

// Follow makes a looking server follow id, on the election's advice.
func (c *Core) Follow(id zxid.ServerID) {
	if c.role != Looking || id == c.opt.Self {
		return
	}
	c.becomeFollowing(id)
}

// Leave makes the server look for a leader again: a failing disk, an
// operator's wish.
func (c *Core) Leave(reason string) {
	if c.role != Looking {
		c.becomeLooking(reason)
	}
}

func (c *Core) becomeLeading() {
	c.role, c.phase, c.leader, c.epoch = Leading, Discovery, c.opt.Self, 0
	c.lead = leadership{deadline: c.now + c.opt.Timing.Establish, nextPing: c.now, heard: make(map[Incarnation]Millis)}
	c.event(Event{Kind: BecameLeading, Zxid: c.last})
	c.maybeChooseEpoch()
}

func (c *Core) becomeFollowing(id zxid.ServerID) {
	c.role, c.phase, c.leader, c.epoch = Following, Discovery, id, 0
	c.follow = followership{lastContact: c.now, patience: c.opt.Timing.Follow + Millis(c.opt.Random.Int64N(250))}
	c.event(Event{Kind: BecameFollowing, Server: id, Zxid: c.last})
	c.ready.Dial = id
}

// becomeLooking ends leading or following. What is on disk stays, and disk
// work under way goes on; every link ends.
func (c *Core) becomeLooking(reason string) {
	switch c.role {
	case Leading:
		for _, l := range c.lead.links {
			c.send(l.id, Message{Kind: Goodbye})
			c.closeLink(l.id)
		}
		if c.phase < Synchronization && !c.lead.renewing {
			c.event(Event{Kind: LeaderFailed, Epoch: c.epoch, Detail: reason})
		}
	case Following:
		if c.follow.link != nil {
			c.closeLink(c.follow.link.id)
		}
		if !c.follow.connected {
			c.event(Event{Kind: FollowFailed, Server: c.leader, Detail: reason})
		}
	case Looking:
	}
	c.role, c.phase, c.leader, c.epoch = Looking, NoPhase, 0, 0
	c.lead, c.follow = leadership{}, followership{}
	c.ready.Dial = 0
	c.event(Event{Kind: BecameLooking, Zxid: c.last, Detail: reason})
}

// enter is the only writer of the phase while the role stays.
func (c *Core) enter(p Phase) { c.phase = p }
