package zab

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// The walk drives several cores through random events with an arbitrary oracle:
// anybody may be told to lead or to follow at any time, messages are delivered
// in any order between links, links break, servers crash and forget what was
// not synced, and data directories are lost. Safety must hold without any
// timing assumption; at the end everything is healed and the servers must agree.

type walkServer struct {
	id       zxid.ServerID
	core     *Core
	up       bool
	inc      Incarnation
	now      Millis
	accepted zxid.Epoch
	promised zxid.ServerID
	base     zxid.Zxid // the log holds what follows; the state at base is a snapshot
	baseAt   walkSnapshot
	log      []record.Record
	mark     zxid.Zxid
	pending  []PersistOp
	received map[LinkID]walkSnapshot

	delivered int // position in the global order
}

type walkSnapshot struct {
	s         Snapshot
	delivered int
}

type walkLink struct {
	id     LinkID
	a, b   *walkServer // follower, leader
	toA    []any       // Message or walkSnapshot
	toB    []any
	closed bool
}

type walk struct {
	t         *testing.T
	r         *rand.Rand
	seed      uint64
	servers   []*walkServer
	founders  int // the first of the servers; the others can be added
	links     []*walkLink
	nextID    LinkID
	dials     map[*walkServer]zxid.ServerID
	chains    map[zxid.Zxid]uint64
	leaders   map[zxid.Epoch]zxid.ServerID
	order     []record.Record
	by        []zxid.Epoch // epoch of whoever delivered order[i] first
	wipes     int
	reconfigs int
	trace     []string
}

func (w *walk) fail(format string, args ...any) {
	for _, line := range w.trace[max(0, len(w.trace)-60):] {
		w.t.Log(line)
	}
	w.t.Fatalf("seed %d: %s", w.seed, fmt.Sprintf(format, args...))
}

func (w *walk) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

func newWalk(t *testing.T, seed uint64, n, spares int) *walk {
	w := &walk{t: t, seed: seed, founders: n, r: rand.New(rand.NewPCG(seed, 7)), dials: map[*walkServer]zxid.ServerID{},
		chains: map[zxid.Zxid]uint64{}, leaders: map[zxid.Epoch]zxid.ServerID{}}
	for i := range n + spares {
		s := &walkServer{id: zxid.ServerID(i + 1), now: 1}
		s.inc[0], s.inc[1] = byte(i+1), 1
		w.servers = append(w.servers, s)
	}
	for _, s := range w.servers {
		w.start(s)
	}
	return w
}

func (w *walk) table() []Member {
	var out []Member
	for _, s := range w.servers[:w.founders] {
		out = append(out, Member{ID: s.id, Voter: true})
	}
	return out
}

func (w *walk) start(s *walkServer) {
	s.up = true
	s.pending, s.received = nil, map[LinkID]walkSnapshot{}
	rec := Recovered{Accepted: s.accepted, PromisedTo: s.promised, Base: s.base, Last: s.base, Applied: s.base,
		LastChain: s.baseAt.s.Chain, Spans: slices.Clone(s.baseAt.s.Spans), Tail: slices.Clone(s.log),
		Committed: s.baseAt.s.Config, CommittedAt: s.baseAt.s.ConfigZxid}
	s.delivered = s.baseAt.delivered
	for _, r := range s.log {
		rec.Last, rec.LastChain = r.Zxid, r.Chain
		rec.Spans = record.ExtendSpans(rec.Spans, r.Zxid)
		if r.Zxid <= s.mark && r.Kind != record.Transaction && len(r.Body()) > 0 {
			cfg, err := DecodeConfiguration(r.Body())
			if err != nil {
				w.fail("configuration: %v", err)
			}
			rec.Committed, rec.CommittedAt = cfg, r.Zxid
		}
	}
	s.core = New(Options{Self: s.id, Incarnation: s.inc, Table: w.table(), Timing: DefaultTiming(), Random: w.r,
		HistoryBytes: 300, WindowBytes: 1000, WindowRecords: 5, CounterLimit: 20}, rec)
	s.core.Tick(s.now)
	w.pump(s)
}

