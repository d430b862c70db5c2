package cli

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/zabkeeper/zabkeeper/sim"
)

// simulation is what the flags of simulate say.
type simulation struct {
	seed, from uint64
	seeds      int
	minutes    float64
	modes      []string
	jobs       int
	shrink     bool
	twice      bool
	clients    int
	seconds    float64
	keep       []int
}

func newSimulateCommand(env *environment) *cobra.Command {
	var s simulation
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Run whole clusters from seeds, with faults, and check every invariant",
		Long: `Run whole clusters in one process: real replicas, logs and snapshots over
simulated disks, networks and clocks. A seed and a mode decide everything.

  zabkeeper simulate --seed 42                  replay one seed and print its trace
  zabkeeper simulate --seed 42 --shrink         find fewer faults that fail it too
  zabkeeper simulate --seeds 1000               run seeds in each mode until one fails
  zabkeeper simulate --minutes 10 --mode oracle the same for a while, in one mode

The modes: safety (every fault, then all heal), liveness (then only a quorum
heals), oracle (the election is dead and gives arbitrary advice), priority
(servers of very different speeds).`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			modes, err := s.parseModes()
			if err != nil {
				return exit(statusUsage, err)
			}
			if c.Flags().Changed("seed") {
				return s.one(env, modes[0], c.Flags().Changed("keep"))
			}
			if s.seeds == 0 && s.minutes == 0 {
				s.seeds = 100
			}
			return s.search(env, modes)
		},
	}
	c.Flags().Uint64Var(&s.seed, "seed", 0, "replay this seed")
	c.Flags().IntVar(&s.seeds, "seeds", 0, "how many seeds to run in each mode (default 100)")
	c.Flags().Uint64Var(&s.from, "from", uint64(time.Now().Unix())<<20, "the first seed")
	c.Flags().Float64Var(&s.minutes, "minutes", 0, "how long to run")
	c.Flags().StringSliceVar(&s.modes, "mode", nil, "safety, liveness, oracle, priority (default all; safety with --seed)")
	c.Flags().IntVar(&s.jobs, "jobs", runtime.NumCPU(), "how many seeds run at a time")
	c.Flags().BoolVar(&s.shrink, "shrink", false, "with --seed: leave out what is not needed to fail")
	c.Flags().BoolVar(&s.twice, "twice", false, "run every seed twice and compare the trace hashes")
	c.Flags().IntVar(&s.clients, "clients", 0, "with --seed: this many clients instead of the seed's")
	c.Flags().Float64Var(&s.seconds, "seconds", 0, "with --seed: this many simulated seconds of faults instead of the seed's")
	c.Flags().IntSliceVar(&s.keep, "keep", nil, "with --seed: only these of the planned faults happen")
	return c
}

