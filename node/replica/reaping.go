package replica

import (
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab"
)

// Reaping says when the leader removes containers that have become empty and
// TTL nodes that nobody has touched for too long.
type Reaping struct {
	Interval zab.Millis // between two looks at the tree; 0 for never
	Max      int        // removals an interval; the rest waits for the next
	// NeverUsedMs removes containers that never had a child after so long; 0
	// keeps them.
	NeverUsedMs int64
}

// reap proposes the removal of what is idle. Each removal is judged again when
// it is applied, so whoever creates a child meanwhile keeps the node.
func (r *Replica) reap() {
	o := &r.opt.Reaping
	if o.Interval == 0 || r.now < r.nextReap || r.expiry == nil || !r.core.CanPropose() {
		return
	}
	r.nextReap = r.now + o.Interval
	paths := r.state.Tree.ReapCandidates(r.wall, o.NeverUsedMs)
	for _, path := range paths[:min(len(paths), o.Max)] {
		body := (&wire.PathRequest{Path: []byte(path)}).Append(nil)
		r.propose(tree.AppendTransaction(nil, &tree.Transaction{Op: tree.OpReap, Body: body}))
	}
}