func (w *walk) crash(s *walkServer) {
	w.note("%d crashes with %d operations under way", s.id, len(s.pending))
	s.up = false
	for n := w.r.IntN(len(s.pending) + 1); n > 0; n-- {
		w.execute(s, s.pending[0])
		s.pending = s.pending[1:]
	}
	s.pending, s.core = nil, nil
	delete(w.dials, s)
	for _, l := range slices.Clone(w.links) {
		if l.a == s || l.b == s {
			w.closeLink(l)
		}
	}
}

func (w *walk) wipe(s *walkServer) {
	w.note("%d loses its data directory", s.id)
	w.wipes++
	s.accepted, s.promised, s.base, s.baseAt, s.log, s.mark = 0, 0, 0, walkSnapshot{}, nil, 0
	s.inc[1]++
}

func (w *walk) closeLink(l *walkLink) {
	if l.closed {
		return
	}
	l.closed = true
	w.links = slices.DeleteFunc(w.links, func(o *walkLink) bool { return o == l })
	for _, s := range []*walkServer{l.a, l.b} {
		if s.up {
			s.core.LinkDown(l.id)
			w.pump(s)
		}
	}
}

// execute makes one persist operation durable.
func (w *walk) execute(s *walkServer, op PersistOp) {
	switch op.Kind {
	case PersistAppend:
		for _, r := range op.Records {
			last, chain := s.base, s.baseAt.s.Chain
			if n := len(s.log); n > 0 {
				last, chain = s.log[n-1].Zxid, s.log[n-1].Chain
			}
			if !r.Zxid.Follows(last) {
				w.fail("server %d logs %s behind %s", s.id, r.Zxid, last)
			}
			if want := record.NextChain(chain, r.Zxid, r.Kind, r.Body()); want != r.Chain {
				w.fail("server %d: chain broken at %s", s.id, r.Zxid)
			}
			if c, ok := w.chains[r.Zxid]; ok && c != r.Chain {
				w.fail("server %d: another record is known as %s", s.id, r.Zxid)
			}
			if r.Zxid.Epoch() > s.accepted {
				w.fail("server %d logs %s, accepted epoch %d", s.id, r.Zxid, s.accepted)
			}
			w.chains[r.Zxid] = r.Chain
			s.log = append(s.log, r)
		}
	case PersistTruncate:
		if op.Zxid < s.base {
			w.fail("server %d truncates to %s behind its snapshot %s", s.id, op.Zxid, s.base)
		}
		for n := len(s.log); n > 0 && s.log[n-1].Zxid > op.Zxid; n = len(s.log) {
			s.log = s.log[:n-1]
		}
	case PersistPromise:
		if op.Epoch < s.accepted || op.Epoch == s.accepted && op.To != s.promised {
			w.fail("server %d promises %d to %d after %d to %d", s.id, op.Epoch, op.To, s.accepted, s.promised)
		}
		s.accepted, s.promised = op.Epoch, op.To
	case PersistMark:
		s.mark = max(s.mark, op.Zxid)
	case PersistInstall:
		snap := s.received[op.Link]
		s.base, s.baseAt, s.log = op.Zxid, snap, nil
		s.mark = max(s.mark, snap.s.ConfigZxid)
	case PersistBarrier:
	}
}

func (w *walk) complete(s *walkServer) {
	if len(s.pending) == 0 {
		return
	}
	op := s.pending[0]
	s.pending = s.pending[1:]
	w.execute(s, op)
	chain := s.baseAt.s.Chain
	if n := len(s.log); n > 0 {
		chain = s.log[n-1].Chain
	}
	if op.Kind == PersistInstall {
		s.delivered = s.baseAt.delivered
	}
	s.core.Persisted(op.Seq, chain)
	w.pump(s)
}

func (w *walk) find(id LinkID) *walkLink {
	for _, l := range w.links {
		if l.id == id {
			return l
		}
	}
	return nil
}

