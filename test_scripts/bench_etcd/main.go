// Program bench_etcd puts on etcd the load that zabkeeper bench puts on
// ZooKeeper's protocol, with etcd's own client, and prints the same JSON. It is a
// module of its own, so that zabkeeper does not depend on etcd.
//
// A connection is a client with one gRPC connection, and its requests in flight
// are as many goroutines. Reads are linearizable, as etcd's are unless asked for
// otherwise. Keys stay: the servers are thrown away after a measurement.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/zabkeeper/zabkeeper/bench"
	"github.com/zabkeeper/zabkeeper/bench/process"
)

// options are those of zabkeeper bench that make sense here.
type options struct {
	servers     []string
	workload    bench.Workload
	connections int
	inFlight    int
	nodes       int
	valueBytes  int
	reads       float64
	warmup      time.Duration
	duration    time.Duration
	pids        []int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := runMain(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench_etcd:", err)
		os.Exit(1)
	}
}

func runMain(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	r := &bench.Result{Workload: o.workload, Servers: o.servers, Connections: o.connections, InFlight: o.inFlight, Nodes: o.nodes, ValueBytes: o.valueBytes}
	switch o.workload {
	case bench.Fill:
		err = fill(ctx, o, r)
	case bench.Failover:
		err = failover(ctx, o, r)
	default:
		err = loop(ctx, o, r)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func parse(args []string) (*options, error) {
	o := &options{}
	var pids, workload string
	f := flag.NewFlagSet("bench_etcd", flag.ContinueOnError)
	f.StringVar(&workload, "workload", string(bench.Set), "set, get, mixed, latency, fill or failover")
	f.IntVar(&o.connections, "connections", 0, "clients (default 50; latency 1; failover 10; fill 20)")
	f.IntVar(&o.inFlight, "in-flight", 10, "requests under way on each")
	f.IntVar(&o.nodes, "nodes", 1000, "keys in use")
	f.IntVar(&o.valueBytes, "value", 100, "bytes of a value")
	f.Float64Var(&o.reads, "reads", 0.9, "mixed: the share of reads")
	f.DurationVar(&o.warmup, "warmup", time.Second, "load that is not measured")
	f.DurationVar(&o.duration, "duration", 5*time.Second, "load that is")
	f.StringVar(&pids, "pids", "", "processes of the servers")
	f.Bool("json", true, "the only form there is")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	o.workload = bench.Workload(workload)
	defaults := map[bench.Workload]int{bench.Set: 50, bench.Get: 50, bench.Mixed: 50, bench.Latency: 1, bench.Failover: 10, bench.Fill: 20}
	if defaults[o.workload] == 0 {
		return nil, fmt.Errorf("no workload %q here", workload)
	}
	if o.connections == 0 {
		o.connections = defaults[o.workload]
	}
	switch o.workload {
	case bench.Latency, bench.Failover:
		o.inFlight = 1
	case bench.Fill:
		o.inFlight = 64
	default: // as asked for
	}
	if f.NArg() != 1 || o.connections < 1 || o.inFlight < 1 || o.nodes < 1 || o.valueBytes < 0 || o.duration <= 0 {
		return nil, fmt.Errorf("one argument with the servers' addresses, and numbers of at least one: %s", strings.Join(args, " "))
	}
	o.servers = strings.Split(f.Arg(0), ",")
	for word := range strings.SplitSeq(pids, ",") {
		if word == "" {
			continue
		}
		pid, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		o.pids = append(o.pids, pid)
	}
	return o, nil
}

// use is what the server processes have used so far.
func use(pids []int) (sum process.Use, resident []float64) {
	for _, pid := range pids {
		u, err := process.Look(pid)
		if err != nil {
			continue // killed on purpose
		}
		sum.CPU += u.CPU
		sum.DiskBytes += u.DiskBytes
		resident = append(resident, float64(u.Resident)/1e6)
	}
	return sum, resident
}

// account adds what was used between two moments to a result with operations.
func account(r *bench.Result, pids []int, before, is process.Use, resident []float64, took time.Duration) {
	r.Seconds = took.Seconds()
	n := float64(r.Operations)
	r.PerSecond = n / took.Seconds()
	cpu, disk := (is.CPU - before.CPU).Seconds(), is.DiskBytes-before.DiskBytes
	r.Use = &bench.ServerUse{PIDs: pids, CPUSeconds: cpu, ResidentMB: resident, DiskBytes: disk}
	if n > 0 {
		r.Use.CPUPerOperation, r.Use.DiskBytesPerOperation = cpu*1e6/n, float64(disk)/n
	}
}
