package sim

import (
	"math/rand/v2"
	"slices"
)

// Fault is one thing that is planned to go wrong. What it does in detail comes
// from its own seed, so that leaving another one out does not change it.
type Fault struct {
	At     int64 // microseconds
	Kind   string
	Server int // index
	Seed   uint64
}

// The kinds of faults. A run leaves some of them out, so that each is also met
// without the others (swarm testing).
var faultKinds = []string{
	"crash", "kill", "crash leader", "crash all", "crash in a write", "crash in a start", "pause", "pause leader",
	"partition", "heal", "reset", "half-open", "clog", "flap", "loss",
	"slow disk", "failed sync", "full disk", "rot", "wipe", "swapped directories",
	"clock", "members", "hand over", "call election",
}

// FaultKinds lists the kinds of faults.
func FaultKinds() []string { return slices.Clone(faultKinds) }

// plan draws the faults of a run.
func (w *World) plan() []Fault {
	r := w.split(3)
	var kinds []string
	for _, k := range faultKinds {
		if r.IntN(10) < 6 {
			kinds = append(kinds, k)
		}
	}
	kinds = append(kinds, "heal", "members")
	gap := []int64{300_000, 1_000_000, 3_000_000}[r.IntN(3)]
	var out []Fault
	for at := 500_000 + r.Int64N(2*gap); at < w.par.us; at += r.Int64N(2 * gap) {
		out = append(out, Fault{At: at, Kind: kinds[r.IntN(len(kinds))], Server: r.IntN(len(w.servers)), Seed: r.Uint64()})
	}
	return out
}

// schedulePlan puts what is kept of the plan on the schedule.
func (w *World) schedulePlan(keep []int) {
	w.planned = w.plan()
	for i, f := range w.planned {
		if keep != nil && !slices.Contains(keep, i) {
			continue
		}
		w.sched.after(f.At, func() {
			if w.faulty && w.err == nil {
				w.trace("fault %d: %s (server %d)", i, f.Kind, w.servers[f.Server].id)
				w.faults[f.Kind]++
				w.do(f, rand.New(rand.NewPCG(f.Seed, 1)))
			}
		})
	}
}
