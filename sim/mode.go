package sim

import (
	"fmt"
	"slices"
	"strings"
)

// Mode is a kind of run.
type Mode string

// The modes.
const (
	// Safety: every fault, healing at random; at the end everybody serves.
	Safety Mode = "safety"
	// Liveness: at the end only a quorum is whole, and what is outside of it
	// stays broken for good; the quorum has to serve all the same.
	Liveness Mode = "liveness"
	// Oracle: the election is dead, and anybody is told to lead or to follow at
	// any time. Nothing may depend on its advice being good.
	Oracle Mode = "oracle"
	// Priority: servers run at very different speeds, and the order of the
	// speeds changes at a few points of the run.
	Priority Mode = "priority"
)

// Modes lists the modes.
func Modes() []Mode { return []Mode{Safety, Liveness, Oracle, Priority} }

// ParseMode reads the name of a mode.
func ParseMode(name string) (Mode, error) {
	if m := Mode(name); slices.Contains(Modes(), m) {
		return m, nil
	}
	var names []string
	for _, m := range Modes() {
		names = append(names, string(m))
	}
	return "", fmt.Errorf("there is no mode %q; the modes are %s", name, strings.Join(names, ", "))
}

// Options of a run. What is zero is drawn from the seed.
type Options struct {
	Mode    Mode // Safety if empty
	Clients int
	Seconds float64 // simulated, with faults
	// Keep are the numbers of the planned faults that happen; nil for all.
	Keep []int
}

// parameters are what a run draws from its seed.
type parameters struct {
	servers       int // that found the cluster
	spares        int // that can be added to it
	clients       int
	us            int64 // simulated microseconds with faults
	thinkUs       int64
	snapshotEvery uint64 // records
	counterLimit  uint32
	driftMax      float64 // of each server's clock
}

func (w *World) draw(o Options) parameters {
	r := w.split(5)
	p := parameters{
		servers:       []int{1, 2, 3, 3, 3, 4, 5, 5, 7}[r.IntN(9)],
		spares:        []int{0, 0, 1, 2, 2}[r.IntN(5)],
		clients:       1 + r.IntN(6),
		us:            (10 + r.Int64N(31)) * 1_000_000,
		thinkUs:       5_000 + r.Int64N(55_000),
		snapshotEvery: uint64(20 + r.IntN(580)),
		counterLimit:  []uint32{30, 200, 0xF000_0000, 0xF000_0000}[r.IntN(4)],
		driftMax:      []float64{0, 0.001, 0.05}[r.IntN(3)],
	}
	if w.mode == Liveness {
		p.servers = max(p.servers, 3)
	}
	if o.Clients > 0 {
		p.clients = o.Clients
	}
	if o.Seconds > 0 {
		p.us = int64(o.Seconds * 1e6)
	}
	return p
}
