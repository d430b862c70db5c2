package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Options of a run; the zero value of each is replaced by one drawn from the
// seed.
type Options struct {
	Servers       int // that found the cluster
	Spares        int // that can be added to it
	Clients       int
	Seconds       int // simulated, with faults
	ThinkUs       int64
	SnapshotEvery uint64 // records
	CounterLimit  uint32
}

// World is one simulated cluster.
type World struct {
	opt     Options
	seed    uint64
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

	slowDisk int64
	crashed  int
	faulty   bool
	faults   map[string]int
}

// Result sums up a run.
type Result struct {
	Seed        uint64
	Err         error
	Trace       []string
	TraceHash   uint64
	Seconds     float64
	Writes      int
	Established int
	Crashes     int
	Installed   int // snapshots received
	Faults      map[string]int
}

func (w *World) split(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(w.seed, stream)) }

// Run simulates one seed to its end.
func Run(seed uint64, o Options) Result {
	w := &World{seed: seed, faults: make(map[string]int)}
	w.net, w.disks, w.proc, w.cli = w.split(1), w.split(2), w.split(3), w.split(4)
	w.opt = w.draw(o)
	w.network, w.check = newNetwork(w), newChecker(w)
	for i := range w.opt.Servers + w.opt.Spares {
		s := &server{w: w, id: zxid.ServerID(i + 1), fs: vfs.NewMemory()}
		w.servers = append(w.servers, s)
	}
	for _, s := range w.servers {
		s.start()
	}
	for i := range w.opt.Clients {
		c := &client{w: w, n: i}
		w.clients = append(w.clients, c)
		w.sched.after(int64(i)*1000, c.act)
	}
	w.faulty = true
	w.sched.after(1_000_000, w.fault)
	w.run(int64(w.opt.Seconds) * 1_000_000)
	w.recover()
	return Result{Seed: seed, Err: w.err, Trace: w.lines, TraceHash: w.hash, Seconds: float64(w.sched.now) / 1e6, Writes: w.check.writes,
		Established: w.check.established, Crashes: w.crashed, Installed: w.check.snapshots, Faults: w.faults}
}

func (w *World) draw(o Options) Options {
	r := w.split(5)
	pick := func(have, from, to int) int {
		if have != 0 {
			return have
		}
		return from + r.IntN(to-from+1)
	}
	o.Servers = []int{1, 2, 3, 3, 3, 4, 5, 5, 7}[r.IntN(9)]
	o.Spares = []int{0, 0, 1, 2, 2}[r.IntN(5)]
	o.Clients = pick(o.Clients, 1, 6)
	o.Seconds = pick(o.Seconds, 10, 40)
	o.ThinkUs = int64(pick(int(o.ThinkUs), 5_000, 60_000))
	o.SnapshotEvery = uint64(pick(int(o.SnapshotEvery), 20, 600))
	if o.CounterLimit == 0 {
		o.CounterLimit = []uint32{30, 200, 0xF000_0000, 0xF000_0000}[r.IntN(4)]
	}
	return o
}

func (w *World) failed() bool { return w.err != nil }

func (w *World) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("seed %d at %.6f s: %s", w.seed, float64(w.sched.now)/1e6, fmt.Sprintf(format, args...))
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
		continue
	}
}

func (w *World) diskDelay() int64 {
	if w.slowDisk > 0 {
		return w.disks.Int64N(w.slowDisk)
	}
	return 50 + w.disks.Int64N(400)
}

// mayFail reports whether another crash is within the fault menu now.
func (w *World) mayFail() bool { return w.faulty }

// crash ends a process; what its disk did not make durable is lost as the disk
// decides.
func (w *World) crash(s *server) {
	if !s.up {
		return
	}
	w.crashed++
	w.trace("server %d crashes", s.id)
	if s.stopSnap != nil {
		s.stopSnap()
	}
	s.up, s.serving = false, false
	s.loseClients()
	s.fs = s.fs.Crash(w.disks)
	w.network.crashed(s)
	if w.faulty {
		w.sched.after(int64(w.proc.IntN(3_000_000)), func() { w.restart(s) })
	}
}

