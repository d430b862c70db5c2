package sim

import (
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
)

// network carries messages between servers: election messages one by one,
// replication messages in order on connections that may break.
type network struct {
	w        *World
	cut      [2]map[[2]zxid.ServerID]bool // by port: from, to
	lossPct  int                          // of election messages
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
}

func newNetwork(w *World) *network {
	n := &network{w: w, links: make(map[zab.LinkID]*simLink), delayMax: 1000}
	for p := range n.cut {
		n.cut[p] = make(map[[2]zxid.ServerID]bool)
	}
	return n
}

func (n *network) isCut(p port, from, to zxid.ServerID) bool {
	return n.cut[p][[2]zxid.ServerID{from, to}]
}

func (n *network) delay() int64 { return 50 + n.w.net.Int64N(n.delayMax) }

func (n *network) sendAll(s *server, rd *replica.Ready) {
	for _, o := range rd.Election {
		n.sendElection(s, o.To, o.M)
	}
	for _, o := range rd.Send {
		n.deliver(s, o.Link, func(to *server) { to.replica.Message(o.Link, &o.M) })
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
			s.later(n.delay(), func() { s.input(func() { s.replica.PeerRefused(to) }) })
		}
		return
	}
	copies := 1
	if n.w.net.IntN(100) < n.lossPct {
		copies = 2
	}
	for range copies {
		peer.later(n.delay(), func() { peer.input(func() { peer.replica.ElectionMessage(&m) }) })
	}
}

// ends returns the sending and the receiving side of a link, seen from s.
func (l *simLink) other(s *server) (to *server, life uint64, last *int64) {
	if s == l.a {
		return l.b, l.bLife, &l.lastToB
	}
	return l.a, l.aLife, &l.lastToA
}

// deliver brings a message to the other end, in order, unless the connection or
// that process is gone by then. What meets a cut is late until TCP gives up.
func (n *network) deliver(s *server, id zab.LinkID, do func(to *server)) {
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
	at := max(n.w.sched.now+n.delay(), *last+1)
	*last = at
	n.w.sched.after(at-n.w.sched.now, func() {
		if to.up && to.life == life && !l.closed {
			to.input(func() {
				if !l.closed {
					do(to)
				}
			})
		}
	})
}

func (n *network) sendSnapshot(s *server, id zab.LinkID, z zxid.Zxid, b []byte) {
	n.deliver(s, id, func(to *server) { to.receiveSnapshot(id, z, b) })
}

func (n *network) dial(s *server, to zxid.ServerID) {
	peer := n.w.servers[to-1]
	if n.isCut(leaderPort, s.id, to) || n.isCut(leaderPort, to, s.id) {
		s.later(1_000_000, func() { s.input(func() { s.replica.DialFailed(to, false) }) })
		return
	}
	if !peer.up {
		s.later(n.delay(), func() { s.input(func() { s.replica.DialFailed(to, true) }) })
		return
	}
	n.nextLink++
	l := &simLink{id: n.nextLink, a: s, b: peer, aLife: s.life, bLife: peer.life}
	n.links[l.id] = l
	n.order = append(n.order, l.id)
	n.deliver(s, l.id, func(b *server) { b.replica.LinkUp(l.id, s.id, zab.Incarnation(s.identity())) })
	n.deliver(peer, l.id, func(a *server) { a.replica.LinkUp(l.id, to, zab.Incarnation(peer.identity())) })
}

func (s *server) identity() [16]byte {
	if s.disk == nil {
		return [16]byte{}
	}
	return s.disk.Identity().Incarnation
}

// close ends a connection; both ends learn of it after a moment.
func (n *network) close(id zab.LinkID) {
	l := n.links[id]
	if l == nil || l.closed {
		return
	}
	l.closed = true
	delete(n.links, id)
	for _, end := range []struct {
		s    *server
		life uint64
	}{{l.a, l.aLife}, {l.b, l.bLife}} {
		n.w.sched.after(n.delay(), func() {
			if end.s.up && end.s.life == end.life {
				end.s.input(func() { end.s.replica.LinkDown(id) })
			}
		})
	}
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

// breakOne resets a connection.
func (n *network) breakOne() {
	if len(n.order) > 0 {
		n.close(n.order[n.w.net.IntN(len(n.order))])
	}
}

// heal ends all cuts, and every connection that lost something.
func (n *network) heal() {
	for p := range n.cut {
		clear(n.cut[p])
	}
	for _, id := range n.order {
		if l := n.links[id]; l != nil && l.stranded {
			n.close(id)
		}
	}
}

// partition cuts the network in one of several shapes.
func (n *network) partition() {
	n.heal()
	servers := len(n.w.servers)
	ports := []port{electionPort, leaderPort}
	switch n.w.net.IntN(4) {
	case 0:
		ports = ports[:1]
	case 1:
		ports = ports[1:]
	default: // both
	}
	oneWay := n.w.net.IntN(3) == 0
	group := make([]bool, servers+1)
	shape := n.w.net.IntN(4)
	lone := zxid.ServerID(1 + n.w.net.IntN(servers))
	for i := range group {
		group[i] = n.w.net.IntN(2) == 0
	}
	for a := zxid.ServerID(1); int(a) <= servers; a++ {
		for b := zxid.ServerID(1); int(b) <= servers; b++ {
			var cut bool
			switch shape {
			case 0: // one server alone
				cut = a == lone || b == lone && !oneWay
			case 1: // two halves
				cut = group[a] && !group[b] || !oneWay && group[b] && !group[a]
			case 2: // a hub that everybody reaches, and nobody else
				cut = a != lone && b != lone
			case 3: // a chain
				cut = a != b+1 && b != a+1
			}
			for _, p := range ports {
				if cut && a != b {
					n.cut[p][[2]zxid.ServerID{a, b}] = true
				}
			}
		}
	}
}