// pump carries out what a core asks for.
func (w *walk) pump(s *walkServer) {
	rd := s.core.Ready()
	s.pending = append(s.pending, rd.Persist...)
	for _, e := range rd.Events {
		w.note("%d: event %d server %d epoch %d zxid %s %s", s.id, e.Kind, e.Server, e.Epoch, e.Zxid, e.Detail)
		if e.Kind == Established {
			w.established(s, e.Epoch)
		}
		if e.Kind == LeadershipOffered && w.r.IntN(3) > 0 {
			defer w.offered(s, e.Server)
		}
	}
	for _, r := range rd.Deliver {
		w.delivered(s, r)
	}
	for _, o := range rd.Send {
		if l := w.find(o.Link); l != nil {
			if s == l.a {
				l.toB = append(l.toB, o.M)
			} else {
				l.toA = append(l.toA, o.M)
			}
		}
	}
	for _, id := range rd.SendSnapshot {
		w.sendSnapshot(s, id)
	}
	for _, q := range rd.ReadLog {
		var raw []byte
		for _, r := range s.logged() {
			if r.Zxid > q.After && len(raw) < 400 {
				raw = append(raw, r.Raw...)
			}
		}
		if q.After < s.base {
			raw = nil
		}
		s.core.LogRead(q.Link, q.After, raw)
	}
	if len(rd.ReadLog)+len(rd.SendSnapshot) > 0 {
		defer w.pump(s)
	}
	if rd.Dial != 0 {
		w.dials[s] = rd.Dial
	}
	for _, id := range rd.Close {
		if l := w.find(id); l != nil {
			w.closeLink(l)
		}
	}
}

// offered does what a leader that hands over suggests.
func (w *walk) offered(s *walkServer, to zxid.ServerID) {
	if to == s.id {
		s.core.Lead()
	} else {
		s.core.Follow(to)
	}
	w.pump(s)
}

// reconfigure asks a leader for members drawn at random.
func (w *walk) reconfigure(s *walkServer) {
	var members []Member
	voters := 0
	for _, o := range w.servers {
		if k := w.r.IntN(8); k < 6 {
			members = append(members, Member{ID: o.id, Voter: k > 0})
			if k > 0 {
				voters++
			}
		}
	}
	if voters > 0 {
		err := s.core.Reconfigure(members, 0, 0)
		w.note("%d is asked for the members %v: %v", s.id, members, err)
		if err == nil {
			w.reconfigs++
		}
		w.pump(s)
	}
}

// logged is the log as the page cache has it: durable or not.
func (s *walkServer) logged() []record.Record {
	out := slices.Clone(s.log)
	for _, op := range s.pending {
		switch op.Kind {
		case PersistAppend:
			out = append(out, op.Records...)
		case PersistTruncate:
			for n := len(out); n > 0 && out[n-1].Zxid > op.Zxid; n = len(out) {
				out = out[:n-1]
			}
		case PersistInstall:
			out = nil
		default:
		}
	}
	return out
}

func (w *walk) sendSnapshot(s *walkServer, id LinkID) {
	l := w.find(id)
	if l == nil {
		return
	}
	if s.base == 0 {
		w.fail("server %d is asked for a snapshot and has none", s.id)
	}
	if s == l.a {
		l.toB = append(l.toB, s.baseAt)
	} else {
		l.toA = append(l.toA, s.baseAt)
	}
	s.core.SnapshotSent(id, s.base)
}

// trim makes a snapshot of what is delivered and forgets the log up to there.
func (w *walk) trim(s *walkServer) {
	at := s.core.Delivered()
	if at <= s.base || at > s.core.Durable() {
		return
	}
	snap := walkSnapshot{delivered: s.delivered, s: s.baseAt.s}
	snap.s.Spans = slices.Clone(snap.s.Spans)
	for len(s.log) > 0 && s.log[0].Zxid <= at {
		r := s.log[0]
		snap.s.Zxid, snap.s.Chain = r.Zxid, r.Chain
		snap.s.Spans = record.ExtendSpans(snap.s.Spans, r.Zxid)
		if r.Kind != record.Transaction && len(r.Body()) > 0 {
			snap.s.Config, _ = DecodeConfiguration(r.Body())
			snap.s.ConfigZxid = r.Zxid
		}
		s.log = s.log[1:]
	}
	s.base, s.baseAt = at, snap
	s.core.Rebased(at)
}

