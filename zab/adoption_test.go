package zab

import (
	"testing"

	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// adopting returns a leader, server 1 of three, that adopts the two records of
// server 2, which is on link 2.
func adopting(t *testing.T) (c *Core, records [2]record.Record) {
	t.Helper()
	records[0] = record.View(record.Append(nil, 0, zxid.New(1, 0), record.Epoch, nil))
	records[1] = record.View(record.Append(nil, records[0].Chain, zxid.New(1, 1), record.Transaction, nil))
	c = newTestCore(1)
	c.members.learn(placed{1, bound()})
	c.Tick(1000)
	c.Lead()
	promise(c, 2, 2, records[1].Zxid)
	if c.Phase() != Pull {
		t.Fatalf("phase %v, want the history of server 2 to be adopted", c.Phase())
	}
	c.Ready()
	return c, records
}

// promise lets a server come on a link and promise the epoch, with a history that
// ends at z.
func promise(c *Core, link LinkID, server zxid.ServerID, z zxid.Zxid) {
	c.LinkUp(link, server, Incarnation{byte(server)})
	c.Step(link, &Message{Kind: FollowerInfo, Accepted: 1, Zxid: z})
	persisted(c, c.Ready())
	m := Message{Kind: AckEpoch, Epoch: c.epoch, Seq: c.lead.link(link).asked, Vote: true, Zxid: z}
	if z != 0 {
		m.Spans = []record.Span{{Epoch: z.Epoch(), Last: z.Counter()}}
	}
	c.Step(link, &m)
}

// A donor whose link is gone is asked again when it is back. Before, the leader
// waited for a link that was no more. Simulator, seed 500044024.
func TestADonorThatComesBackIsAskedAgain(t *testing.T) {
	for name, gone := range map[string]func(*Core){
		"the link ends":        func(c *Core) { c.LinkDown(2) },
		"another replaces it":  func(*Core) {},
		"the donor was silent": func(c *Core) { c.Tick(1000 + c.opt.Timing.Peer + 10) },
	} {
		c, records := adopting(t)
		c.Step(2, &Message{Kind: Proposal, Epoch: c.epoch, Prev: 0, Runs: [][]byte{records[0].Raw}})
		persisted(c, c.Ready())
		gone(c)
		promise(c, 5, 2, records[1].Zxid)
		c.Tick(c.now + 10)
		pulls := sent(c.Ready(), HistoryPull)
		if c.Phase() != Pull || len(pulls) != 1 || pulls[0].Zxid != records[0].Zxid {
			t.Errorf("%s: phase %v, asked %+v; want server 2 asked for what is behind %s", name, c.Phase(), pulls, records[0].Zxid)
			continue
		}
		c.Step(5, &Message{Kind: Proposal, Epoch: c.epoch, Prev: records[0].Zxid, Runs: [][]byte{records[1].Raw}})
		persisted(c, c.Ready())
		if c.Phase() != Synchronization || c.spans[0].Last != 1 {
			t.Errorf("%s: phase %v, %+v; want the leader established on the whole history", name, c.Phase(), c.spans)
		}
	}
}

// Without the donor the promises of others decide, and not before what came of
// its history is durable.
func TestADonorThatStaysAwayIsNotNeeded(t *testing.T) {
	c, records := adopting(t)
	c.Step(2, &Message{Kind: Proposal, Epoch: c.epoch, Prev: 0, Runs: [][]byte{records[0].Raw}})
	writing := c.Ready().Persist[0].Seq
	c.LinkDown(2)
	promise(c, 3, 3, 0)
	c.Tick(c.now + 10)
	if c.Phase() != Pull {
		t.Errorf("phase %v, want to wait for the disk", c.Phase())
	}
	c.Persisted(writing, 0)
	c.Tick(c.now + 10)
	if c.Phase() != Synchronization || c.spans[0] != (record.Span{Epoch: 1, Last: 0}) {
		t.Errorf("phase %v, %+v; want to be established with the record that came", c.Phase(), c.spans)
	}
}

// Y12: somebody who comes again and again gives the leader no more time.
func TestComingAgainIsNoProgress(t *testing.T) {
	c, _ := adopting(t)
	c.LinkDown(2)
	for link := LinkID(10); c.Role() == Leading; link++ {
		if c.now > 1000+10*(c.opt.Timing.Progress+c.opt.Timing.Establish) {
			t.Fatal("still leading, without a quorum")
		}
		c.LinkUp(link, 4, Incarnation{4})
		c.Step(link, &Message{Kind: FollowerInfo, Accepted: 1})
		c.Step(link, &Message{Kind: AckEpoch, Epoch: c.epoch, Seq: c.lead.link(link).asked, Vote: true})
		c.Ready()
		c.Tick(c.now + 100)
	}
}
