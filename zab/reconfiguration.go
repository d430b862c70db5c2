package zab

import (
	"errors"
	"fmt"
	"slices"

	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Why a reconfiguration is refused.
var (
	ErrReconfigPending  = errors.New("zab: another configuration is not committed yet")
	ErrReconfigNoQuorum = errors.New("zab: no quorum of the new configuration is connected and up to date")
)

// Reconfigure orders a configuration with these members, in ascending order of
// their numbers, one of which at least votes. From its record on, everything
// needs a majority of the old and of the new configuration, and once it is
// committed a majority of the new one (A15). A voter that is new keeps no vote
// before it is whole: it is bound to the data directory it came with if it is up
// to date now, and otherwise when it is. CanPropose must hold.
func (c *Core) Reconfigure(members []Member, origin zxid.ServerID, request uint64) error {
	next, err := c.nextConfiguration(members)
	if err != nil {
		return err
	}
	next.Origin, next.Request = origin, request
	c.propose(c.last+1, record.Config, func(dst []byte) []byte { return AppendConfiguration(dst, next) })
	c.lead.leaving = c.leaving()
	return nil
}

// CheckReconfigure returns the error that Reconfigure would, and does nothing.
func (c *Core) CheckReconfigure(members []Member) error {
	_, err := c.nextConfiguration(members)
	return err
}

func (c *Core) nextConfiguration(members []Member) (*Configuration, error) {
	assert(c.CanPropose(), "zab: server %d reconfigures while it does not serve", c.opt.Self)
	if c.members.pending() {
		return nil, ErrReconfigPending // C1
	}
	cfg := c.members.newest()
	next := &Configuration{Cluster: cfg.Cluster, Members: slices.Clone(members)}
	for i := range next.Members {
		m := &next.Members[i]
		m.Incarnation = Incarnation{}
		if old := cfg.Member(m.ID); old != nil && (old.Voter || !m.Voter) {
			m.Incarnation = old.Incarnation
		} else if l := c.lead.peer(m.ID); l != nil && l.upToDate {
			m.Incarnation = l.incarnation
		}
	}
	if !next.quorum(func(m *Member) bool { return c.withinReach(next, m) }) {
		return nil, ErrReconfigNoQuorum // C2
	}
	return next, nil
}

// withinReach reports whether a voter of next can acknowledge soon: this server,
// or one that is linked, whole, and not far behind.
func (c *Core) withinReach(next *Configuration, m *Member) bool {
	if m.ID == c.opt.Self {
		return c.bound(next)
	}
	l := c.lead.peer(m.ID)
	return l != nil && l.upToDate && l.counted(next) && l.matched+upToDateLag >= c.committed
}

// leaving reports whether the newest configuration does not count this leader's
// vote. Such a leader proposes nothing any more (C8).
func (c *Core) leaving() bool {
	cfg := c.members.newest()
	return cfg != nil && !c.bound(cfg)
}

// boundSomewhere reports whether a configuration in force counts this server's
// vote. One that only a pending configuration removes may still have to lead: it
// can be the only one that has the record. Simulator, seed 20001534.
func (c *Core) boundSomewhere() bool {
	return c.members.any(c.bound)
}

// HandOver gives leadership to the follower that has most of the history. It
// reports false where nobody is fit to take it; then this server leads on.
func (c *Core) HandOver(reason string) bool {
	if c.role != Leading || c.phase != Broadcast || c.members.pending() {
		return false
	}
	var successor *link
	for _, l := range c.lead.links {
		if l.upToDate && l.counted(c.members.committed.c) && (successor == nil || l.matched > successor.matched) {
			successor = l
		}
	}
	if successor == nil {
		return false
	}
	to := successor.peer
	for _, l := range c.lead.links {
		// The successor stands with everything that was proposed so far.
		if l.streaming {
			c.pump(l)
		}
		c.send(l.id, Message{Kind: HandOver, Epoch: c.epoch, Seq: uint64(to)})
	}
	c.becomeLooking(reason)
	c.event(Event{Kind: LeadershipOffered, Server: to})
	return true
}

// onHandOver ends following: the leader has named its successor. It is a hint
// like any other about whom to follow; discovery decides.
func (c *Core) onHandOver(m *Message) {
	if m.Epoch != c.epoch || c.epoch == 0 || m.Seq == 0 {
		return
	}
	from := c.leader
	c.becomeLooking(fmt.Sprintf("server %d hands its leadership over", from))
	c.event(Event{Kind: LeadershipOffered, Server: zxid.ServerID(m.Seq)})
}