func (w *walk) established(s *walkServer, e zxid.Epoch) {
	if other, ok := w.leaders[e]; ok && other != s.id {
		w.fail("epoch %d has the leaders %d and %d (I1)", e, other, s.id)
	}
	w.leaders[e] = s.id
	// I8: what leaders of earlier epochs committed is here.
	last := -1
	for i := range w.order {
		if w.by[i] < e {
			last = i
		}
	}
	if last < 0 {
		return
	}
	r := w.order[last]
	if r.Zxid <= s.base && last < s.baseAt.delivered {
		return
	}
	for _, have := range s.logged() {
		if have.Zxid == r.Zxid && have.Chain == r.Chain {
			return
		}
	}
	w.fail("leader %d of epoch %d lacks %s, committed in epoch %d (I8)", s.id, e, r.Zxid, w.by[last])
}

func (w *walk) delivered(s *walkServer, r record.Record) {
	_, e := s.core.Leader()
	if s.delivered == len(w.order) {
		w.order, w.by = append(w.order, r), append(w.by, e)
	} else if got := w.order[s.delivered]; got.Zxid != r.Zxid || got.Chain != r.Chain {
		w.fail("server %d delivers %s where %s was delivered (I7)", s.id, r.Zxid, got.Zxid)
	}
	w.by[s.delivered] = min(w.by[s.delivered], max(e, r.Zxid.Epoch()))
	s.delivered++
}

func (w *walk) dial(s *walkServer) {
	to := w.dials[s]
	delete(w.dials, s)
	peer := w.servers[to-1]
	if !peer.up {
		s.core.DialFailed(to, true)
		w.pump(s)
		return
	}
	w.nextID++
	l := &walkLink{id: w.nextID, a: s, b: peer}
	w.links = append(w.links, l)
	peer.core.LinkUp(l.id, s.id, s.inc)
	w.pump(peer)
	if !l.closed {
		s.core.LinkUp(l.id, to, peer.inc)
		w.pump(s)
	}
}

func (w *walk) deliverOne(l *walkLink) {
	q, to := &l.toA, l.a
	if len(*q) == 0 || len(l.toB) > 0 && w.r.IntN(2) == 0 {
		q, to = &l.toB, l.b
	}
	if len(*q) == 0 {
		return
	}
	m := (*q)[0]
	*q = (*q)[1:]
	switch m := m.(type) {
	case Message:
		to.core.Step(l.id, &m)
	case walkSnapshot:
		to.received[l.id] = m
		to.core.SnapshotReceived(l.id, m.s)
	}
	w.pump(to)
}

func (w *walk) step(faults bool) {
	s := w.servers[w.r.IntN(len(w.servers))]
	if !s.up {
		if !faults || w.r.IntN(20) == 0 {
			if faults && w.r.IntN(8) == 0 && w.wipes < 2 && w.mayWipe(s) {
				w.wipe(s)
			}
			w.start(s)
		}
		return
	}
	switch k := w.r.IntN(100); {
	case k < 40:
		if len(w.links) > 0 {
			w.deliverOne(w.links[w.r.IntN(len(w.links))])
		}
	case k < 60:
		w.complete(s)
	case k < 66:
		if _, ok := w.dials[s]; ok {
			w.dial(s)
		}
	case k < 80:
		if faults && s.core.CanPropose() && w.r.IntN(30) == 0 {
			w.reconfigure(s)
		}
		if s.core.CanPropose() {
			body := []byte(fmt.Sprintf("%d of %d", len(w.trace), s.id))
			s.core.Propose(func(b []byte) []byte { return append(b, body...) })
			w.pump(s)
		}
	case k < 92:
		s.now += Millis(1 + w.r.IntN(20))
		s.core.Tick(s.now)
		w.pump(s)
	case k < 94:
		if faults {
			w.trim(s)
		}
	default:
		if faults {
			w.fault(s)
		}
	}
}

