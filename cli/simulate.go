package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/zabkeeper/zabkeeper/sim"
)

func newSimulateCommand(env *environment) *cobra.Command {
	var seed, from uint64
	var seeds int
	var minutes float64
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Run whole clusters from seeds, with faults, and check every invariant",
		Long: `Run whole clusters in one process: real replicas, logs and snapshots over
simulated disks, networks and clocks. A seed decides everything.

  zabkeeper simulate --seed 42        replay one seed and print its trace
  zabkeeper simulate --seeds 1000     run seeds until one fails
  zabkeeper simulate --minutes 10     the same for a while`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if seed != 0 {
				return replay(env, seed)
			}
			if seeds == 0 && minutes == 0 {
				seeds = 100
			}
			return search(env, from, seeds, time.Duration(minutes*float64(time.Minute)))
		},
	}
	c.Flags().Uint64Var(&seed, "seed", 0, "replay this seed")
	c.Flags().IntVar(&seeds, "seeds", 0, "how many seeds to run (default 100)")
	c.Flags().Uint64Var(&from, "from", uint64(time.Now().Unix())<<20, "the first seed")
	c.Flags().Float64Var(&minutes, "minutes", 0, "how long to run")
	return c
}

func replay(env *environment, seed uint64) error {
	r := sim.Run(seed, sim.Options{})
	for _, line := range r.Trace {
		_, _ = fmt.Fprintln(env.stdout, line)
	}
	_, _ = fmt.Fprintf(env.stdout, "trace hash %016x\n", r.TraceHash)
	if r.Err != nil {
		return exit(statusFailed, r.Err)
	}
	return nil
}

// search runs seeds until one fails, or count or time is up.
func search(env *environment, from uint64, seeds int, limit time.Duration) error {
	started := time.Now()
	live := false
	if f, ok := env.stderr.(*os.File); ok {
		live = term.IsTerminal(int(f.Fd()))
	}
	var sum sim.Result
	faults := map[string]int{}
	n := 0
	for (seeds == 0 || n < seeds) && (limit == 0 || time.Since(started) < limit) {
		r := sim.Run(from+uint64(n), sim.Options{})
		n++
		if r.Err != nil {
			for _, line := range r.Trace[max(0, len(r.Trace)-60):] {
				_, _ = fmt.Fprintln(env.stdout, line)
			}
			return exit(statusFailed, fmt.Errorf("%w\nreplay it with: zabkeeper simulate --seed %d", r.Err, r.Seed))
		}
		sum.Seconds += r.Seconds
		sum.Writes += r.Writes
		sum.Established += r.Established
		sum.Crashes += r.Crashes
		sum.Installed += r.Installed
		for k, v := range r.Faults {
			faults[k] += v
		}
		if live && n%10 == 0 {
			_, _ = fmt.Fprintf(env.stderr, "\r%d seeds, %.2f simulated hours, %d answered operations ", n, sum.Seconds/3600, sum.Writes)
		}
	}
	if live {
		_, _ = fmt.Fprintln(env.stderr)
	}
	_, _ = fmt.Fprintf(env.stdout, "%d seeds from %d without a violation: %.2f simulated hours (%.0f simulated seconds per second), %d answered operations, %d leaders, %d crashes, %d snapshots received\n",
		n, from, sum.Seconds/3600, sum.Seconds/time.Since(started).Seconds(), sum.Writes, sum.Established, sum.Crashes, sum.Installed)
	_, _ = fmt.Fprintf(env.stdout, "faults: %v\n", faults)
	return nil
}
