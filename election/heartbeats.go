package election

import "github.com/zabkeeper/zabkeeper/zab/zxid"

// goodHeartbeatsMin is how many heartbeats in a row bring a link up (E1): the
// hysteresis that tames a flapping link. The first contact after the start
// needs only one, so that a cluster that starts does not wait.
const goodHeartbeatsMin = 3

// peer is what a server has heard of another one.
type peer struct {
	last      Message // its latest heartbeat
	lastHeard Millis
	everHeard bool
	good      int // heartbeats since the link was last down
	hadBeenUp bool
	hearsUs   bool
	inbound   bool // heard within LinkTimeout

	strikes        int
	suspendedUntil Millis // its veto and its announcements do not count (E10)
	suspensions    int
	followFailures int
}

func (p *peer) up() bool {
	return p.inbound && p.hearsUs && (p.good >= goodHeartbeatsMin || !p.hadBeenUp)
}

func (p *peer) expire(now, timeout Millis) {
	if p.inbound && now-p.lastHeard > timeout {
		p.down()
	}
}

func (p *peer) down() {
	if p.up() {
		p.hadBeenUp = true
	}
	p.inbound, p.hearsUs, p.good = false, false, 0
}

// Refused tells the election that id's host answered and its process did not:
// the silence of id needs no waiting for.
func (c *Core) Refused(id zxid.ServerID) {
	p := c.peers[id]
	if p == nil || !p.inbound {
		return
	}
	p.down()
	// A process that died comes back as a new one; it is no flapping link.
	p.hadBeenUp = false
	c.consider()
}

// up reports whether the link to id works both ways; the server itself is up.
func (c *Core) up(id zxid.ServerID) bool {
	if id == c.opt.Self {
		return true
	}
	p := c.peers[id]
	return p != nil && p.up()
}

// connected is E3: the server and its up links hold a quorum.
func (c *Core) connected() bool { return c.quorum(c.up) }

func (c *Core) eligible() bool {
	return c.local.Eligible && c.voter(c.opt.Self) && c.now >= c.penaltyUntil
}

// beat sends a heartbeat to every peer. A leader that is not established yet
// repeats its announcement with it (E9).
func (c *Core) beat() {
	c.nextBeat = c.now + c.opt.Timing.Heartbeat
	var heard []zxid.ServerID
	for _, id := range c.local.Peers {
		if c.peers[id].inbound {
			heard = append(heard, id)
		}
	}
	c.broadcast(Message{Kind: Heartbeat, Role: c.local.Role, Leader: c.local.Leader, LeaderEpoch: c.local.LeaderEpoch,
		Established: c.local.Established, Live: c.local.Live, Eligible: c.eligible(), Connected: c.connected(),
		Blank: c.local.Blank, Heard: heard})
	if c.local.Role == Leading && !c.local.Established {
		c.broadcast(Message{Kind: Coordinator, Round: c.round})
	}
}

func (c *Core) heardFrom(m *Message) {
	p := c.peers[m.From]
	p.lastHeard = c.now
	if m.Kind != Heartbeat {
		return
	}
	p.everHeard = true
	p.inbound = true
	p.last = *m
	hears := false
	for _, id := range m.Heard {
		if id == c.opt.Self {
			hears = true
		}
	}
	if !hears {
		if p.up() {
			p.hadBeenUp = true
		}
		p.hearsUs, p.good = false, 0
		return
	}
	wasUp := p.up()
	p.hearsUs = true
	p.good++
	if !wasUp && p.up() && c.local.Role == Looking {
		// The other side learns at once that it is heard; a cluster that
		// starts is connected after one exchange instead of two periods.
		c.beat()
	}
}
