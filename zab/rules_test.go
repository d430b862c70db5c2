package zab

import (
	"slices"
	"testing"

	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// sent returns the messages of one kind that rd sends.
func sent(rd Ready, kind Kind) []Message {
	var out []Message
	for _, o := range rd.Send {
		if o.M.Kind == kind {
			out = append(out, o.M)
		}
	}
	return out
}

// persisted reports everything in rd as durable and returns what comes of it.
func persisted(c *Core, rd Ready) Ready {
	for _, op := range rd.Persist {
		c.Persisted(op.Seq, 0)
	}
	return c.Ready()
}

func bound() *Configuration {
	return &Configuration{Members: []Member{{ID: 1, Voter: true, Incarnation: Incarnation{1}}, {ID: 2, Voter: true, Incarnation: Incarnation{2}},
		{ID: 3, Voter: true, Incarnation: Incarnation{3}}}}
}

// D4: an epoch is promised to one leader. Another one that chose the same is
// answered without a vote.
func TestAnEpochIsPromisedToOneLeader(t *testing.T) {
	for _, promisedTo := range []zxid.ServerID{1, 3} {
		c := newTestCore(2)
		c.members.learn(placed{1, bound()})
		c.accepted, c.promisedTo = 5, promisedTo
		c.Follow(3)
		c.LinkUp(1, 3, Incarnation{3})
		c.Step(1, &Message{Kind: NewEpoch, Epoch: 5})
		acks := sent(persisted(c, c.Ready()), AckEpoch)
		if len(acks) != 1 || acks[0].Vote != (promisedTo == 3) {
			t.Errorf("epoch 5 promised to %d, offered by 3: answered %+v", promisedTo, acks)
		}
	}
	c := newTestCore(2)
	c.accepted, c.promisedTo = 5, 1
	c.Follow(3)
	c.LinkUp(1, 3, Incarnation{3})
	c.Step(1, &Message{Kind: NewEpoch, Epoch: 4})
	if rd := c.Ready(); len(sent(rd, NackEpoch)) != 1 || len(rd.Persist) != 0 {
		t.Errorf("an older epoch is answered with %+v", rd)
	}
}

// leaderWithHistory returns the established leader of epoch 3 whose history ends
// with two records of epoch 2, and its links to servers 2 and 3.
func leaderWithHistory(t *testing.T) *Core {
	t.Helper()
	var tail []record.Record
	chain := uint64(0)
	for _, z := range []zxid.Zxid{zxid.New(2, 0), zxid.New(2, 1)} {
		kind := record.Transaction
		if z.Counter() == 0 {
			kind = record.Epoch
		}
		raw := record.Append(nil, chain, z, kind, nil)
		r := record.View(raw)
		chain, tail = r.Chain, append(tail, r)
	}
	o := newTestCore(1).opt
	c := New(o, Recovered{Accepted: 2, PromisedTo: 1, Last: tail[1].Zxid, LastChain: chain, Tail: tail, Spans: []record.Span{{Epoch: 2, Last: 1}},
		Committed: bound(), CommittedAt: 0})
	c.members.committed = placed{0, bound()}
	c.Tick(1000)
	c.Lead()
	for id := zxid.ServerID(2); id <= 3; id++ {
		c.LinkUp(LinkID(id), id, Incarnation{byte(id)})
		c.Step(LinkID(id), &Message{Kind: FollowerInfo, Accepted: 2, Zxid: tail[1].Zxid})
	}
	persisted(c, c.Ready())
	for id := LinkID(2); id <= 3; id++ {
		c.Step(id, &Message{Kind: AckEpoch, Epoch: 3, Seq: c.lead.link(id).asked, Vote: true, Zxid: tail[1].Zxid, Spans: []record.Span{{Epoch: 2, Last: 1}}})
	}
	if c.Phase() != Synchronization {
		t.Fatalf("phase %v, want synchronization", c.Phase())
	}
	return c
}

// T3, E12: a leader that loses its quorum says so to the election, which lets
// others try first.
func TestALeaderWithoutAQuorumFailed(t *testing.T) {
	c := leaderWithHistory(t)
	c.Ready()
	c.Tick(c.now + 2*c.opt.Timing.Quorum)
	failed := slices.ContainsFunc(c.Ready().Events, func(e Event) bool { return e.Kind == LeaderFailed })
	if c.Role() != Looking || !failed {
		t.Errorf("role %d, failed %v, want looking and failed", c.Role(), failed)
	}
}

// B5: a quorum has the records of epoch 2, and nothing is committed until a
// quorum has the epoch record of epoch 3 too.
func TestOnlyRecordsOfTheLeadersEpochAreCounted(t *testing.T) {
	c := leaderWithHistory(t)
	rd := persisted(c, c.Ready())
	c.Step(2, &Message{Kind: Acknowledge, Epoch: 3, Zxid: zxid.New(2, 1)})
	c.Step(3, &Message{Kind: Acknowledge, Epoch: 3, Zxid: zxid.New(2, 1)})
	if c.Committed() != 0 || len(rd.Deliver) != 0 {
		t.Fatalf("committed %s by counting records of an earlier epoch", c.Committed())
	}
	c.Step(2, &Message{Kind: Acknowledge, Epoch: 3, Zxid: zxid.New(3, 0)})
	if c.Committed() != zxid.New(3, 0) || len(c.Ready().Deliver) != 3 {
		t.Errorf("committed %s, want the epoch record and all before it", c.Committed())
	}
}

// Y6: records that do not continue the log are not appended, and the follower
// leaves.
func TestProposalsMustContinueTheLog(t *testing.T) {
	c := newTestCore(2)
	c.members.learn(placed{1, bound()})
	c.Follow(1)
	c.LinkUp(1, 1, Incarnation{1})
	c.Step(1, &Message{Kind: NewEpoch, Epoch: 3})
	persisted(c, c.Ready())
	first := record.Append(nil, 0, zxid.New(3, 0), record.Epoch, nil)
	c.Step(1, &Message{Kind: Proposal, Epoch: 3, Prev: 0, Runs: [][]byte{first}})
	third := record.Append(nil, 7, zxid.New(3, 2), record.Transaction, nil)
	c.Step(1, &Message{Kind: Proposal, Epoch: 3, Prev: zxid.New(3, 1), Runs: [][]byte{third}})
	if c.Role() != Looking || c.Last() != zxid.New(3, 0) {
		t.Errorf("role %v, last %s; a gap was taken in", c.Role(), c.Last())
	}
	// A gap behind a predecessor that looks right is a gap as well.
	other := newTestCore(2)
	other.Follow(1)
	other.LinkUp(1, 1, Incarnation{1})
	other.Step(1, &Message{Kind: NewEpoch, Epoch: 4})
	persisted(other, other.Ready())
	fourth := record.Append(nil, 0, zxid.New(4, 0), record.Epoch, nil)
	other.Step(1, &Message{Kind: Proposal, Epoch: 4, Prev: zxid.New(3, 9), Runs: [][]byte{fourth}})
	if other.Role() != Looking || other.Last() != 0 {
		t.Errorf("role %v, last %s; records behind an unknown one were taken in", other.Role(), other.Last())
	}
}

// A read index is granted by pongs to a ping that was sent after the request:
// an answer from before it says nothing about who leads now.
func TestReadIndexWaitsForALaterPong(t *testing.T) {
	c := leaderWithHistory(t)
	persisted(c, c.Ready())
	for id := LinkID(2); id <= 3; id++ {
		c.Step(id, &Message{Kind: Acknowledge, Epoch: 3, Zxid: zxid.New(3, 0)})
	}
	c.Ready()
	if !c.Serving() {
		t.Fatal("the leader does not serve")
	}
	for range 20 { // pings that are answered at once
		c.ping()
		for _, m := range sent(c.Ready(), Ping) {
			c.Step(2, &Message{Kind: Pong, Seq: m.Seq, Time: m.Time})
		}
	}
	c.ReadIndex(77)
	rd := c.Ready()
	if len(rd.Grants) != 0 {
		t.Fatal("granted by pongs from before the request")
	}
	pings := sent(rd, Ping)
	if len(pings) == 0 {
		t.Fatal("no ping asks who leads")
	}
	c.Step(2, &Message{Kind: Pong, Seq: pings[0].Seq, Time: pings[0].Time})
	if g := c.Ready().Grants; len(g) != 1 || g[0].ID != 77 || g[0].Zxid != zxid.New(3, 0) {
		t.Errorf("grants %v, want request 77 at the commit point", g)
	}
}

// A follower that introduced itself twice is asked twice. Only its answer to the
// last question counts, and once: an older one describes a log that has been
// written to since. Simulator, seed 1003715.
func TestOnlyTheAnswerToTheLastOfferCounts(t *testing.T) {
	c := leaderWithHistory(t)
	persisted(c, c.Ready())
	c.Step(2, &Message{Kind: Acknowledge, Epoch: 3, Zxid: zxid.New(3, 0)})
	c.Ready()
	l := c.lead.link(3)
	c.Step(3, &Message{Kind: FollowerInfo, Accepted: 3, Zxid: zxid.New(2, 1)})
	first := l.asked
	c.Step(3, &Message{Kind: FollowerInfo, Accepted: 3, Zxid: zxid.New(2, 1)})
	answer := Message{Kind: AckEpoch, Epoch: 3, Vote: true, Zxid: zxid.New(2, 5), Spans: []record.Span{{Epoch: 2, Last: 5}}}
	syncs := func(seq uint64) int {
		answer.Seq = seq
		c.Step(3, &answer)
		return len(sent(c.Ready(), Truncate))
	}
	if n := syncs(first); n != 0 {
		t.Error("the answer to an earlier offer began a synchronization")
	}
	last := l.asked
	if n := syncs(last); n != 1 {
		t.Errorf("the answer to the last offer began %d synchronizations, want 1", n)
	}
	if n := syncs(last); n != 0 {
		t.Error("a second answer began the synchronization anew")
	}
}
