package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/zabkeeper/zabkeeper/bench"
	"github.com/zabkeeper/zabkeeper/client"
)

func newBenchCommand(env *environment) *cobra.Command {
	var o bench.Options
	var workload string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench [HOST:PORT[,HOST:PORT...][/PARENT]]",
		Short: "Measure servers under load",
		Long: `Puts load on zabkeeper's or ZooKeeper's servers and reports operations per second,
latencies and, with --pids, what the servers used. Without an address it is
localhost:2181. The workloads:

  set, create, get    writes of nodes of each connection's own; reads of random ones
  list                getChildren of a node with --nodes children
  mixed               get and set; --reads is the share of get
  latency             set, one connection, one request at a time
  watch               from a change to the last of --connections watchers' events
  sessions            opens --connections sessions and keeps them alive
  failover            writes while you stop servers: the longest gap, and whether
                      every acknowledged write is on every server
  fill                creates --nodes nodes and leaves them, to measure servers that
                      have many; the result says where

Requests go round in a closed loop: --in-flight of them on each connection. With
--rate they begin by the clock, and latencies count from when they should have
begun, also while a server stalls.

All nodes are made below a new /bench-N of PARENT and are removed at the end, except
those of fill.
Exit status 1 says that servers refused or lost something, 3 that none was
reached.`,
		Example: `  zabkeeper bench 10.0.0.1:2181,10.0.0.2:2181,10.0.0.3:2181
  zabkeeper bench --workload mixed --reads 0.9 --connections 200 localhost:2181
  zabkeeper bench --workload set --rate 5000 --duration 30s --json localhost:2181`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			address := "localhost"
			if len(args) == 1 {
				address = args[0]
			}
			var err error
			if o.Servers, o.Parent, err = client.ParseConnectString(address); err != nil {
				return err
			}
			o.Workload = bench.Workload(workload)
			return runBench(cmd.Context(), env, o, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&workload, "workload", "w", string(bench.Set), "what to do, see above")
	f.IntVarP(&o.Connections, "connections", "c", 0, "connections, watchers, sessions or writers (default 50; create 200; watch, sessions 1000; fill 20; failover 10)")
	f.IntVarP(&o.InFlight, "in-flight", "i", 0, "requests under way on each connection (default 10)")
	f.IntVarP(&o.Rate, "rate", "r", 0, "requests per second over all connections; 0 for as many as go")
	f.IntVarP(&o.Nodes, "nodes", "n", 0, "nodes in use, or children to list (default 1000; list 100)")
	f.IntVar(&o.ValueBytes, "value", 100, "bytes of a value")
	f.Float64Var(&o.Reads, "reads", 0.9, "mixed: the share of reads")
	f.DurationVarP(&o.Duration, "duration", "d", 5*time.Second, "how long to measure")
	f.DurationVar(&o.Warmup, "warmup", time.Second, "load before that")
	f.DurationVar(&o.SessionTimeout, "session-timeout", 30*time.Second, "session timeout to ask for")
	f.DurationVar(&o.RequestTimeout, "request-timeout", 0, "how long to wait for answers when the load is over, and in failover for each (default 30s; failover 2s)")
	f.IntSliceVar(&o.PIDs, "pids", nil, "processes of the servers on this machine, for CPU, memory and disk bytes (Linux)")
	f.DurationVar(&o.Timeline, "timeline", 0, "with --json: count answers in steps of this length too, such as 10ms")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// runBench measures, shows how it goes on a terminal, and prints the result.
func runBench(ctx context.Context, env *environment, o bench.Options, asJSON bool) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	relaxCollector()
	done := func() {}
	if f, ok := env.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		line := &progressLine{w: f, width: func() int {
			width, _, _ := term.GetSize(int(f.Fd())) // 0 is as good as unknown
			return width
		}}
		o.Progress, done = line.show, line.clear
	}
	res, err := bench.Run(ctx, o)
	done()
	switch {
	case errors.Is(err, bench.ErrOptions):
		return err
	case ctx.Err() != nil:
		return exit(statusFailed, err)
	case errors.Is(err, bench.ErrNoServer):
		return exit(statusNoServers, err)
	case err != nil:
		return exit(statusFailed, err)
	}
	if asJSON {
		err = json.NewEncoder(env.stdout).Encode(res)
	} else {
		_, err = fmt.Fprint(env.stdout, benchText(res))
	}
	if err == nil && len(res.Errors) > 0 {
		return exit(statusFailed, fmt.Errorf("not all went well: %s", benchErrors(res)))
	}
	return err
}
