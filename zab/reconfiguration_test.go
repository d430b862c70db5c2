package zab

import (
	"errors"
	"slices"
	"testing"

	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// script drives the established leader 1 of servers 1, 2 and 3, epoch 3.
type script struct {
	t *testing.T
	*Core
	nextLink LinkID
}

func servingLeader(t *testing.T) *script {
	t.Helper()
	s := &script{t, leaderWithHistory(t), 10}
	s.run()
	s.acks(zxid.New(3, 0), 2, 3)
	if !s.CanPropose() {
		t.Fatal("the leader does not serve")
	}
	return s
}

// run makes everything durable and returns what was sent meanwhile.
func (s *script) run() Ready {
	rd := s.Ready()
	send, events := slices.Clone(rd.Send), slices.Clone(rd.Events)
	for _, op := range rd.Persist {
		s.Persisted(op.Seq, 0)
	}
	after := s.Ready()
	after.Send = append(send, after.Send...)
	after.Events = append(events, after.Events...)
	return after
}

// acks has the links with these numbers acknowledge up to z.
func (s *script) acks(z zxid.Zxid, links ...LinkID) {
	for _, id := range links {
		s.Step(id, &Message{Kind: Acknowledge, Epoch: 3, Zxid: z})
	}
	s.run()
}

// joins lets a server follow that is no member, with everything up to date.
func (s *script) joins(id zxid.ServerID) LinkID {
	s.t.Helper()
	link := LinkID(id)
	s.LinkUp(link, id, Incarnation{byte(id)})
	s.Step(link, &Message{Kind: FollowerInfo, Blank: true})
	s.run()
	s.Step(link, &Message{Kind: AckEpoch, Epoch: 3, Seq: s.lead.link(link).asked, Vote: true})
	s.run()
	s.acks(s.Committed(), link)
	if !s.lead.link(link).upToDate {
		s.t.Fatalf("server %d is not up to date", id)
	}
	return link
}

func members(ids ...zxid.ServerID) []Member {
	var out []Member
	for _, id := range ids {
		out = append(out, Member{ID: id, Voter: true})
	}
	return out
}

func (s *script) reconfigure(ids ...zxid.ServerID) zxid.Zxid {
	s.t.Helper()
	if err := s.Reconfigure(members(ids...), 0, 0); err != nil {
		s.t.Fatalf("members %v: %v", ids, err)
	}
	s.run()
	return s.Last()
}

func (s *script) committedIs(z zxid.Zxid, when string) {
	s.t.Helper()
	if s.Committed() != z {
		s.t.Errorf("%s: committed %s, want %s", when, s.Committed(), z)
	}
}

func write(b []byte) []byte { return append(b, "w"...) }

// C3: from its record on, a configuration needs its own majority and the old one.
func TestBothMajoritiesCountWhileAConfigurationIsPending(t *testing.T) {
	s := servingLeader(t)
	s.joins(4)
	s.joins(5)
	before := s.Committed()
	z := s.reconfigure(1, 4, 5)
	s.Propose(write)
	s.run()
	s.acks(s.Last(), 2, 3)
	s.committedIs(before, "the old majority alone has the record")
	s.acks(s.Last(), 4)
	s.committedIs(s.Last(), "both have it")
	if cfg := s.Configuration(); cfg.Member(2) != nil || cfg.Member(5).Incarnation != (Incarnation{5}) || s.Last() <= z {
		t.Errorf("configuration %+v", cfg)
	}

	other := servingLeader(t)
	other.joins(4)
	other.joins(5)
	before = other.Committed()
	other.reconfigure(1, 4, 5)
	other.acks(other.Last(), 4, 5)
	other.committedIs(before, "the new majority alone has the record")
	other.acks(other.Last(), 2)
	other.committedIs(other.Last(), "both have it")

	// Once it is committed the old one does not count any more.
	other.Propose(write)
	other.run()
	before = other.Committed()
	other.acks(other.Last(), 2, 3)
	other.committedIs(before, "only removed servers have the write")
	other.acks(other.Last(), 5)
	other.committedIs(other.Last(), "the new majority has it")
}

// C1 and C2: one at a time, and only with a quorum at hand.
func TestReconfigurationsAreRefused(t *testing.T) {
	s := servingLeader(t)
	if err := s.Reconfigure(members(1, 6, 7), 0, 0); !errors.Is(err, ErrReconfigNoQuorum) {
		t.Errorf("a majority of servers that nobody has seen: %v", err)
	}
	four := s.joins(4)
	s.Step(four, &Message{Kind: Pong})
	if err := s.Reconfigure(members(4, 6, 7), 0, 0); !errors.Is(err, ErrReconfigNoQuorum) {
		t.Errorf("one of three is here: %v", err)
	}
	s.reconfigure(1, 2, 3, 4)
	if err := s.CheckReconfigure(members(1, 2, 3)); !errors.Is(err, ErrReconfigPending) {
		t.Errorf("while another is pending: %v", err)
	}
	s.acks(s.Last(), 2, 3, 4)
	s.reconfigure(1, 2, 3)
}

// A voter that is new and not whole has no vote: it is bound when it is up to
// date, by a configuration that does not count it.
func TestANewVoterVotesOnceItIsWhole(t *testing.T) {
	s := servingLeader(t)
	z := s.reconfigure(1, 2, 3, 4)
	s.acks(z, 2, 3)
	s.committedIs(z, "three of four have it")
	if m := s.Configuration().Member(4); m.Incarnation != (Incarnation{}) {
		t.Fatalf("server 4 is bound to %x before it came", m.Incarnation)
	}
	s.joins(4)
	bind := s.Last()
	if bind == z {
		t.Fatal("no configuration binds server 4 when it is up to date")
	}
	s.acks(bind, 4, 2)
	s.committedIs(z, "server 4 and two others: its own vote must not count for its binding")
	s.acks(bind, 3)
	s.committedIs(bind, "three that are bound")
	s.Propose(write)
	s.run()
	s.acks(s.Last(), 4, 2)
	s.committedIs(s.Last(), "server 4 counts now")
}

// I20: what servers without a vote acknowledge counts for nothing.
func TestGuestsAndObserversDoNotCount(t *testing.T) {
	s := servingLeader(t)
	s.joins(4)
	s.joins(5)
	if err := s.Reconfigure([]Member{{ID: 1, Voter: true}, {ID: 2, Voter: true}, {ID: 3, Voter: true}, {ID: 4}}, 0, 0); err != nil {
		t.Fatal(err)
	}
	s.run()
	s.acks(s.Last(), 2, 3)
	before := s.Committed()
	s.Propose(write)
	s.run()
	s.Step(4, &Message{Kind: Acknowledge, Epoch: 3, Zxid: s.Last()})
	s.Step(5, &Message{Kind: Acknowledge, Epoch: 3, Zxid: s.Last()})
	s.committedIs(before, "an observer and a guest have the write")
}

// C8: a leader that is not in the new configuration proposes nothing behind it,
// commits it, and hands over to the voter that has most.
func TestALeaderThatIsRemovedHandsOver(t *testing.T) {
	s := servingLeader(t)
	z := s.reconfigure(2, 3)
	if s.CanPropose() {
		t.Error("the leader proposes behind the configuration that removes it")
	}
	s.acks(z, 3)
	s.committedIs(zxid.New(3, 0), "one of the two that remain")
	if s.Role() != Leading {
		t.Fatal("the leader left before the configuration was committed")
	}
	s.acks(z, 2)
	for id := LinkID(2); id <= 3; id++ {
		s.Step(id, &Message{Kind: Pong, Time: s.now})
	}
	s.Tick(s.now + 10)
	rd := s.Ready()
	offers := sent(rd, HandOver)
	if s.Role() != Looking || len(offers) != 2 || offers[0].Seq != 2 && offers[0].Seq != 3 {
		t.Errorf("role %v, offers %+v", s.Role(), offers)
	}
	if s.Committed() != z {
		t.Errorf("committed %s, want %s and nothing behind it", s.Committed(), z)
	}
}

// A voter that is being removed gets the records that remove it: in a cluster of
// two they need its acknowledgement. Random walk, seed 19.
func TestAVoterUnderRemovalGetsTheRecordThatRemovesIt(t *testing.T) {
	s := servingLeader(t)
	s.acks(s.reconfigure(1, 2), 2, 3)
	z := s.reconfigure(1)
	if l := s.lead.link(2); l.sent != z {
		t.Errorf("server 2 was sent records up to %s, want %s", l.sent, z)
	}
	s.committedIs(s.Last()-1, "only the leader has it")
	s.acks(z, 2)
	s.committedIs(z, "both of the old two have it")
}

// D7: a voter that a pending configuration removes still counts for the one
// before, so its longer history is adopted. Random walk, seed 28580.
func TestALongerHistoryOfAVoterUnderRemovalIsAdopted(t *testing.T) {
	c := newTestCore(2)
	c.members.learn(placed{1, bound()})
	c.members.appended(placed{2, &Configuration{Members: []Member{{ID: 2, Voter: true, Incarnation: Incarnation{2}}}}})
	c.Lead()
	c.LinkUp(3, 3, Incarnation{3})
	c.Step(3, &Message{Kind: FollowerInfo})
	persisted(c, c.Ready())
	c.Step(3, &Message{Kind: AckEpoch, Epoch: c.epoch, Seq: c.lead.link(3).asked, Vote: true, Zxid: zxid.New(0, 9), Spans: nil})
	if c.Phase() != Pull {
		t.Errorf("phase %v, want the history of server 3 to be adopted", c.Phase())
	}
}

// C7: a history that was adopted may carry a configuration that needs another
// quorum of promises; and one that removes the leader keeps it from establishing.
func TestAnAdoptedConfigurationIsJudged(t *testing.T) {
	c := newTestCore(1)
	c.members.learn(placed{1, bound()})
	c.Lead()
	c.LinkUp(2, 2, Incarnation{2})
	c.Step(2, &Message{Kind: FollowerInfo})
	persisted(c, c.Ready())
	c.members.appended(placed{2, &Configuration{Members: []Member{{ID: 1, Voter: true, Incarnation: Incarnation{1}},
		{ID: 4, Voter: true, Incarnation: Incarnation{4}}, {ID: 5, Voter: true, Incarnation: Incarnation{5}}}}})
	c.Step(2, &Message{Kind: AckEpoch, Epoch: c.epoch, Seq: c.lead.link(2).asked, Vote: true})
	if c.Phase() != Discovery {
		t.Errorf("phase %v: established without a quorum of the configuration in the log", c.Phase())
	}
	c.members.truncated(1)
	c.members.learn(placed{3, &Configuration{Members: []Member{{ID: 2, Voter: true, Incarnation: Incarnation{2}}}}})
	c.evaluate()
	if c.Role() != Looking {
		t.Errorf("role %v, want a leader that a committed configuration removes to give up", c.Role())
	}
}

// The only voter was about to be replaced, and the new one crashed before it had
// the record: the old one leads on, brings it over, and hands over. Before, neither
// could stand. Simulator, seed 20001534.
func TestWhoeverIsBeingReplacedLeadsOn(t *testing.T) {
	c := newTestCore(1)
	c.members.learn(placed{1, &Configuration{Members: []Member{{ID: 1, Voter: true, Incarnation: Incarnation{1}}}}})
	c.members.appended(placed{2, &Configuration{Members: []Member{{ID: 3, Voter: true, Incarnation: Incarnation{3}}}}})
	if !c.Eligible() {
		t.Fatal("the only voter may not stand, although its removal is not committed")
	}
	c.Lead()
	c.LinkUp(3, 3, Incarnation{3})
	c.Step(3, &Message{Kind: FollowerInfo})
	persisted(c, c.Ready())
	c.Step(3, &Message{Kind: AckEpoch, Epoch: c.epoch, Seq: c.lead.link(3).asked, Vote: true})
	rd := persisted(c, c.Ready())
	if c.Phase() != Synchronization || len(rd.Close) != 0 {
		t.Fatalf("phase %v, want the promise of the new voter to establish the old one", c.Phase())
	}
	c.Step(3, &Message{Kind: Acknowledge, Epoch: c.epoch, Zxid: c.Last()})
	c.Ready()
	if c.Committed() != c.Last() || c.CanPropose() {
		t.Errorf("committed %s of %s, proposes %v; want everything committed and nothing behind it", c.Committed(), c.Last(), c.CanPropose())
	}
	c.Step(3, &Message{Kind: Pong, Time: c.now})
	c.Tick(c.now + 10)
	if offers := sent(c.Ready(), HandOver); c.Role() != Looking || len(offers) != 1 || offers[0].Seq != 3 {
		t.Errorf("role %v, offers %v; want leadership handed to server 3", c.Role(), offers)
	}
}

// C7 once more, by the whole way: the history of a promiser is adopted, and the
// configuration in it asks for promises that are not there.
func TestAConfigurationInAnAdoptedHistoryIsJudged(t *testing.T) {
	c := newTestCore(1)
	c.members.learn(placed{1, bound()})
	c.Lead()
	c.LinkUp(2, 2, Incarnation{2})
	c.Step(2, &Message{Kind: FollowerInfo, Accepted: 1, Zxid: zxid.New(1, 1)})
	persisted(c, c.Ready())
	next := &Configuration{Members: []Member{{ID: 1, Voter: true, Incarnation: Incarnation{1}},
		{ID: 4, Voter: true, Incarnation: Incarnation{4}}, {ID: 5, Voter: true, Incarnation: Incarnation{5}}}}
	first := record.View(record.Append(nil, 0, zxid.New(1, 0), record.Epoch, nil))
	second := record.View(record.Append(nil, first.Chain, zxid.New(1, 1), record.Config, AppendConfiguration(nil, next)))
	c.Step(2, &Message{Kind: AckEpoch, Epoch: c.epoch, Seq: c.lead.link(2).asked, Vote: true, Zxid: zxid.New(1, 1), Spans: []record.Span{{Epoch: 1, Last: 1}}})
	if c.Phase() != Pull {
		t.Fatalf("phase %v, want the history of server 2 to be adopted", c.Phase())
	}
	c.Step(2, &Message{Kind: Proposal, Epoch: c.epoch, Prev: 0, Runs: [][]byte{first.Raw, second.Raw}})
	persisted(c, c.Ready())
	if c.Last() != zxid.New(1, 1) || c.Phase() != Discovery {
		t.Errorf("last %s, phase %v: established without the promises that the adopted configuration needs", c.Last(), c.Phase())
	}
}

// D8: an answer that knows a newer committed configuration, or a log that has
// records of the chosen epoch, begins discovery anew.
func TestDiscoveryBeginsAnew(t *testing.T) {
	newer := &Configuration{Members: []Member{{ID: 1, Voter: true, Incarnation: Incarnation{1}}, {ID: 3, Voter: true, Incarnation: Incarnation{3}}}}
	for name, answer := range map[string]Message{
		"a newer configuration": {ConfigZxid: 2, Config: AppendConfiguration(nil, newer)},
		"an epoch that is used": {Zxid: zxid.New(1, 4), Spans: nil},
	} {
		c := newTestCore(1)
		c.members.learn(placed{1, bound()})
		c.Lead()
		c.LinkUp(2, 2, Incarnation{2})
		c.Step(2, &Message{Kind: FollowerInfo})
		persisted(c, c.Ready())
		first := c.epoch
		answer.Kind, answer.Epoch, answer.Seq, answer.Vote = AckEpoch, first, c.lead.link(2).asked, true
		c.Step(2, &answer)
		if c.Phase() != Discovery || c.epoch == first {
			t.Errorf("%s: phase %v, epoch %d after %d; want another epoch to be chosen", name, c.Phase(), c.epoch, first)
		}
	}
}

// A server that was removed while it stood for leader has accepted an epoch above
// the cluster's. It can follow again after a renewal, and one that accepted
// nonsense burns no epochs.
func TestAStuckGuestIsFreed(t *testing.T) {
	for _, c := range []struct {
		accepted zxid.Epoch
		renewed  bool
	}{{4, true}, {1 << 20, false}} {
		s := servingLeader(t)
		s.LinkUp(9, 9, Incarnation{9})
		s.Step(9, &Message{Kind: FollowerInfo, Accepted: c.accepted})
		s.Step(9, &Message{Kind: NackEpoch, Accepted: c.accepted})
		if s.lead.renewing != c.renewed {
			t.Errorf("accepted %d: renewing %v, want %v", c.accepted, s.lead.renewing, c.renewed)
		}
		if !c.renewed {
			continue
		}
		for _, id := range []LinkID{2, 3, 9} {
			s.Step(id, &Message{Kind: FollowerInfo, Accepted: max(3, c.accepted*zxid.Epoch(id/9)), Zxid: zxid.New(3, 0)})
		}
		s.run()
		if _, e := s.Leader(); e != 5 {
			t.Errorf("epoch %d was chosen, want 5: above what the guest accepted", e)
		}
	}
}
