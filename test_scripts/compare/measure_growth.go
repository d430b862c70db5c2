package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sizes are the numbers of nodes with which writes are measured.
var sizes = []int{1000, 10_000, 100_000, 1_000_000}

// growthLoad is how long each number of nodes is written: about as long as two
// snapshots of a million are apart under this load, so that it bears its share of
// them.
const growthLoad = 16 * time.Second

// takeGrowth sets all of so many nodes, one round after the other, on the same
// servers.
func takeGrowth(ctx context.Context, l *lab, peer string) (list []values, err error) {
	err = l.with(ctx, peer, options{}, func(e *ensemble) error {
		if err := l.warm(ctx, e); err != nil {
			return err
		}
		of := make([][]float64, len(sizes))
		for range l.plan.rounds {
			got := values{}
			for i, n := range sizes {
				r, err := l.load(ctx, e, "--workload", "set", "--nodes", strconv.Itoa(n), "--duration", growthLoad.String())
				if err != nil {
					return err
				}
				got["growth-"+strconv.Itoa(n)] = r.PerSecond
				of[i] = append(of[i], r.PerSecond)
			}
			list = append(list, got)
		}
		list = append(list, values{"growth-flat": flatness(of)})
		return nil
	})
	return list, err
}

// flatness is the least of the medians by the largest.
func flatness(of [][]float64) float64 {
	medians := make([]float64, len(of))
	for i, list := range of {
		medians[i] = median(list)
	}
	return slices.Min(medians) / slices.Max(medians)
}

// catchUpRate is the load under which a follower catches up, in writes a second.
const catchUpRate = 1000

// takeCatchUp kills a follower, writes a million nodes, starts it again under
// load, and measures the time from its start until it has applied what it missed.
func takeCatchUp(ctx context.Context, l *lab, peer string) (list []values, err error) {
	err = l.with(ctx, peer, options{}, func(e *ensemble) error {
		if err := l.fill(ctx, e, 1000); err != nil {
			return err
		}
		f, err := e.follower()
		if err != nil {
			return err
		}
		was, known := zxidOf(f)
		if !known {
			return errors.New("the follower does not say how far it is")
		}
		f.kill()
		if err := l.fill(ctx, e, million); err != nil {
			return err
		}
		g, err := l.begin(ctx, e, "--workload", "set", "--rate", strconv.Itoa(catchUpRate), "--connections", "10", "--duration", "15s")
		if err != nil {
			return err
		}
		rate, err := catchUp(ctx, e, f, was)
		_, ended := l.end(g)
		if err := errors.Join(err, ended); err != nil {
			return err
		}
		list = append(list, values{"catch-up": rate})
		return nil
	})
	return list, err
}

// catchUp starts f, which knows the transactions up to was, and returns how many
// it took over a second.
func catchUp(ctx context.Context, e *ensemble, f *server, was uint64) (float64, error) {
	leader, err := e.leader()
	if err != nil {
		return 0, err
	}
	target, ok := zxidOf(leader)
	if !ok || target <= was || target>>32 != was>>32 {
		return 0, fmt.Errorf("the leader is at %#x, the follower was at %#x: what lies between cannot be counted", target, was)
	}
	begin := time.Now()
	if err := e.launch(); err != nil {
		return 0, err
	}
	err = f.await(ctx, "to catch up", serveWait, func() bool {
		is, ok := zxidOf(f)
		return ok && is >= target
	})
	return float64(target-was) / time.Since(begin).Seconds(), err
}

// zxidOf is the last transaction that a server has applied: an epoch, and a number
// within it.
func zxidOf(s *server) (uint64, bool) {
	hex, found := strings.CutPrefix(lineOf(word(s.client, "srvr"), "Zxid: "), "0x")
	z, err := strconv.ParseUint(hex, 16, 64)
	return z, found && err == nil
}

// pair alternates a load between two ensembles, and calls them a and b.
func (l *lab) pair(ctx context.Context, peer string, a, b options, args []string, took func(i int, perSecond, cpu float64)) error {
	return l.with(ctx, peer, a, func(first *ensemble) error {
		return l.with(ctx, peer, b, func(second *ensemble) error {
			for range l.plan.rounds {
				for i, e := range []*ensemble{first, second} {
					r, err := l.load(ctx, e, l.timed(args...)...)
					if err != nil {
						return err
					}
					took(i, r.PerSecond, r.Use.CPUPerOperation)
				}
			}
			return nil
		})
	})
}

func takeFive(ctx context.Context, l *lab, peer string) (list []values, err error) {
	err = l.pair(ctx, peer, options{}, options{size: 5}, []string{"--workload", "set"}, func(i int, perSecond, cpu float64) {
		if i == 0 {
			list = append(list, values{"three-set": perSecond, "three-cpu": cpu})
			return
		}
		v := list[len(list)-1]
		v["five-set"], v["five-cpu"] = perSecond, cpu
		v["five-share"] = perSecond / v["three-set"]
	})
	return list, err
}

// syncDelay is in the tracer's unit, microseconds.
const syncDelay = "2000"

// traced is a tracer that stops at syncs and at nothing else. Those that the
// kernel would do in the background are kept from the server: they cannot be delayed.
func traced(inject ...string) []string {
	return append([]string{tracer, "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null",
		"-e", "trace=fdatasync,fsync,io_setup", "-e", "inject=io_setup:error=ENOSYS"}, inject...)
}

// takeSyncDelay compares servers whose syncs take 2 ms longer with servers that
// are traced in the same way and not delayed.
func takeSyncDelay(ctx context.Context, l *lab, peer string) (list []values, err error) {
	if _, err := exec.LookPath(tracer); err != nil {
		return nil, fmt.Errorf("delaying syncs needs strace: %w", err)
	}
	plain := options{wrap: traced()}
	slow := options{wrap: traced("-e", "inject=fdatasync,fsync:delay_enter="+syncDelay)}
	err = l.pair(ctx, peer, plain, slow, []string{"--workload", "set", "--in-flight", "100"}, func(i int, perSecond, _ float64) {
		if i == 0 {
			list = append(list, values{"sync-plain": perSecond})
			return
		}
		v := list[len(list)-1]
		v["sync-slow"] = perSecond
		v["sync-share"] = perSecond / v["sync-plain"]
	})
	return list, err
}
