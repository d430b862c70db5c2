package node

import (
	"fmt"
	"slices"
	"sync"

	"github.com/zabkeeper/zabkeeper/peer"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// guestsMax bounds the servers that are let in without being members.
const guestsMax = 64

// guestBook knows the servers that follow without being members: new ones that
// wait to be added, and removed ones that were not stopped. Hellos come on
// goroutines of the transport, so it has a lock of its own.
type guestBook struct {
	mu   sync.Mutex
	byID map[zxid.ServerID]guest
}

type guest struct {
	incarnation zab.Incarnation // zero: any
	at          wire.EnsembleServer
}

func (g *guestBook) add(id zxid.ServerID, in guest) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	have, known := g.byID[id]
	switch {
	case known && have.incarnation != in.incarnation && have.incarnation != zab.Incarnation{} && in.incarnation != zab.Incarnation{}:
		return fmt.Errorf("server number %d is taken by another new server, %s; start this one with another --id", id, have.at.String())
	case !known && len(g.byID) >= guestsMax:
		return fmt.Errorf("%d servers follow without being members, which is the most", guestsMax)
	}
	if g.byID == nil {
		g.byID = make(map[zxid.ServerID]guest)
	}
	g.byID[id] = in
	return nil
}

func (g *guestBook) find(id zxid.ServerID) (guest, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	found, known := g.byID[id]
	return found, known
}

func (g *guestBook) remove(id zxid.ServerID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, known := g.byID[id]
	delete(g.byID, id)
	return known
}

func (g *guestBook) peers() []peer.Peer {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []peer.Peer
	for id, in := range g.byID {
		out = append(out, peer.Peer{ID: id, ServerAddress: in.at.ElectionAddress(), LeaderAddress: in.at.QuorumAddress()})
	}
	return out
}

// admitGuest lets in a server that is no member, where the cluster exists and
// the server says how to reach it.
func (n *Node) admitGuest(h *peer.Hello) error {
	if n.disk.Identity().ClusterID == [16]byte{} {
		return fmt.Errorf("server number %d is not in the node table, and this cluster is not founded yet", h.Server)
	}
	at, err := wire.ParseEnsembleServer(h.Row)
	if err != nil || at.Number != uint32(h.Server) {
		return fmt.Errorf("server number %d is not a member; start it with --join to add it", h.Server)
	}
	if err := n.guests.add(h.Server, guest{h.Incarnation, at}); err != nil {
		return err
	}
	id := h.Server
	n.inbox.post(func() {
		n.replica.AddGuest(id)
		n.refreshPeers()
	})
	return nil
}

// HearingEnded implements peer.Handler: a guest that is gone is forgotten. When
// it comes back it introduces itself again.
func (p peerInbox) HearingEnded(id zxid.ServerID) {
	n := p.n
	if n.guests.remove(id) {
		n.inbox.post(func() {
			n.replica.RemoveGuest(id)
			n.refreshPeers()
		})
	}
}

// own is this server's row of the node table, or what it joins with.
func (o *Options) own() Member {
	for _, m := range o.Members {
		if m.ID == o.ID {
			return m
		}
	}
	return o.Joining
}

// alone reports whether there are no ports for other servers.
func (o *Options) alone() bool { return o.own().ServerAddress == "" }

// refreshPeers tells the transport whom the configurations in force, and the
// guests, make this server's peers.
func (n *Node) refreshPeers() {
	t := n.loop.transport.Load()
	if t == nil {
		return
	}
	peers := n.memberPeers()
	isMember := func(id zxid.ServerID) bool {
		return slices.ContainsFunc(peers, func(p peer.Peer) bool { return p.ID == id })
	}
	for _, p := range t.Peers() {
		// A member that was removed and is here goes on as a guest.
		at, wasMember := n.loop.rows[p.ID]
		_, isGuest := n.guests.find(p.ID)
		if wasMember && !isMember(p.ID) && !isGuest && t.Hears(p.ID) && n.guests.add(p.ID, guest{at: at}) == nil {
			n.replica.AddGuest(p.ID)
		}
	}
	for _, p := range n.guests.peers() {
		if !isMember(p.ID) {
			peers = append(peers, p)
		}
	}
	t.SetPeers(peers)
}

// memberPeers are the members' places. The configuration in the log rules (N6);
// the node table says where else a server may be.
func (n *Node) memberPeers() []peer.Peer {
	places := make(map[zxid.ServerID]peer.Peer)
	var ids []zxid.ServerID
	note := func(id zxid.ServerID, server, leader string) {
		p, known := places[id]
		switch at := (peer.Place{ServerAddress: server, LeaderAddress: leader}); {
		case server == "" || leader == "":
			return
		case !known:
			p = peer.Peer{ID: id, ServerAddress: server, LeaderAddress: leader}
			ids = append(ids, id)
		case (peer.Place{ServerAddress: p.ServerAddress, LeaderAddress: p.LeaderAddress}) != at && !slices.Contains(p.Elsewhere, at):
			p.Elsewhere = append(p.Elsewhere, at)
		}
		places[id] = p
	}
	force := n.replica.Core().InForce(nil)
	members := make(map[zxid.ServerID]bool)
	for i := len(force) - 1; i >= 0; i-- {
		for _, m := range force[i].Members {
			members[m.ID] = true
			if at, err := wire.ParseEnsembleServer(fmt.Sprintf("server.%d=%s", m.ID, m.Address)); err == nil {
				n.loop.rows[m.ID] = at
				note(m.ID, at.ElectionAddress(), at.QuorumAddress())
			}
		}
	}
	for _, m := range n.opt.Members {
		if len(force) == 0 || members[m.ID] {
			note(m.ID, m.ServerAddress, m.LeaderAddress)
		}
	}
	var out []peer.Peer
	for _, id := range ids {
		if id != n.opt.ID {
			out = append(out, places[id])
		}
	}
	return out
}

// noteMembership follows this server into and out of its cluster.
func (n *Node) noteMembership() {
	cfg := n.replica.Core().Configuration()
	if cfg == nil {
		return
	}
	member := cfg.Member(n.opt.ID) != nil
	if member == n.loop.member {
		return
	}
	n.loop.member = member
	if member {
		n.loop.removed = false
		return
	}
	n.loop.removed = true
	n.log.Warn().Msg("this server was removed from its cluster: it follows without a vote and serves no clients; stop it, or add it again with zabkeeper node add")
}

// serves reports whether clients are to be let in: a removed server's clients
// move on (G06), and one that has joined and waits to be added shows what it has.
func (n *Node) serves() bool {
	return n.replica.Core().Serving() && !n.loop.removed
}
