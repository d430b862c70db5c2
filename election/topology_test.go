package election

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// The town is several Cores with a network whose directions can be cut one by
// one, and in place of the broadcast a rule: a leader is established when a
// quorum follows it and hears it in both directions, and is lost without one.

type townServer struct {
	core      *Core
	local     Local
	up        bool
	since     Millis // when it took its role
	suggested []Suggestion
}

type town struct {
	t       *testing.T
	r       *rand.Rand
	now     Millis
	servers []*townServer
	cut     map[[2]int]bool // election port: from, to
	cutLead map[[2]int]bool // leader port
	mail    []Outbound
	changes int // how often a leader was established
}

func newTown(t *testing.T, seed uint64, lasts ...zxid.Zxid) *town {
	w := &town{t: t, r: rand.New(rand.NewPCG(seed, 1)), now: 1000, cut: map[[2]int]bool{}, cutLead: map[[2]int]bool{}}
	var all []zxid.ServerID
	for i := range lasts {
		all = append(all, zxid.ServerID(i+1))
	}
	for i, last := range lasts {
		s := &townServer{up: true, core: New(Options{Self: all[i], Timing: DefaultTiming(), Random: w.r})}
		s.local = Local{Last: last, Eligible: true, Quorums: [][]zxid.ServerID{all}, Peers: slices.DeleteFunc(slices.Clone(all), func(id zxid.ServerID) bool { return id == all[i] })}
		w.servers = append(w.servers, s)
		s.core.SetLocal(s.local)
	}
	return w
}

func (w *town) isolate(i int) {
	for j := range w.servers {
		w.cutBoth(i, j)
	}
}

func (w *town) cutBoth(i, j int) {
	for _, m := range []map[[2]int]bool{w.cut, w.cutLead} {
		m[[2]int{i, j}], m[[2]int{j, i}] = true, true
	}
}

func (w *town) linked(a, b int) bool {
	return w.servers[a].up && w.servers[b].up && !w.cutLead[[2]int{a, b}] && !w.cutLead[[2]int{b, a}]
}

// follows counts who follows i and is linked to it, i included.
func (w *town) follows(i int) int {
	n := 1
	for j, s := range w.servers {
		if j != i && s.up && s.local.Role == Following && s.local.Leader == zxid.ServerID(i+1) && w.linked(i, j) {
			n++
		}
	}
	return n
}

func (w *town) run(ms Millis) {
	for range ms {
		w.now++
		w.deliver()
		for i, s := range w.servers {
			if s.up {
				s.core.Tick(w.now)
				w.rule(i)
				w.collect(i)
			}
		}
	}
}

func (w *town) deliver() {
	mail := w.mail
	w.mail = nil
	for _, o := range mail {
		from, to := int(o.M.From)-1, int(o.To)-1
		switch {
		case w.cut[[2]int{from, to}] || !w.servers[from].up:
		case !w.servers[to].up:
			w.servers[from].core.Refused(o.To)
		default:
			w.servers[to].core.Step(&o.M)
			w.collect(to)
		}
	}
}

func (w *town) collect(i int) {
	s := w.servers[i]
	rd := s.core.Ready()
	w.mail = append(w.mail, rd.Send...)
	if rd.Suggestion == nil || s.local.Role != Looking {
		return
	}
	s.suggested = append(s.suggested, *rd.Suggestion)
	if rd.Suggestion.Lead {
		w.become(i, Leading, zxid.ServerID(i+1), false)
	} else {
		w.become(i, Following, rd.Suggestion.Follow, false)
	}
}

func (w *town) become(i int, role Role, leader zxid.ServerID, established bool) {
	s := w.servers[i]
	s.since = w.now
	s.local.Role, s.local.Leader, s.local.Live, s.local.Established = role, leader, role != Looking, established
	s.core.SetLocal(s.local)
}

