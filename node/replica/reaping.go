package replica

import (
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab"
)

// Reaping says when the leader removes containers that have become empty and
// TTL nodes that nobody has touched for too long.
type Reaping struct {
	Interval  zab.Millis // between two looks at the tree; 0 for never
	PerMinute int        // removals, evenly spaced: a tree full of idle nodes is no storm
	// NeverUsedMs removes containers that never had a child after so long; 0
	// keeps them.
	NeverUsedMs int64
}

// reaper is what a leader knows between two looks.
type reaper struct {
	next zab.Millis // time of the next look
	idle []string   // found by the last one, and not removed yet
	pace reapPace
}

// reapPace spaces removals since a look.
type reapPace struct {
	from zab.Millis
	done int64
}

// due reports whether another removal fits in the time that has passed.
func (p *reapPace) due(now zab.Millis, perMinute int) bool {
	return p.done*60_000 <= int64(now-p.from)*int64(perMinute)
}

// reap proposes the removal of what is idle. Each removal is judged again when
// it is applied, so whoever creates a child meanwhile keeps the node.
func (r *Replica) reap() {
	o, s := &r.opt.Reaping, &r.reaper
	if o.Interval == 0 || r.expiry == nil || !r.core.CanPropose() {
		s.idle = nil
		return
	}
	if len(s.idle) == 0 && r.now >= s.next {
		s.next, s.pace = r.now+o.Interval, reapPace{from: r.now}
		s.idle = r.state.Tree.ReapCandidates(r.wall, o.NeverUsedMs)
	}
	for len(s.idle) > 0 && s.pace.due(r.now, o.PerMinute) && r.core.CanPropose() {
		body := (&wire.PathRequest{Path: []byte(s.idle[0])}).Append(nil)
		s.idle = s.idle[1:]
		s.pace.done++
		r.propose(tree.AppendTransaction(nil, &tree.Transaction{Op: tree.OpReap, Body: body}))
	}
}
