package zab

import (
	"testing"

	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// TestSynchronizationDecisions is the table of A8 with its worked cases: what a
// leader does with the history that a follower answers with, and where its
// stream begins.
func TestSynchronizationDecisions(t *testing.T) {
	z := zxid.New
	span := func(pairs ...uint32) (out []record.Span) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, record.Span{Epoch: zxid.Epoch(pairs[i]), Last: pairs[i+1]})
		}
		return out
	}
	for _, c := range []struct {
		name             string
		leader, follower []record.Span
		last             zxid.Zxid // the follower's
		base             zxid.Zxid // what the leader's log begins behind
		followerBase     zxid.Zxid
		how              string
		from             zxid.Zxid
	}{
		{"1: behind", span(1, 9, 4, 0), span(1, 7), z(1, 7), 0, 0, "DIFF", z(1, 7)},
		{"2: an old leader with a tail nobody acknowledged", span(1, 9, 4, 0), span(1, 12), z(1, 12), 0, 0, "TRUNC", z(1, 9)},
		{"3: an epoch that the leader never saw", span(1, 2, 4, 1), span(1, 2, 2, 1), z(2, 1), 0, 0, "TRUNC", z(1, 2)},
		{"4: the mark of a leader that never got further", span(1, 5, 5, 0), span(1, 3, 4, 0), z(4, 0), 0, 0, "TRUNC", z(1, 3)},
		{"5: no epoch in common", span(3, 8, 6, 0), span(2, 4), z(2, 4), z(3, 1), 0, "SNAP", 0},
		{"7: empty, and the leader has everything", span(1, 9, 4, 0), nil, 0, 0, 0, "DIFF", 0},
		{"7: empty, and the log begins later", span(1, 9, 4, 0), nil, 0, z(1, 5), 0, "SNAP", 0},
		{"equal", span(1, 9), span(1, 9), z(1, 9), 0, 0, "DIFF", z(1, 9)},
		{"what it lacks was trimmed", span(1, 9, 4, 0), span(1, 3), z(1, 3), z(1, 5), 0, "SNAP", 0},
		{"it begins behind what is common", span(1, 9, 4, 0), span(1, 12), z(1, 12), 0, z(1, 10), "SNAP", 0},
		{"just what was trimmed", span(1, 9, 4, 0), span(1, 5), z(1, 5), z(1, 5), 0, "DIFF", z(1, 5)},
		{"ahead within an epoch, behind in the next", span(1, 4, 2, 3), span(1, 6), z(1, 6), 0, 0, "TRUNC", z(1, 4)},
	} {
		core := newTestCore(1)
		core.role, core.epoch, core.base, core.spans = Leading, 7, c.base, c.leader
		l := &link{id: 2, peer: 2}
		how := core.openCursor(l, c.follower, c.last, c.followerBase)
		rd := core.ready
		if how != c.how || c.how != "SNAP" && l.sent != c.from {
			t.Errorf("%s: got %s from %s, want %s from %s", c.name, how, l.sent, c.how, c.from)
		}
		if cuts := sent(rd, Truncate); (len(cuts) == 1) != (c.how == "TRUNC") || len(cuts) == 1 && cuts[0].Zxid != c.from {
			t.Errorf("%s: truncations %v, want one to %s where it is TRUNC", c.name, cuts, c.from)
		}
		if snapshots := len(rd.SendSnapshot); (snapshots == 1) != (c.how == "SNAP") {
			t.Errorf("%s: %d snapshots asked for", c.name, snapshots)
		}
		if p := sent(rd, Proposal); c.how != "SNAP" && (len(p) != 1 || p[0].Prev != c.from || len(p[0].Runs) != 0) {
			t.Errorf("%s: the stream begins with %v, want an empty proposal behind %s", c.name, p, c.from)
		}
	}
}
