package sim

import (
	"math/rand/v2"

	"github.com/zabkeeper/zabkeeper/election"
	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// port tells the two kinds of connections apart; they may fail separately.
type port int

const (
	electionPort port = iota
	leaderPort
	ports
)

// way is one direction between two servers.
type way [2]zxid.ServerID

// network carries messages between servers: election messages one by one,
// replication messages in order on connections that may break.
type network struct {
	w        *World
	dead     [ports]bool         // for everybody
	cut      [ports]map[way]bool // from, to
	clogged  map[way]int64       // nothing arrives before this time
	lossPct  int                 // of election messages
	delayMax int64
	links    map[zab.LinkID]*simLink
	order    []zab.LinkID
	nextLink zab.LinkID
}

// simLink is one replication connection.
type simLink struct {
	id       zab.LinkID
	a, b     *server // follower, leader
	aLife    uint64
	bLife    uint64
	lastToA  int64 // when the last message on the way arrives: order is kept
	lastToB  int64
	closed   bool
	stranded bool // one end does not know that the other is gone
	underWay []underWay
	bytes    int // of underWay
}

func newNetwork(w *World) *network {
	n := &network{w: w, links: make(map[zab.LinkID]*simLink), clogged: make(map[way]int64), delayMax: 1000}
	for p := range n.cut {
		n.cut[p] = make(map[way]bool)
	}
	return n
}

func (n *network) isCut(p port, from, to zxid.ServerID) bool {
	return n.dead[p] || n.cut[p][way{from, to}]
}

// delay returns how long a message takes.
func (n *network) delay(from, to *server) int64 {
	d := 50 + n.w.net.Int64N(n.delayMax)
	if until := n.clogged[way{from.id, to.id}]; until > n.w.sched.now {
		d += until - n.w.sched.now
	}
	return d
}

func (n *network) sendAll(s *server, rd *replica.Ready) {
	for _, o := range rd.Election {
		n.sendElection(s, o.To, o.M)
	}
	for _, o := range rd.Send {
		if l := n.links[o.Link]; l != nil {
			n.w.check.sends(s, l, &o.M)
		}
		n.deliver(s, o.Link, func(to *server, l *simLink) {
			if o.M.Kind == zab.Acknowledge {
				l.acknowledged(o.M.Zxid)
			}
			to.replica.Message(o.Link, &o.M)
		})
	}
	for _, id := range rd.Close {
		n.close(id)
	}
	if rd.Dial != 0 {
		n.dial(s, rd.Dial)
	}
}

func (n *network) sendElection(s *server, to zxid.ServerID, m election.Message) {
	if n.isCut(electionPort, s.id, to) || n.w.net.IntN(100) < n.lossPct {
		return
	}
	peer := n.w.servers[to-1]
	if !peer.up {
		if !n.isCut(electionPort, to, s.id) {
			s.later(n.delay(s, peer), func() { s.input(func() { s.replica.PeerRefused(to) }) })
		}
		return
	}
	copies := 1
	if n.w.net.IntN(100) < n.lossPct {
		copies = 2
	}
	for range copies {
		peer.later(n.delay(s, peer), func() { peer.input(func() { peer.replica.ElectionMessage(&m) }) })
	}
}

// other returns the receiving side of a link, seen from s.
func (l *simLink) other(s *server) (to *server, life uint64, last *int64) {
	if s == l.a {
		return l.b, l.bLife, &l.lastToB
	}
	return l.a, l.aLife, &l.lastToA
}

// deliver brings a message to the other end, in order, unless the connection or
// that process is gone by then. What meets a cut is late until TCP gives up.
func (n *network) deliver(s *server, id zab.LinkID, do func(to *server, l *simLink)) {
	l := n.links[id]
	if l == nil || l.closed {
		return
	}
	to, life, last := l.other(s)
	if n.isCut(leaderPort, s.id, to.id) {
		l.stranded = true
	}
	if l.stranded {
		return // a connection never skips bytes: once one is lost, all are
	}
	at := max(n.w.sched.now+n.delay(s, to), *last+1)
	*last = at
	n.w.sched.after(at-n.w.sched.now, func() {
		if to.up && to.life == life && !l.closed {
			to.input(func() {
				if !l.closed {
					do(to, l)
				}
			})
		}
	})
}

func (n *network) sendSnapshot(s *server, id zab.LinkID, z zxid.Zxid, b []byte) {
	n.deliver(s, id, func(to *server, _ *simLink) { to.receiveSnapshot(s, id, z, b) })
}

func (n *network) dial(s *server, to zxid.ServerID) {
	peer := n.w.servers[to-1]
	if n.isCut(leaderPort, s.id, to) || n.isCut(leaderPort, to, s.id) {
		s.later(1_000_000, func() { s.input(func() { s.replica.DialFailed(to, false) }) })
		return
	}
	if !peer.up {
		s.later(n.delay(s, peer), func() { s.input(func() { s.replica.DialFailed(to, true) }) })
		return
	}
	n.nextLink++
	l := &simLink{id: n.nextLink, a: s, b: peer, aLife: s.life, bLife: peer.life}
	n.links[l.id] = l
	n.order = append(n.order, l.id)
	n.deliver(s, l.id, func(b *server, _ *simLink) { b.replica.LinkUp(l.id, s.id, zab.Incarnation(s.identity())) })
	n.deliver(peer, l.id, func(a *server, _ *simLink) { a.replica.LinkUp(l.id, to, zab.Incarnation(peer.identity())) })
}

// close ends a connection; both ends learn of it after a moment.
func (n *network) close(id zab.LinkID) { n.closeLate(id, 0, 0) }

// closeLate ends a connection of which the ends learn so much later.
func (n *network) closeLate(id zab.LinkID, lateA, lateB int64) {
	l := n.links[id]
	if l == nil || l.closed {
		return
	}
	delete(n.links, id)
	if lateA == 0 && lateB == 0 {
		l.closed = true
	}
	l.stranded = true
	n.tell(l, l.a, l.aLife, lateA)
	n.tell(l, l.b, l.bLife, lateB)
}

func (n *network) tell(l *simLink, s *server, life uint64, late int64) {
	n.w.sched.after(50+n.w.net.Int64N(n.delayMax)+late, func() {
		l.closed = true
		if s.up && s.life == life {
			s.input(func() { s.replica.LinkDown(l.id) })
		}
	})
}

// crashed closes every connection of a process that is gone.
func (n *network) crashed(s *server) {
	kept := n.order[:0]
	for _, id := range n.order {
		l := n.links[id]
		if l == nil {
			continue
		}
		if l.a == s || l.b == s {
			n.close(id)
			continue
		}
		kept = append(kept, id)
	}
	n.order = kept
}

// breakOne resets a connection; one end may learn of it late.
func (n *network) breakOne(r *rand.Rand, late int64) {
	if len(n.order) == 0 {
		return
	}
	id := n.order[r.IntN(len(n.order))]
	if r.IntN(2) == 0 {
		n.closeLate(id, late, 0)
	} else {
		n.closeLate(id, 0, late)
	}
}

// clog holds up everything from one server to another until then.
func (n *network) clog(from, to *server, until int64) {
	n.clogged[way{from.id, to.id}] = until
}

// flap cuts a server off and connects it again five times a second.
func (n *network) flap(s *server, until int64) {
	down := false
	var toggle func()
	toggle = func() {
		if !n.w.faulty || n.w.sched.now > until {
			down = true // ends connected
		}
		down = !down
		n.isolate(s, down)
		if n.w.faulty && n.w.sched.now <= until {
			n.w.sched.after(200_000, toggle)
		}
	}
	toggle()
}

// isolate cuts all ways of a server, or heals them.
func (n *network) isolate(s *server, cut bool) {
	for _, o := range n.w.servers {
		for p := range n.cut {
			if o != s && cut {
				n.cut[p][way{s.id, o.id}], n.cut[p][way{o.id, s.id}] = true, true
			} else {
				delete(n.cut[p], way{s.id, o.id})
				delete(n.cut[p], way{o.id, s.id})
			}
		}
	}
	if !cut {
		n.resetStranded()
	}
}

// heal ends all cuts, and every connection that lost something.
func (n *network) heal() {
	for p := range n.cut {
		clear(n.cut[p])
	}
	clear(n.clogged)
	n.resetStranded()
}

func (n *network) resetStranded() {
	for _, id := range n.order {
		if l := n.links[id]; l != nil && l.stranded {
			n.close(id)
		}
	}
}