// mayWipe keeps losses within the fault model: no quorum loses synced data, and
// the next loss waits until the last victim is whole again.
func (w *walk) mayWipe(victim *walkServer) bool {
	for _, s := range w.servers {
		if s == victim {
			continue
		}
		if !s.up || s.core.Configuration() == nil {
			return false
		}
		for _, m := range s.core.InForce(nil) {
			others := 0
			for _, o := range w.servers {
				if v := m.Member(o.id); v == nil || !v.Voter || o == victim {
					continue
				}
				if !m.binds(o.id, o.inc) {
					return false
				}
				others++
			}
			if others <= len(m.Voters())/2 {
				return false // the others could not bind the new directory
			}
		}
	}
	return len(w.servers) > 1
}

func (w *walk) fault(s *walkServer) {
	switch k := w.r.IntN(20); {
	case k < 6:
		if s.core.Role() == Looking {
			w.note("%d is told to lead", s.id)
			s.core.Lead()
			w.pump(s)
		}
	case k < 16:
		if s.core.Role() == Looking {
			to := w.servers[w.r.IntN(len(w.servers))]
			for _, o := range w.servers {
				if o.up && o.core.Role() == Leading && w.r.IntN(2) == 0 {
					to = o
				}
			}
			w.note("%d is told to follow %d", s.id, to.id)
			s.core.Follow(to.id)
			w.pump(s)
		}
	case k < 17:
		w.crash(s)
	case k < 18:
		if len(w.links) > 0 {
			w.closeLink(w.links[w.r.IntN(len(w.links))])
		}
	case k < 19:
		s.core.Leave("fault")
		w.pump(s)
	default:
		s.core.HandOver("fault")
		w.pump(s)
	}
}

// heal ends the faults: the server with the newest log leads, the others
// follow, and everybody must deliver what is proposed now.
func (w *walk) heal() {
	for round := range 20 {
		for _, s := range w.servers {
			if !s.up {
				w.start(s)
			}
			s.core.Leave("healing")
			w.pump(s)
		}
		best := w.servers[round%len(w.servers)]
		for _, s := range w.servers {
			if s.core.Eligible() && (!best.core.Eligible() || s.core.Last() > best.core.Last()) {
				best = s
			}
		}
		best.core.Lead()
		w.pump(best)
		for _, s := range w.servers {
			if s != best {
				s.core.Follow(best.id)
				w.pump(s)
			}
		}
		for range 3000 {
			w.step(false)
		}
		if best.core.CanPropose() {
			want := len(w.order)
			for range 20_000 {
				w.step(false)
				done := true
				for _, s := range w.servers {
					if s.core.Role() == Looking {
						s.core.Follow(best.id)
						w.pump(s)
					}
					done = done && s.delivered >= want && s.core.Serving()
				}
				if done {
					return
				}
			}
			w.fail("after healing not everything is delivered everywhere")
		}
	}
	w.fail("no leader after healing")
}

var walksFlag = flag.Int("walks", 300, "how many random walks to take")

func TestRandomWalk(t *testing.T) {
	seeds := *walksFlag
	commits, epochs, reconfigs := 0, 0, 0
	for seed := range seeds {
		w := newWalk(t, uint64(seed), []int{1, 2, 3, 3, 4, 5}[seed%6], []int{0, 2, 0, 1}[seed%4])
		for range 4000 {
			w.step(true)
		}
		w.heal()
		commits += len(w.order)
		epochs += len(w.leaders)
		reconfigs += w.reconfigs
	}
	t.Logf("%d commits in %d epochs, %d reconfigurations", commits, epochs, reconfigs)
	if commits < 10*seeds {
		t.Errorf("%d commits in %d walks: the walk does not get anywhere", commits, seeds)
	}
}