// rule stands in for the broadcast.
func (w *town) rule(i int) {
	s := w.servers[i]
	switch s.local.Role {
	case Looking, Observing:
	case Leading:
		quorum := w.follows(i) > len(w.servers)/2
		switch {
		case quorum && !s.local.Established:
			w.changes++
			w.become(i, Leading, s.local.Leader, true)
			s.core.LeaderEstablished()
		case !quorum && s.local.Established:
			w.become(i, Looking, 0, false)
		case !quorum && w.now-s.since > 2000:
			s.core.LeaderFailed()
			w.become(i, Looking, 0, false)
		}
	case Following:
		l := int(s.local.Leader) - 1
		leads := w.servers[l].local.Role == Leading && w.linked(i, l)
		switch {
		case leads && !s.local.Established && w.servers[l].local.Established:
			w.become(i, Following, s.local.Leader, true)
			s.core.Followed(s.local.Leader)
		case !leads && w.now-s.since > 600:
			if !s.local.Established {
				s.core.FollowFailed(s.local.Leader)
			}
			w.become(i, Looking, 0, false)
		case leads:
			if s.local.Established {
				s.since = w.now
			}
		}
	}
}

func (w *town) leader() int {
	for i, s := range w.servers {
		if s.up && s.local.Role == Leading && s.local.Established {
			return i
		}
	}
	return -1
}

func (w *town) crash(i int) {
	w.servers[i].up = false
}

func (w *town) restart(i int) {
	s := w.servers[i]
	s.up = true
	s.core = New(Options{Self: zxid.ServerID(i + 1), Timing: DefaultTiming(), Random: w.r})
	s.local.Role, s.local.Leader, s.local.Live, s.local.Established = Looking, 0, false, false
	s.core.SetLocal(s.local)
}

func (w *town) want(leader int) {
	w.t.Helper()
	if got := w.leader(); got != leader {
		w.t.Fatalf("leader is server %d, want %d", got+1, leader+1)
	}
}

func eachSeed(t *testing.T, body func(t *testing.T, seed uint64)) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { body(t, seed) })
	}
}

// E9: all start at once, the highest rank wins in one round.
func TestHighestRankWins(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		w := newTown(t, seed, 5, 9, 9)
		w.run(500)
		w.want(2)
		if w.changes != 1 {
			t.Errorf("%d leaders were established, want one", w.changes)
		}
	})
}

// E6, E7: a server that returns with the highest rank joins.
func TestReturningServerJoins(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		w := newTown(t, seed, 5, 6, 7)
		w.crash(2)
		w.run(1000)
		w.want(1)
		w.restart(2)
		w.run(3000)
		w.want(1)
		if w.changes != 1 {
			t.Errorf("the return changed the leader: %d were established", w.changes)
		}
		if got := w.servers[2].local.Leader; got != 2 {
			t.Errorf("the returning server follows %d, want 2", got)
		}
	})
}

// A leader that dies is replaced soon; whoever is left with the best rank wins.
func TestLeaderDies(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		w := newTown(t, seed, 5, 6, 7)
		w.run(1000)
		w.want(2)
		w.crash(2)
		w.run(2000)
		w.want(1)
	})
}

// A coordinator that dies right after it announced itself costs one round.
func TestCoordinatorDiesAfterAnnouncing(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		w := newTown(t, seed, 5, 6, 7)
		for w.servers[2].local.Role != Leading {
			w.run(1)
		}
		w.crash(2)
		w.run(5000)
		w.want(1)
	})
}

// E3: the highest rank reaches one peer only; it has no veto.
func TestHighestRankWithoutQuorum(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		w := newTown(t, seed, 5, 6, 7, 8, 9)
		for _, j := range []int{0, 1, 2} {
			w.cutBoth(4, j)
		}
		w.run(5000)
		w.want(3)
	})
}

// A hub that everybody reaches leads, whatever its rank.
func TestHub(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		w := newTown(t, seed, 1, 6, 7, 8, 9)
		for i := 1; i < 5; i++ {
			for j := i + 1; j < 5; j++ {
				w.cutBoth(i, j)
			}
		}
		w.run(10_000)
		w.want(0)
	})
}

// A chain A-B-C: B, or an end with B, leads, and the third does not disturb.
func TestChainDoesNotChurn(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		w := newTown(t, seed, 9, 6, 7)
		w.cutBoth(0, 2)
		w.run(10_000)
		if w.leader() < 0 {
			t.Fatal("nobody leads")
		}
		established := w.changes
		w.run(20_000)
		if w.changes != established {
			t.Errorf("the leader changed %d times after the cluster had settled", w.changes-established)
		}
	})
}