func (w *World) restart(s *server) {
	if !s.up && w.err == nil {
		s.start()
	}
}

// fault does something bad and schedules the next.
func (w *World) fault() {
	if !w.faulty || w.err != nil {
		return
	}
	w.sched.after(int64(w.proc.IntN(3_000_000)), w.fault)
	s := w.servers[w.proc.IntN(len(w.servers))]
	kinds := []string{"crash", "crash leader", "partition", "heal", "reset", "pause", "loss", "slow disk", "clock", "wipe", "crash all",
		"members", "members", "hand over", "call election"}
	kind := kinds[w.proc.IntN(len(kinds))]
	w.faults[kind]++
	w.trace("fault: %s (server %d)", kind, s.id)
	switch kind {
	case "crash":
		w.crash(s)
	case "crash leader":
		for _, s := range w.servers {
			if s.up && s.serving && s.replica.Core().IsLeader() {
				w.crash(s)
			}
		}
	case "partition":
		w.network.partition()
	case "heal":
		w.network.heal()
		w.network.lossPct, w.slowDisk, w.network.delayMax = 0, 0, 1000
	case "reset":
		w.network.breakOne()
	case "pause":
		s.pausedUntil = w.sched.now + int64(w.proc.IntN(5_000_000))
	case "loss":
		w.network.lossPct, w.network.delayMax = w.proc.IntN(30), 1000+w.proc.Int64N(60_000)
	case "slow disk":
		w.slowDisk = 1000 + w.proc.Int64N(1_000_000)
	case "clock":
		s.clockOffset += int64(w.proc.IntN(7_200_000)) - 3_600_000
	case "wipe":
		w.wipe(s)
	case "members":
		w.reconfigure(s)
	case "hand over":
		s.input(func() { s.replica.HandOver("fault") })
	case "call election":
		s.input(func() { s.replica.CallElection() })
	case "crash all":
		if w.proc.IntN(4) == 0 {
			for _, s := range w.servers {
				w.crash(s)
			}
		}
	}
}

// recover stops the faults and waits until everybody serves and has the same.
func (w *World) recover() {
	if w.err != nil {
		return
	}
	w.trace("faults stop")
	w.faulty = false
	w.network.heal()
	w.network.lossPct, w.slowDisk, w.network.delayMax = 0, 0, 1000
	for _, s := range w.servers {
		s.pausedUntil = 0
		w.restart(s)
	}
	const patience = 60
	healed := false
	for range patience {
		w.run(1_000_000)
		if w.err != nil {
			return
		}
		if healed = w.allServing(); healed {
			break
		}
	}
	if !healed {
		w.fail("not everybody serves %d s after the faults stopped", patience)
		return
	}
	writes := w.check.writes
	w.run(5_000_000)
	if w.err == nil && w.check.writes == writes && len(w.clients) > 0 {
		w.fail("no client was answered in 5 s after the faults stopped")
	}
	w.drain()
	if w.err == nil {
		w.check.finish()
	}
}

func (w *World) allServing() bool {
	for _, s := range w.servers {
		if !s.up || !s.serving {
			return false
		}
	}
	return true
}

// drain lets what is under way come to an end without new operations.
func (w *World) drain() {
	for _, c := range w.clients {
		c.at, c.busy = w.servers[0], true // does nothing any more
	}
	for range 30 {
		w.run(1_000_000)
		same := true
		for _, s := range w.servers {
			same = same && s.up && s.replica.State().Zxid == w.servers[0].replica.State().Zxid
		}
		if same {
			return
		}
	}
}

// number reads a node that holds a number.
func (w *World) number(path string) int {
	body := (&wire.PathWatchRequest{Path: []byte(path)}).Append(nil)
	b, res := w.servers[0].replica.State().Tree.Read(wire.OpGetData, body, &tree.Reader{}, nil)
	if res.Err != wire.OK {
		return -1
	}
	r := wire.NewReader(b)
	n, _ := strconv.Atoi(string(r.Buffer()))
	return n
}
