package peer

import (
	"maps"
	"slices"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Peer says where another server is. Addresses are "host:port" and are resolved
// on every dial (F29).
type Peer struct {
	ID            zxid.ServerID
	ServerAddress string
	LeaderAddress string
	// Elsewhere is where else it may be, tried in turn: the node table and the
	// configuration in the log may differ while servers move.
	Elsewhere []Place
}

// Place is another pair of addresses of a Peer.
type Place struct{ ServerAddress, LeaderAddress string }

func (p Peer) serverAddress(attempt int) string {
	if i := attempt % (1 + len(p.Elsewhere)); i > 0 {
		return p.Elsewhere[i-1].ServerAddress
	}
	return p.ServerAddress
}

func (p Peer) leaderAddresses() []string {
	out := []string{p.LeaderAddress}
	for _, e := range p.Elsewhere {
		out = append(out, e.LeaderAddress)
	}
	return out
}

func (p Peer) equal(q Peer) bool {
	return p.ID == q.ID && p.ServerAddress == q.ServerAddress && p.LeaderAddress == q.LeaderAddress && slices.Equal(p.Elsewhere, q.Elsewhere)
}

// roster is the servers that are spoken to. It is replaced, never changed.
type roster struct {
	peers   map[zxid.ServerID]Peer
	senders map[zxid.ServerID]*electionSender
}

// Peers returns what SetPeers was told last, in no particular order.
func (t *Transport) Peers() []Peer { return slices.Collect(maps.Values(t.roster.Load().peers)) }

// Hears reports whether server id has a connection to this one's server_port.
func (t *Transport) Hears(id zxid.ServerID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hearing[id] != nil
}

// SetPeers says who the other servers are from now on. Connections to those that
// stay where they were go on, and so do links; a server that is gone from the
// list is not spoken to on server_port any more.
func (t *Transport) SetPeers(peers []Peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.roster.Load()
	next := &roster{peers: map[zxid.ServerID]Peer{}, senders: map[zxid.ServerID]*electionSender{}}
	leaving := maps.Clone(old.senders)
	for _, p := range peers {
		if p.ID == t.opt.Self {
			continue
		}
		next.peers[p.ID] = p
		if s := old.senders[p.ID]; s != nil && s.peer.equal(p) {
			next.senders[p.ID] = s
			delete(leaving, p.ID)
			continue
		}
		s := newElectionSender(t, p)
		next.senders[p.ID] = s
		if !t.closed {
			t.wg.Go(s.run)
		}
	}
	for _, s := range leaving {
		s.cancel()
	}
	t.roster.Store(next)
}
