package zab

import (
	"math/rand/v2"
	"testing"
)

func newTestCore(id int) *Core {
	table := []Member{{ID: 1, Voter: true}, {ID: 2, Voter: true}, {ID: 3, Voter: true}}
	o := Options{Table: table, Timing: DefaultTiming(), Random: rand.New(rand.NewPCG(1, uint64(id))), HistoryBytes: 1000,
		WindowBytes: 1000, WindowRecords: 10, CounterLimit: DefaultCounterLimit}
	o.Self = table[id-1].ID
	o.Incarnation[0] = byte(id)
	c := New(o, Recovered{})
	c.Tick(1000)
	return c
}

// A server that looks for a leader tells whoever dials it so, and a follower
// that is told, or that connects again and again without hearing anything,
// looks for another leader. Once, two followers dialled a leader that had just
// stepped down for ever, and it never stood because they said they had one.
func TestFollowerLeavesAServerThatDoesNotLead(t *testing.T) {
	looking := newTestCore(1)
	looking.LinkUp(7, 2, Incarnation{2})
	rd := looking.Ready()
	if len(rd.Send) != 1 || rd.Send[0].M.Kind != Goodbye || len(rd.Close) != 1 {
		t.Errorf("a looking server answers a link with %v and closes %v; want goodbye and the link", rd.Send, rd.Close)
	}

	told := newTestCore(2)
	told.Follow(1)
	told.LinkUp(8, 1, Incarnation{1})
	told.Step(8, &Message{Kind: Goodbye})
	if told.Role() != Looking {
		t.Error("the follower stays with a server that said goodbye")
	}

	ignored := newTestCore(2)
	ignored.Follow(1)
	for now := Millis(1000); now < 3000; now += 10 {
		ignored.Tick(now)
		ignored.LinkUp(LinkID(now), 1, Incarnation{1})
		ignored.LinkDown(LinkID(now))
		ignored.Ready()
	}
	if ignored.Role() != Looking {
		t.Error("the follower takes connections that end for signs of a leader")
	}
}

// A voter that came back with an empty directory keeps no leader alive: while
// the configuration that binds it anew is not committed, it counts for nothing.
func TestEmptiedVoterKeepsNoLeaderAlive(t *testing.T) {
	c := newTestCore(1)
	old := &Configuration{Members: []Member{{ID: 1, Voter: true, Incarnation: Incarnation{1}}, {ID: 2, Voter: true, Incarnation: Incarnation{2}},
		{ID: 3, Voter: true, Incarnation: Incarnation{3}}}}
	anew := &Configuration{Members: []Member{{ID: 1, Voter: true, Incarnation: Incarnation{1}}, {ID: 2, Voter: true, Incarnation: Incarnation{9}},
		{ID: 3, Voter: true, Incarnation: Incarnation{3}}}}
	c.members.learn(placed{1, old})
	c.Lead()
	c.lead.heard[Incarnation{9}] = c.now
	if c.quorumHeard() {
		t.Error("the new directory counts under the old configuration")
	}
	c.members.appended(placed{2, anew})
	if c.quorumHeard() {
		t.Error("the new directory counts before it is bound")
	}
	c.members.learn(placed{2, anew})
	if !c.quorumHeard() {
		t.Error("the new directory does not count although it is bound")
	}
}

// What comes late on a link that was replaced belongs to nobody.
func TestMessagesOfAnOlderLinkAreDropped(t *testing.T) {
	c := newTestCore(2)
	c.Follow(1)
	c.LinkUp(1, 1, Incarnation{1})
	c.LinkDown(1)
	c.LinkUp(2, 1, Incarnation{1})
	c.Ready()
	c.Step(1, &Message{Kind: NewEpoch, Epoch: 7, Seq: 1})
	if accepted, _ := c.Accepted(); accepted != 0 {
		t.Errorf("epoch %d was accepted from a link that is gone", accepted)
	}
}
