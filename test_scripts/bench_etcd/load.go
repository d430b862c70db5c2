package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/zabkeeper/zabkeeper/bench"
)

const dialTimeout = 10 * time.Second

// dial opens a client and uses it once, because it connects when it is first used.
func dial(ctx context.Context, servers ...string) (*clientv3.Client, error) {
	c, err := clientv3.New(clientv3.Config{Endpoints: servers, DialTimeout: dialTimeout, Logger: zap.NewNop()})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if _, err := c.Get(ctx, key(0), clientv3.WithSerializable()); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", strings.Join(servers, ","), err), c.Close())
	}
	return c, nil
}

// dialAll opens the connections, connection i to server i modulo their number.
func dialAll(ctx context.Context, o *options) (list []*clientv3.Client, err error) {
	for i := range o.connections {
		c, err := dial(ctx, o.servers[i%len(o.servers)])
		if err != nil {
			closeAll(list)
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

func closeAll(list []*clientv3.Client) {
	for _, c := range list {
		_ = c.Close() // its servers are thrown away
	}
}

func key(k int) string { return fmt.Sprintf("/bench/n%07d", k) }

// value is the same in every run and compresses no better than text.
func value(n int) string {
	rng := rand.New(rand.NewPCG(3, 5))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(' ' + rng.IntN(95))
	}
	return string(b)
}

// putAll puts keys 0 to n-1, spread over clients with many requests under way.
func putAll(ctx context.Context, clients []*clientv3.Client, inFlight, n int, v string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for _, c := range clients {
		for range inFlight {
			all.Go(func() {
				for k := next.Add(1) - 1; k < int64(n) && ctx.Err() == nil; k = next.Add(1) - 1 {
					if _, err := c.Put(ctx, key(int(k)), v); err != nil {
						cancel(err)
					}
				}
			})
		}
	}
	all.Wait()
	return context.Cause(ctx)
}

// fill makes keys.
func fill(ctx context.Context, o *options, r *bench.Result) error {
	clients, err := dialAll(ctx, o)
	if err != nil {
		return err
	}
	defer closeAll(clients)
	begin := time.Now()
	before, _ := use(o.pids)
	if err := putAll(ctx, clients, o.inFlight, o.nodes, value(o.valueBytes)); err != nil {
		return err
	}
	r.Operations = int64(o.nodes)
	is, resident := use(o.pids)
	account(r, o.pids, before, is, resident, time.Since(begin))
	return nil
}

// worker is one request after the other.
type worker struct {
	c      *clientv3.Client
	o      *options
	rng    *rand.Rand
	own    int // its next key to put
	step   int
	value  string
	took   []time.Duration // of the measured requests
	errors map[string]int64
}

// next does one request.
func (w *worker) next(ctx context.Context) error {
	if w.o.workload == bench.Get || w.o.workload == bench.Mixed && w.rng.Float64() < w.o.reads {
		_, err := w.c.Get(ctx, key(w.rng.IntN(w.o.nodes)))
		return err
	}
	k := w.own % w.o.nodes
	w.own += w.step
	_, err := w.c.Put(ctx, key(k), w.value)
	return err
}

// run works until end and keeps what was answered from the moment on.
func (w *worker) run(ctx context.Context, from, end time.Time) {
	for {
		begin := time.Now()
		if !begin.Before(end) || ctx.Err() != nil {
			return
		}
		err := w.next(ctx)
		at := time.Now()
		switch {
		case at.Before(from) || !at.Before(end):
		case err != nil:
			w.errors[err.Error()]++
		default:
			w.took = append(w.took, at.Sub(begin))
		}
	}
}

// loop is set, get, mixed and latency.
func loop(ctx context.Context, o *options, r *bench.Result) error {
	clients, err := dialAll(ctx, o)
	if err != nil {
		return err
	}
	defer closeAll(clients)
	v := value(o.valueBytes)
	if err := putAll(ctx, clients, o.inFlight, o.nodes, v); err != nil {
		return err
	}
	from := time.Now().Add(o.warmup)
	end := from.Add(o.duration)
	var workers []*worker
	var all sync.WaitGroup
	for i, c := range clients {
		for j := range o.inFlight {
			n := i + j*len(clients)
			w := &worker{c: c, o: o, rng: rand.New(rand.NewPCG(uint64(n), 7)), own: n, step: len(clients) * o.inFlight, value: v, errors: map[string]int64{}}
			workers = append(workers, w)
			all.Go(func() { w.run(ctx, from, end) })
		}
	}
	wait(ctx, from)
	before, _ := use(o.pids)
	wait(ctx, end)
	is, resident := use(o.pids)
	all.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	collect(workers, r)
	account(r, o.pids, before, is, resident, o.duration)
	if r.Operations == 0 {
		return fmt.Errorf("no request was answered: %v", r.Errors)
	}
	return nil
}

func wait(ctx context.Context, until time.Time) {
	select {
	case <-time.After(time.Until(until)):
	case <-ctx.Done():
	}
}

// collect adds the workers' measurements to a result.
func collect(workers []*worker, r *bench.Result) {
	var took []time.Duration
	for _, w := range workers {
		took = append(took, w.took...)
		for name, n := range w.errors {
			if r.Errors == nil {
				r.Errors = map[string]int64{}
			}
			r.Errors[name] += n
		}
	}
	r.Operations, r.Latency = int64(len(took)), quantiles(took)
}

func quantiles(took []time.Duration) *bench.Quantiles {
	if len(took) == 0 {
		return nil
	}
	slices.Sort(took)
	at := func(q float64) float64 {
		return float64(took[min(len(took)-1, int(q*float64(len(took))))].Nanoseconds()) / 1e3
	}
	var sum time.Duration
	for _, d := range took {
		sum += d
	}
	return &bench.Quantiles{Mean: float64(sum.Nanoseconds()) / 1e3 / float64(len(took)), P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999), Max: at(1)}
}
