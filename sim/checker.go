package sim

import (
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// checker knows what happened in the whole cluster and compares.
type checker struct {
	w       *World
	leaders map[zxid.Epoch]zxid.ServerID
	chains  map[zxid.Zxid]uint64 // of every record that was applied last in a batch
	digests map[zxid.Zxid]uint64
	newest  zxid.Zxid

	sharedAcked int // highest version of the shared counter that was answered
	writes      int // answered operations
	established int
	snapshots   int
}

func newChecker(w *World) *checker {
	return &checker{w: w, leaders: make(map[zxid.Epoch]zxid.ServerID), chains: make(map[zxid.Zxid]uint64), digests: make(map[zxid.Zxid]uint64)}
}

func (k *checker) event(s *server, e *zab.Event) {
	k.w.trace("server %d: event %d server %d epoch %d zxid %s %s", s.id, e.Kind, e.Server, e.Epoch, e.Zxid, e.Detail)
	switch e.Kind {
	case zab.Established:
		k.established++
		if other, ok := k.leaders[e.Epoch]; ok && other != s.id {
			k.w.fail("epoch %d has the leaders %d and %d (I1)", e.Epoch, other, s.id)
		}
		k.leaders[e.Epoch] = s.id
	default:
	}
}

// applied compares a server's state with that of everybody who has applied the
// same record: the chain stands for the whole history (I5, I7), the digest for
// the state (I17).
func (k *checker) applied(s *server, before zxid.Zxid) {
	st := s.replica.State()
	if st.Zxid <= before {
		k.w.fail("server %d applied %s after %s (I15)", s.id, st.Zxid, before)
	}
	s.applied += uint64(st.Zxid.Counter())
	if st.Zxid.Epoch() == before.Epoch() {
		s.applied -= uint64(before.Counter())
	}
	k.compare(s)
}

func (k *checker) compare(s *server) {
	st := s.replica.State()
	if c, ok := k.chains[st.Zxid]; ok && c != st.Chain {
		k.w.fail("server %d has another history up to %s than was applied elsewhere (I7)", s.id, st.Zxid)
	}
	d := st.Tree.Digest()
	if have, ok := k.digests[st.Zxid]; ok && have != d {
		k.w.fail("server %d has another state at %s than another server (I17)", s.id, st.Zxid)
	}
	k.chains[st.Zxid], k.digests[st.Zxid] = st.Chain, d
	k.newest = max(k.newest, st.Zxid)
}

func (k *checker) restarted(s *server) {
	if s.replica.State().Zxid != 0 {
		k.compare(s)
	}
}

func (k *checker) installed(s *server) {
	k.snapshots++
	k.compare(s)
}

// finish judges the run after the faults have stopped: everybody has the same
// state, and what was answered is in it.
func (k *checker) finish() {
	first := k.w.servers[0].replica.State()
	for _, s := range k.w.servers[1:] {
		if st := s.replica.State(); st.Zxid != first.Zxid || st.Tree.Digest() != first.Tree.Digest() {
			k.w.fail("at the end server %d is at %s, server 1 at %s", s.id, st.Zxid, first.Zxid)
		}
	}
	shared, ok, tried := 0, 0, 0
	for _, c := range k.w.clients {
		ok += c.casOK
		tried += c.casTried
		if got := k.w.number(c.path()); c.made == len(c.paths()) && (got < c.acked || got > c.tried) {
			k.w.fail("client %d was answered %d and sent %d, the node holds %d (I21)", c.n, c.acked, c.tried, got)
		}
	}
	shared = int(k.w.sharedVersion(k.w.servers[0]))
	if shared < ok || shared > tried {
		k.w.fail("the shared counter is at %d; %d increments were answered, %d sent (I21)", shared, ok, tried)
	}
}
