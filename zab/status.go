package zab

import "github.com/zabkeeper/zabkeeper/zab/zxid"

// Role returns what the server is doing.
func (c *Core) Role() Role { return c.role }

// Phase returns how far it has come.
func (c *Core) Phase() Phase { return c.phase }

// Leader returns whom this server follows, itself when it leads, and the epoch;
// 0 while it looks.
func (c *Core) Leader() (zxid.ServerID, zxid.Epoch) { return c.leader, c.epoch }

// Established reports whether the leader, this server or the one it follows, is
// known to hold a quorum's promises.
func (c *Core) Established() bool {
	return c.role == Leading && (c.lead.established || c.lead.renewing) || c.role == Following && c.phase >= Synchronization
}

// Durable returns the last record that is durable here.
func (c *Core) Durable() zxid.Zxid { return c.durable }

// Last returns the last record of the log, durable or not.
func (c *Core) Last() zxid.Zxid { return c.last }

// Committed returns the commit point as this server knows it.
func (c *Core) Committed() zxid.Zxid { return c.committed }

// Delivered returns the last record handed out to be applied.
func (c *Core) Delivered() zxid.Zxid { return c.delivered }

// Base returns the record behind which the log begins.
func (c *Core) Base() zxid.Zxid { return c.base }

// Accepted returns the accepted epoch and the server it was promised to.
func (c *Core) Accepted() (zxid.Epoch, zxid.ServerID) { return c.accepted, c.promisedTo }

// Configuration returns the newest committed configuration; nil before the
// first one.
func (c *Core) Configuration() *Configuration { return c.members.committed.c }

// InForce appends the configurations that count now: the newest that is
// committed, and a later one in the log.
func (c *Core) InForce(dst []*Configuration) []*Configuration {
	for _, p := range c.members.inForce() {
		dst = append(dst, p.c)
	}
	return dst
}

// Voter reports whether this server is to vote, bound or not.
func (c *Core) Voter() bool { return c.isVoter(c.opt.Self) }

// Eligible reports whether this server may stand for election: a voter that its
// cluster counts, or one of a cluster that never ran (E2, N4).
func (c *Core) Eligible() bool {
	if c.Blank() {
		return c.Voter() && (len(c.opt.Table) > 1 || c.now-c.firstTick >= c.opt.FoundAlone)
	}
	return c.boundSomewhere()
}

// Quorums appends the voter sets that must each give a majority.
func (c *Core) Quorums(dst [][]zxid.ServerID) [][]zxid.ServerID {
	force := c.members.inForce()
	if len(force) == 0 {
		return append(dst, (&Configuration{Members: c.opt.Table}).Voters())
	}
	for _, p := range force {
		dst = append(dst, p.c.Voters())
	}
	return dst
}

// IsFollower reports whether link id is a follower's of this leader.
func (c *Core) IsFollower(id LinkID) bool { return c.role == Leading && c.lead.link(id) != nil }

// Linked reports whether this follower has a connection to its leader.
func (c *Core) Linked() bool { return c.role == Following && c.follow.link != nil }

// SendToLeader sends a message of the layer above on this server's link to its
// leader; without one it is dropped.
func (c *Core) SendToLeader(m Message) {
	if l := c.follow.link; c.role == Following && l != nil {
		m.Epoch = c.epoch
		c.send(l.id, m)
	}
}

// FollowerStatus describes one follower as its leader sees it.
type FollowerStatus struct {
	Server   zxid.ServerID
	Member   bool
	Voter    bool
	UpToDate bool
	Matched  zxid.Zxid
	Sent     zxid.Zxid
	InFlight int // bytes
}

// Followers returns the state of a leader's followers, by server number.
func (c *Core) Followers() []FollowerStatus {
	var out []FollowerStatus
	for _, l := range c.lead.links {
		cfg := c.members.newest()
		out = append(out, FollowerStatus{Server: l.peer, Member: cfg != nil && cfg.Member(l.peer) != nil, Voter: c.isVoter(l.peer), UpToDate: l.upToDate,
			Matched: l.matched, Sent: l.sent, InFlight: l.windowBytes})
	}
	return out
}

// IsLeader reports whether this server leads.
func (c *Core) IsLeader() bool { return c.role == Leading }
