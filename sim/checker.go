package sim

import (
	"slices"

	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// checker knows what happened in the whole cluster and compares. The numbers in
// its messages are those of the invariants.
type checker struct {
	w        *World
	leaders  map[zxid.Epoch]zxid.ServerID
	promises map[promise]zxid.ServerID
	chains   map[zxid.Zxid]uint64 // of every record that was ever in a log
	digests  map[zxid.Zxid]uint64 // of every state that was the last of a batch
	requests map[request]zxid.Zxid
	archive  map[zab.Incarnation]entries // what lost directories held
	decided  map[zxid.Epoch]entry        // the last record that a leader of this epoch committed first
	applies  map[zxid.Epoch]zxid.Zxid    // the last record of this epoch that anybody applied

	committed   entry   // the newest commit point of all
	order       entries // everything up to it: the global order
	sharedAcked int     // highest version of the shared counter that was answered
	writes      int     // answered operations
	newestWrite zxid.Zxid
	claimed     claim
	established int
	snapshots   int
}

type promise struct {
	incarnation [16]byte
	epoch       zxid.Epoch
}

type request struct {
	origin zxid.ServerID
	number uint64
}

func newChecker(w *World) *checker {
	return &checker{w: w, leaders: make(map[zxid.Epoch]zxid.ServerID), promises: make(map[promise]zxid.ServerID),
		chains: make(map[zxid.Zxid]uint64), digests: make(map[zxid.Zxid]uint64), requests: make(map[request]zxid.Zxid),
		archive: make(map[zab.Incarnation]entries), decided: make(map[zxid.Epoch]entry), applies: make(map[zxid.Epoch]zxid.Zxid)}
}

// persists looks at what a server gives its disk to write.
func (k *checker) persists(s *server, ops []zab.PersistOp) {
	for i := range ops {
		op := &ops[i]
		var installed entry
		switch op.Kind {
		case zab.PersistAppend:
			last := s.history.written.last()
			for _, r := range op.Records {
				k.appended(s, last, r)
				last = entry{r.Zxid, r.Chain}
			}
		case zab.PersistInstall:
			if a := s.arrived[op.Link]; a != nil {
				installed = entry{a.State.Zxid, a.State.Chain}
			}
		case zab.PersistPromise:
			if s.history.accepted > op.Epoch {
				k.w.fail("server %d promises epoch %d after %d (I2)", s.id, op.Epoch, s.history.accepted)
			}
		case zab.PersistTruncate, zab.PersistBarrier, zab.PersistMark:
		}
		s.history.queued(op, installed)
	}
}

// promised checks that an epoch is never promised to two servers by one data
// directory (I2).
func (k *checker) promised(s *server, e zxid.Epoch, to zxid.ServerID) {
	key := promise{s.identity(), e}
	if other, ok := k.promises[key]; ok && other != to {
		k.w.fail("server %d promises epoch %d to server %d and to server %d (I2)", s.id, e, other, to)
	}
	k.promises[key] = to
}

// appended checks a record on its way into a log: it follows, and whoever has a
// record of that number has the same one, with the same history before it (I4,
// I5).
func (k *checker) appended(s *server, last entry, r record.Record) {
	if !r.Zxid.Follows(last.zxid) {
		k.w.fail("server %d appends %s behind %s (I4)", s.id, r.Zxid, last.zxid)
	}
	if want := record.NextChain(last.chain, r.Zxid, r.Kind, r.Body()); want != r.Chain && (last.zxid != 0 || r.Zxid.Counter() == 0) {
		k.w.fail("server %d appends %s whose chain does not follow that of %s (I4)", s.id, r.Zxid, last.zxid)
	}
	if c, ok := k.chains[r.Zxid]; ok && c != r.Chain {
		k.w.fail("server %d has another record %s than was in a log before (I5)", s.id, r.Zxid)
	}
	if _, known := k.chains[r.Zxid]; !known {
		k.proposed(s, r)
	}
	k.chains[r.Zxid] = r.Chain
}

// proposed looks at a record that is in a log for the first time.
func (k *checker) proposed(s *server, r record.Record) {
	if r.Zxid.Counter() == 1 {
		k.primaryIntegrity(s, r.Zxid.Epoch())
	}
	if r.Kind != record.Transaction {
		return
	}
	var txn tree.Transaction
	if err := tree.DecodeTransaction(r.Body(), &txn); err != nil {
		k.w.fail("server %d logs %s, which does not decode: %v", s.id, r.Zxid, err)
		return
	}
	if txn.Request != 0 {
		key := request{txn.Origin, txn.Request}
		if other, ok := k.requests[key]; ok {
			k.w.fail("request %d of server %d is ordered as %s and as %s (I13)", txn.Request, txn.Origin, other, r.Zxid)
		}
		k.requests[key] = r.Zxid
	} else if txn.Op == tree.OpCloseSession {
		k.w.expired(s, txn.Session)
	}
}

// primaryIntegrity: a leader's first transaction comes after it delivered
// everything that anybody delivered from earlier epochs (I12).
func (k *checker) primaryIntegrity(s *server, e zxid.Epoch) {
	if k.leaders[e] != s.id {
		return // the leader itself proposes before anybody else logs it
	}
	for earlier, z := range k.applies {
		if earlier < e && s.replica.Core().Delivered() < z {
			k.w.fail("leader %d of epoch %d proposes before it delivered %s (I12)", s.id, e, z)
		}
	}
}

func (k *checker) event(s *server, e *zab.Event) {
	k.w.trace("server %d: %s server %d epoch %d zxid %s %s", s.id, e.Kind, e.Server, e.Epoch, e.Zxid, e.Detail)
	switch e.Kind {
	case zab.Established:
		k.leads(s, e.Epoch)
	case zab.MembersChanged:
		k.membersChanged(s, e.Zxid)
	default:
	}
}

// leads checks a leader that a quorum has promised to: nobody else leads its
// epoch (I1), and it has what leaders of earlier epochs committed (I8).
func (k *checker) leads(s *server, e zxid.Epoch) {
	k.established++
	if other, ok := k.leaders[e]; ok && other != s.id {
		k.w.fail("epoch %d has the leaders %d and %d (I1)", e, other, s.id)
	}
	k.leaders[e] = s.id
	for earlier, c := range k.decided {
		if earlier < e && !k.contains(s.history.written, c) {
			k.w.fail("leader %d of epoch %d lacks %s, committed in epoch %d (I8)", s.id, e, c.zxid, earlier)
		}
	}
}

// membersChanged checks the leader's commit of a configuration: a majority of
// the one before has it too (C3).
func (k *checker) membersChanged(s *server, z zxid.Zxid) {
	if !s.replica.Core().IsLeader() || len(s.inForce) < 2 {
		return
	}
	if e, ok := s.history.written.at(z); ok && z > k.committed.zxid {
		k.quorumHas(s, s.inForce[0], e)
	}
}

// quorumHas checks that a record is durable on a majority of a configuration
// (I6). A directory that was lost since counts with what it held.
func (k *checker) quorumHas(s *server, cfg *zab.Configuration, e entry) {
	have := 0
	for _, m := range cfg.Members {
		if !m.Voter {
			continue
		}
		durable := k.archive[m.Incarnation]
		if o := k.w.servers[m.ID-1]; o.identity() == m.Incarnation {
			durable = o.history.durable
		}
		if k.contains(durable, e) {
			have++
		}
	}
	if have <= len(cfg.Voters())/2 {
		k.w.fail("server %d commits %s, which %d of %d voters have (I6)", s.id, e.zxid, have, len(cfg.Voters()))
	}
}

// contains reports whether a log that may begin with a snapshot contains e. What
// lies before the snapshot is judged by the global order.
func (k *checker) contains(log entries, e entry) bool {
	if len(log) > 0 && e.zxid < log[0].zxid {
		return k.order.holds(e) && k.order.holds(log[0])
	}
	return log.holds(e)
}

// turn checks a server after each of its turns.
func (k *checker) turn(s *server) {
	core, state := s.replica.Core(), s.replica.State()
	if accepted, _ := core.Accepted(); s.history.written.last().zxid.Epoch() > accepted {
		k.w.fail("server %d has a record of epoch %d and accepted %d (I3)", s.id, s.history.written.last().zxid.Epoch(), accepted)
	}
	if state.Zxid > core.Committed() || state.Zxid > s.history.durable.last().zxid {
		k.w.fail("server %d applied %s; committed is %s, durable %s (I15)", s.id, state.Zxid, core.Committed(), s.history.durable.last().zxid)
	}
	k.bounds(s)
}

// commits takes note of a server's commit point.
func (k *checker) commits(s *server) {
	core := s.replica.Core()
	s.inForce = core.InForce(s.inForce[:0])
	if z := core.Committed(); z > k.committed.zxid {
		k.commit(s, z)
	}
}

// commit checks a commit point that nobody had before (I6, B5).
func (k *checker) commit(s *server, z zxid.Zxid) {
	e, ok := s.history.written.at(z)
	if !ok {
		k.w.fail("server %d commits %s, which is not in its log", s.id, z)
		return
	}
	for i, cfg := range s.inForce {
		if i == 1 && s.history.configurations[len(s.history.configurations)-1] > z {
			continue // only what comes behind a configuration needs its majority (C3)
		}
		k.quorumHas(s, cfg, e)
	}
	for _, next := range s.history.written.through(z) {
		if next.zxid > k.committed.zxid {
			k.order = append(k.order, next)
		}
	}
	k.committed = e
	_, epoch := s.replica.Core().Leader()
	if have := k.decided[epoch]; z > have.zxid {
		k.decided[epoch] = e
	}
}

// applied compares a server's state with that of everybody who has applied the
// same record: the chain stands for the whole history (I7, I9 to I11), the
// digest for the state (I17).
func (k *checker) applied(s *server, before zxid.Zxid) {
	st := s.replica.State()
	if st.Zxid <= before {
		k.w.fail("server %d applied %s after %s (I15)", s.id, st.Zxid, before)
	}
	s.snapshots.applied += uint64(st.Zxid.Counter())
	if st.Zxid.Epoch() == before.Epoch() {
		s.snapshots.applied -= uint64(before.Counter())
	}
	k.compare(s, st)
}

func (k *checker) compare(s *server, st *replica.State) {
	if c, ok := k.chains[st.Zxid]; !ok || c != st.Chain {
		k.w.fail("server %d has another history up to %s than was logged elsewhere (I7)", s.id, st.Zxid)
	}
	d := st.Tree.Digest()
	if have, ok := k.digests[st.Zxid]; ok && have != d {
		k.w.fail("server %d has another state at %s than another server (I17)", s.id, st.Zxid)
	}
	k.digests[st.Zxid] = d
	k.applies[st.Zxid.Epoch()] = max(k.applies[st.Zxid.Epoch()], st.Zxid)
}

// restarted checks what a server finds on its disk: everything that it was told
// is durable, and no more than it ever had.
func (k *checker) restarted(s *server, st *replica.State, rec *zab.Recovered) {
	l := &s.history
	found := entries{{st.Zxid, st.Chain}}
	for _, r := range rec.Tail {
		found = append(found, entry{r.Zxid, r.Chain})
	}
	if st.Zxid != 0 {
		k.compare(s, st)
	}
	must := l.durable
	if z, ok := l.undoes(); ok {
		must = must.through(z)
	}
	if want := must.last(); want.zxid > st.Zxid && !found.holds(want) {
		k.w.fail("server %d lost %s, which was durable; it finds %s (I6)", s.id, want.zxid, found.last().zxid)
	}
	if rec.Accepted < l.accepted || rec.Accepted == l.accepted && rec.PromisedTo != l.promised {
		k.w.fail("server %d promised epoch %d to server %d; it finds %d to %d (I2)", s.id, l.accepted, l.promised, rec.Accepted, rec.PromisedTo)
	}
	for _, e := range found[1:] {
		if c, ok := k.chains[e.zxid]; !ok || c != e.chain {
			k.w.fail("server %d finds a record %s that nobody ever wrote (I5)", s.id, e.zxid)
		}
	}
	l.restarted(found[0], rec)
}

// lost notes what a data directory held when it was lost.
func (k *checker) lost(s *server) {
	if id := s.identity(); id != [16]byte{} {
		k.archive[id] = slices.Clone(s.history.durable)
	}
	s.history = ledger{}
}

func (k *checker) installed(s *server) {
	k.snapshots++
	k.compare(s, s.replica.State())
}