func (s *simulation) parseModes() ([]sim.Mode, error) {
	if len(s.modes) == 0 {
		return sim.Modes(), nil
	}
	var out []sim.Mode
	for _, name := range s.modes {
		m, err := sim.ParseMode(name)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// one replays a seed, whole or shrunk.
func (s *simulation) one(env *environment, mode sim.Mode, only bool) error {
	o := sim.Options{Mode: mode, Clients: s.clients, Seconds: s.seconds}
	if only {
		o.Keep = append([]int{}, s.keep...)
	}
	r := sim.Run(s.seed, o)
	if s.shrink && r.Err != nil {
		var runs int
		o, runs = sim.Shrink(s.seed, o, func(runs int, o sim.Options) {
			_, _ = fmt.Fprintf(env.stderr, "\rshrinking: run %d, %d faults, %d clients, %.1f s ", runs, len(o.Keep), o.Clients, o.Seconds)
		})
		_, _ = fmt.Fprintln(env.stderr)
		r = sim.Run(s.seed, o)
		defer func() {
			_, _ = fmt.Fprintf(env.stdout, "shrunk in %d runs to %d of %d faults; replay it with:\n  zabkeeper simulate --seed %d --mode %s --clients %d --seconds %.3f --keep %s\n",
				runs, len(o.Keep), len(r.Plan), s.seed, mode, o.Clients, o.Seconds, numbers(o.Keep))
		}()
	}
	for _, line := range r.Trace {
		_, _ = fmt.Fprintln(env.stdout, line)
	}
	_, _ = fmt.Fprintf(env.stdout, "trace hash %016x\n", r.TraceHash)
	if r.Err != nil {
		return exit(statusFailed, r.Err)
	}
	return nil
}

// numbers is the list in the form that --keep takes; one that keeps nothing
// names a fault that no plan has.
func numbers(list []int) string {
	if len(list) == 0 {
		return "-1"
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ","), "[]")
}

// tally sums up a search.
type tally struct {
	mu      sync.Mutex
	started time.Time
	seeds   int
	events  int
	sum     sim.Result
	faults  map[string]int
	failed  *sim.Result
}

func (t *tally) add(r *sim.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seeds++
	t.events += r.Events
	t.sum.Seconds += r.Seconds
	t.sum.Writes += r.Writes
	t.sum.Established += r.Established
	t.sum.Crashes += r.Crashes
	t.sum.Installed += r.Installed
	for k, v := range r.Faults {
		t.faults[k] += v
	}
	if r.Err != nil && t.failed == nil {
		t.failed = r
	}
}

func (t *tally) progress(env *environment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprintf(env.stderr, "\r%d seeds, %.2f simulated hours, %.0f events/s, %d answered operations, %d of %d kinds of faults ",
		t.seeds, t.sum.Seconds/3600, float64(t.events)/time.Since(t.started).Seconds(), t.sum.Writes, len(t.faults), len(sim.FaultKinds()))
}

// search runs seeds until one fails, or count or time is up.
func (s *simulation) search(env *environment, modes []sim.Mode) error {
	t := &tally{started: time.Now(), faults: map[string]int{}}
	live := false
	if f, ok := env.stderr.(*os.File); ok {
		live = term.IsTerminal(int(f.Fd()))
	}
	next := make(chan int)
	var workers sync.WaitGroup
	for range max(1, s.jobs) {
		workers.Go(func() {
			for i := range next {
				r := s.run(s.from+uint64(i/len(modes)), modes[i%len(modes)])
				t.add(&r)
			}
		})
	}
	limit := time.Duration(s.minutes * float64(time.Minute))
	for i := 0; (s.seeds == 0 || i < s.seeds*len(modes)) && (limit == 0 || time.Since(t.started) < limit) && !t.done(); i++ {
		next <- i
		if live && i%10 == 0 {
			t.progress(env)
		}
	}
	close(next)
	workers.Wait()
	if live {
		t.progress(env)
		_, _ = fmt.Fprintln(env.stderr)
	}
	return t.report(env, s.from, modes)
}

func (t *tally) done() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed != nil
}

func (s *simulation) run(seed uint64, mode sim.Mode) sim.Result {
	r := sim.Run(seed, sim.Options{Mode: mode})
	if s.twice && r.Err == nil {
		if again := sim.Run(seed, sim.Options{Mode: mode}); again.TraceHash != r.TraceHash {
			r.Err = fmt.Errorf("seed %d mode %s: two runs have the trace hashes %016x and %016x", seed, mode, r.TraceHash, again.TraceHash)
		}
	}
	return r
}

func (t *tally) report(env *environment, from uint64, modes []sim.Mode) error {
	if r := t.failed; r != nil {
		for _, line := range r.Trace[max(0, len(r.Trace)-60):] {
			_, _ = fmt.Fprintln(env.stdout, line)
		}
		return exit(statusFailed, fmt.Errorf("%w\nfound after %d seeds; replay it with: zabkeeper simulate --seed %d --mode %s", r.Err, t.seeds, r.Seed, r.Mode))
	}
	took := time.Since(t.started).Seconds()
	_, _ = fmt.Fprintf(env.stdout, "%d runs of seeds from %d in the modes %v without a violation: %.2f simulated hours (%.0f simulated seconds per second, %.0f events per second), %d answered operations, %d leaders, %d crashes, %d snapshots received\n",
		t.seeds, from, modes, t.sum.Seconds/3600, t.sum.Seconds/took, float64(t.events)/took, t.sum.Writes, t.sum.Established, t.sum.Crashes, t.sum.Installed)
	var kinds []string
	for _, k := range sim.FaultKinds() {
		kinds = append(kinds, fmt.Sprintf("%s %d", k, t.faults[k]))
	}
	slices.Sort(kinds)
	_, _ = fmt.Fprintf(env.stdout, "faults: %s\n", strings.Join(kinds, ", "))
	return nil
}