// One direction to the leader is cut for one follower: the others go on.
func TestOneWayCut(t *testing.T) {
	for _, outward := range []bool{true, false} {
		w := newTown(t, 3, 5, 6, 7)
		w.run(1000)
		w.want(2)
		a, b := 2, 0
		if !outward {
			a, b = b, a
		}
		w.cut[[2]int{a, b}], w.cutLead[[2]int{a, b}] = true, true
		w.run(20_000)
		w.want(2)
		if w.changes != 1 {
			t.Errorf("outward %v: %d leaders were established, want one", outward, w.changes)
		}
	}
}

// E12: the leader port of the best server is blocked; it gives way.
func TestBlockedLeaderPort(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		w := newTown(t, seed, 5, 6, 7)
		for j := range 2 {
			w.cutLead[[2]int{2, j}], w.cutLead[[2]int{j, 2}] = true, true
		}
		w.run(30_000)
		w.want(1)
	})
}

// No side of an even split has a quorum: nobody stands.
func TestNoQuorumNoLeader(t *testing.T) {
	w := newTown(t, 1, 5, 6, 7, 8)
	for _, i := range []int{0, 1} {
		for _, j := range []int{2, 3} {
			w.cutBoth(i, j)
		}
	}
	w.run(10_000)
	w.want(-1)
	for i, s := range w.servers {
		if len(s.suggested) > 0 {
			t.Errorf("server %d was told %+v", i+1, s.suggested[0])
		}
	}
	clear(w.cut)
	clear(w.cutLead)
	w.run(2000)
	w.want(3)
}

// E1: a flapping server does not disturb a working leader.
func TestFlappingLink(t *testing.T) {
	w := newTown(t, 5, 5, 6, 7)
	w.run(1000)
	w.want(2)
	for range 50 {
		w.isolate(0)
		w.run(200)
		clear(w.cut)
		clear(w.cutLead)
		w.run(200)
	}
	w.want(2)
	if w.changes != 1 {
		t.Errorf("%d leaders were established, want one", w.changes)
	}
}

// N1: servers without history found a cluster only all together, and an empty
// one does not stand where there is history.
func TestBlankServers(t *testing.T) {
	w := newTown(t, 1, 0, 0, 0)
	for _, s := range w.servers {
		s.local.Blank = true
		s.core.SetLocal(s.local)
	}
	w.crash(0)
	w.run(3000)
	w.want(-1)
	w.restart(0)
	w.run(1000)
	w.want(2)
}

// E7: whoever has a live leader names it, whatever the candidate's rank.
func TestWhoeverHasALeaderSaysSo(t *testing.T) {
	w := newTown(t, 1, 5, 6, 7)
	w.run(1000)
	w.want(2)
	follower := w.servers[0].core
	follower.Ready()
	follower.Step(&Message{Kind: Election, From: 2, Last: 99, Round: 4})
	answers := follower.Ready().Send
	if len(answers) != 1 || answers[0].M.Kind != LeaderIs || answers[0].M.Leader != 3 || answers[0].To != 2 {
		t.Errorf("a follower answers a candidate with %+v, want leader_is 3", answers)
	}
}

// Two candidates may win one round where the link between them was down; the one
// that is not established gives up for the other, unless it went beyond it.
func TestTheSecondWinnerGivesUp(t *testing.T) {
	for _, c := range []struct {
		own, other zxid.Epoch
		gives      bool
	}{{0, 5, true}, {4, 5, true}, {5, 5, false}, {6, 5, false}} {
		w := newTown(t, 1, 1, 1, 1)
		core := w.servers[0].core
		local := w.servers[0].local
		local.Role, local.Leader, local.LeaderEpoch = Leading, 1, c.own
		core.SetLocal(local)
		core.Ready()
		core.Step(&Message{Kind: Heartbeat, From: 3, Role: Leading, Leader: 3, LeaderEpoch: c.other, Established: true, Live: true})
		s := core.Ready().Suggestion
		if gave := s != nil && s.Follow == 3; gave != c.gives {
			t.Errorf("in epoch %d, another established in %d: suggestion %+v, want to give up: %v", c.own, c.other, s, c.gives)
		}
	}
}
