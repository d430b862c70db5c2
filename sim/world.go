package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// World is one simulated cluster.
type World struct {
	seed    uint64
	mode    Mode
	par     parameters
	planned []Fault
	sched   schedule
	network *network
	servers []*server
	clients []*client
	check   *checker
	err     error
	lines   []string
	hash    uint64

	// One stream for each kind of chance, so that a change in the use of one
	// does not shift the others.
	net, disks, proc, cli *rand.Rand

	faulty   bool // faults may happen now
	events   int
	crashed  int
	faults   map[string]int
	slowness []int64 // of each server's turns, in Priority mode
}

// Result sums up a run.
type Result struct {
	Seed        uint64
	Mode        Mode
	Err         error
	Trace       []string
	TraceHash   uint64
	Plan        []Fault
	FailedAt    float64 // simulated seconds, of a run that failed
	Seconds     float64
	Events      int
	Writes      int // answered operations
	Established int
	Crashes     int
	Installed   int // snapshots received
	Clients     int
	Faults      map[string]int
}

func (w *World) split(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(w.seed, stream)) }

// Run simulates one seed to its end.
func Run(seed uint64, o Options) Result {
	w := &World{seed: seed, mode: o.Mode, faults: make(map[string]int)}
	if w.mode == "" {
		w.mode = Safety
	}
	w.net, w.disks, w.proc, w.cli = w.split(1), w.split(2), w.split(6), w.split(4)
	w.par = w.draw(o)
	w.network, w.check = newNetwork(w), newChecker(w)
	w.build()
	w.faulty = true
	w.schedulePlan(o.Keep)
	w.startMode()
	w.run(w.par.us)
	w.finish()
	res := Result{Seed: seed, Mode: w.mode, Err: w.err, Trace: w.lines, TraceHash: w.hash, Plan: w.planned, Seconds: float64(w.sched.now) / 1e6,
		Events: w.events, Writes: w.check.writes, Established: w.check.established, Crashes: w.crashed, Installed: w.check.snapshots,
		Clients: len(w.clients), Faults: w.faults}
	if w.err != nil {
		res.FailedAt = res.Seconds
	}
	return res
}

// build makes the servers and clients and starts them.
func (w *World) build() {
	clocks := w.split(7)
	for i := range w.par.servers + w.par.spares {
		s := &server{w: w, id: zxid.ServerID(i + 1), fs: vfs.NewMemory(),
			clockBase: clocks.Int64N(1_000_000), clockRate: 1 + w.par.driftMax*(2*clocks.Float64()-1)}
		w.servers = append(w.servers, s)
		w.slowness = append(w.slowness, 0)
	}
	for _, s := range w.servers {
		s.start()
	}
	for i := range w.par.clients {
		c := &client{w: w, n: i}
		w.clients = append(w.clients, c)
		w.sched.after(int64(i)*1000, c.act)
	}
	w.sched.after(1_000_000, w.everySecond)
}

// startMode begins what the mode adds.
func (w *World) startMode() {
	switch w.mode {
	case Oracle:
		w.network.dead[electionPort] = true
		w.sched.after(100_000, w.advise)
	case Priority:
		w.reorder()
	case Safety, Liveness:
	}
}

// everySecond runs the checks that look at whole states.
func (w *World) everySecond() {
	w.check.wholeStates()
	w.sched.after(1_000_000, w.everySecond)
}

// advise stands in for the election in Oracle mode: somebody who looks for a
// leader is told to lead, or to follow anybody.
func (w *World) advise() {
	if !w.faulty {
		return
	}
	w.sched.after(20_000+w.proc.Int64N(200_000), w.advise)
	s := w.servers[w.proc.IntN(len(w.servers))]
	to := w.servers[w.proc.IntN(len(w.servers))]
	for _, o := range w.servers {
		if o.up && o.replica.Core().IsLeader() && w.proc.IntN(2) == 0 {
			to = o
		}
	}
	lead := w.proc.IntN(3) == 0
	s.input(func() { s.advised(lead, to.id) })
}

// reorder gives the servers new speeds, a few times in a run.
func (w *World) reorder() {
	if !w.faulty {
		clear(w.slowness)
		return
	}
	for i, rank := range w.proc.Perm(len(w.servers)) {
		w.slowness[i] = int64(rank*rank) * w.proc.Int64N(8_000)
	}
	w.sched.after(w.par.us/8+w.proc.Int64N(w.par.us/2), w.reorder)
}

func (w *World) failed() bool { return w.err != nil }

func (w *World) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("seed %d mode %s at %.6f s: %s", w.seed, w.mode, float64(w.sched.now)/1e6, fmt.Sprintf(format, args...))
		w.trace("FAILED: %v", w.err)
	}
}

// traceLinesMax bounds the trace that is kept; its hash covers all of it.
const traceLinesMax = 4000

func (w *World) trace(format string, args ...any) {
	line := strconv.FormatFloat(float64(w.sched.now)/1e6, 'f', 6, 64) + " " + fmt.Sprintf(format, args...)
	h := fnv.New64a()
	_, _ = h.Write([]byte(line))
	w.hash = w.hash*1099511628211 ^ h.Sum64()
	if len(w.lines) >= traceLinesMax {
		w.lines = append(w.lines[:0], w.lines[traceLinesMax/2:]...)
	}
	w.lines = append(w.lines, line)
}

func (w *World) run(us int64) {
	defer func() {
		// An assertion of the code under test is a violation like any other.
		if p := recover(); p != nil {
			w.fail("assertion: %v", p)
		}
	}()
	end := w.sched.now + us
	for w.err == nil && w.sched.now < end && w.sched.step() {
		w.events++
	}
}
