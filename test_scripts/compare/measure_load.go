package main

import (
	"context"
	"fmt"
	"time"

	"github.com/zabkeeper/zabkeeper/bench"
	"github.com/zabkeeper/zabkeeper/bench/process"
)

// warmup is the load before every measured load.
const warmup = "500ms"

// jvmWarmup is the load that a JVM needs before its figures mean anything. The
// others get it too.
const jvmWarmup = 20 * time.Second

// commandLine is that of a load.
type commandLine []string

func loadOf(args ...string) commandLine { return args }

// giving makes a measure of a load on the ensembles that stay up.
func (a commandLine) giving(pick func(r *bench.Result) values) func(context.Context, *lab, string) ([]values, error) {
	return func(ctx context.Context, l *lab, peer string) ([]values, error) {
		r, err := l.load(ctx, l.loaded[peer], l.timed(a...)...)
		if err != nil {
			return nil, err
		}
		return []values{pick(r)}, nil
	}
}

// timed is a load for as long as the plan says.
func (l *lab) timed(args ...string) []string {
	return append([]string{"--warmup", warmup, "--duration", l.plan.duration.String()}, args...)
}

func perSecond(row string) func(*bench.Result) values {
	return func(r *bench.Result) values { return values{row: r.PerSecond} }
}

func writeValues(r *bench.Result) values {
	return values{"set": r.PerSecond, "set-p99": r.Latency.P99 / 1e3, "cpu-write": r.Use.CPUPerOperation, "disk-write": r.Use.DiskBytesPerOperation}
}

func readValues(r *bench.Result) values {
	return values{"get": r.PerSecond, "cpu-read": r.Use.CPUPerOperation}
}

func latencyValues(r *bench.Result) values {
	return values{"latency-p50": r.Latency.P50 / 1e3, "latency-p99": r.Latency.P99 / 1e3}
}

// watchValues is the median of the times from a change to its last event.
func watchValues(r *bench.Result) values { return values{"watch": r.Latency.P50 / 1e3} }

// warm puts the load on an ensemble that a JVM needs.
func (l *lab) warm(ctx context.Context, e *ensemble) error {
	half := (l.plan.warm / 2).String()
	for _, workload := range []string{"set", "mixed"} {
		if _, err := l.load(ctx, e, "--warmup", "0", "--workload", workload, "--duration", half); err != nil {
			return fmt.Errorf("warm up: %w", err)
		}
	}
	return nil
}

// takeFresh looks at servers a moment after they began to serve.
func takeFresh(ctx context.Context, l *lab, peer string) ([]values, error) {
	if err := pause(ctx, time.Second); err != nil {
		return nil, err
	}
	mb, err := residentMB(l.loaded[peer])
	return []values{{"memory-fresh": mb}}, err
}

func takeLoaded(_ context.Context, l *lab, peer string) ([]values, error) {
	mb, err := residentMB(l.loaded[peer])
	return []values{{"memory-load": mb}}, err
}

// residentMB is the resident memory of the server that has the most.
func residentMB(e *ensemble) (most float64, err error) {
	for _, pid := range e.pids() {
		u, err := process.Look(pid)
		if err != nil {
			return 0, err
		}
		most = max(most, float64(u.Resident)/1e6)
	}
	return most, nil
}
