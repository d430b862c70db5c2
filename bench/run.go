package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"
)

// Run measures what o asks for. A Result with Errors is one in which the servers
// refused something or lost connections; Run itself fails when there is nothing
// to report, or when what it made could not be removed.
func Run(ctx context.Context, o Options) (*Result, error) {
	o = o.WithDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := checkPIDs(o.PIDs); err != nil {
		return nil, err
	}
	res := &Result{Workload: o.Workload, Servers: o.Servers, Connections: o.Connections, InFlight: o.InFlight, Rate: o.Rate}
	if o.Rate > 0 {
		res.InFlight = 0
	}
	if o.Workload.loop() && o.Workload != Create || o.Workload == Fill {
		res.Nodes = o.Nodes
	}
	if o.Workload != List && o.Workload != Sessions {
		res.ValueBytes = o.ValueBytes
	}
	if o.Workload == Mixed {
		res.Reads = o.Reads
	}
	var err error
	if o.Workload == Sessions {
		err = runSessions(ctx, &o, res)
	} else {
		err = onGround(ctx, &o, res)
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	return res, err
}

// onGround runs a workload that has nodes of its own, and removes them.
func onGround(ctx context.Context, o *Options, res *Result) error {
	o.say("making nodes", 0, 0, 0)
	g, err := prepare(ctx, o)
	if err == nil {
		switch o.Workload {
		case Watch:
			err = runWatch(ctx, g, res)
		case Failover:
			err = runFailover(ctx, g, res)
		case Fill:
			err = runFill(ctx, g, res)
		default:
			err = runLoop(ctx, g, res)
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause // what failed did so because of it
	}
	if o.Workload == Fill && err == nil {
		res.Left = g.root
		return nil
	}
	o.say("removing nodes", 0, 0, 0)
	return errors.Join(err, g.clean(ctx))
}

func (o *Options) say(step string, done float64, operations int64, perSecond float64) {
	if o.Progress != nil {
		o.Progress(Progress{Step: step, Done: done, Operations: operations, PerSecond: perSecond})
	}
}

// openParallel is how many connections are opened at a time.
const openParallel = 64

// openAll opens every connection, connection i to server i modulo their number.
func openAll(ctx context.Context, o *Options) ([]*connection, error) {
	conns := make([]*connection, o.Connections)
	err := inParallel(o.Connections, openParallel, func(i int) (err error) {
		conns[i], err = dial(ctx, o.server(i), o, nil)
		return err
	})
	if err != nil {
		closeAll(conns)
		return nil, o.notAll(err)
	}
	return conns, nil
}

// notAll says what else may be the reason that a connection was not taken.
func (o *Options) notAll(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("%w; %d connections may be more than a server takes from one host (max_client_connections, maxClientCnxns)", noServer(err), o.Connections)
	}
	return noServer(err)
}

func closeAll(conns []*connection) {
	_ = inParallel(len(conns), openParallel, func(i int) error {
		if conns[i] != nil {
			conns[i].close()
		}
		return nil
	})
}

// inParallel calls do for 0 to n-1 in limit goroutines, and returns the first
// error, after which nothing new begins.
func inParallel(n, limit int, do func(i int) error) error {
	work := make(chan int)
	failed := make(chan error, min(n, limit))
	var all sync.WaitGroup
	for range min(n, limit) {
		all.Go(func() {
			for i := range work {
				if err := do(i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var first error
	for i := 0; i < n && first == nil; i++ {
		select {
		case work <- i:
		case first = <-failed:
		}
	}
	close(work)
	all.Wait()
	if first == nil && len(failed) > 0 {
		first = <-failed
	}
	return first
}

// runLoop runs the workloads that are requests in a loop.
func runLoop(ctx context.Context, g *ground, res *Result) error {
	o := g.o
	conns, err := openAll(ctx, o)
	if err != nil {
		return err
	}
	defer closeAll(conns)
	begin := now()
	measured := window{from: begin + int64(o.Warmup), to: begin + int64(o.Warmup+o.Duration)}
	rec, line := newRecorder(), newTimeline(o, measured)
	lanes := make([]*lane, len(conns))
	for i, c := range conns {
		l := newLane(c, newGenerator(g, i), o.InFlight, o.Rate > 0)
		l.schedule, l.window, l.shard, l.total = o.schedule(i, begin, measured.to), measured, rec.shard(i), &rec.total
		l.timeline = line
		lanes[i] = l
		_ = c.nc.SetDeadline(time.Now().Add(o.Warmup + o.Duration + o.RequestTimeout))
	}
	// Whoever waits on a socket when the run is told to stop hears of it.
	defer context.AfterFunc(ctx, func() {
		for _, c := range conns {
			_ = c.nc.SetDeadline(time.Now())
		}
	})()
	var all sync.WaitGroup
	failed := make(chan error, 2*len(lanes))
	for _, l := range lanes {
		all.Go(func() { l.half(l.write, failed) })
		all.Go(func() { l.half(l.read, failed) })
	}
	used := o.observe(ctx, rec, measured)
	all.Wait()
	rec.into(res)
	line.into(res)
	used.into(res, o.Duration)
	return lostConnections(failed, res)
}

// schedule is that of connection i: an open loop spreads the requests evenly over
// time and connections.
func (o *Options) schedule(i int, begin, end int64) schedule {
	s := schedule{first: begin, end: end}
	if o.Rate > 0 {
		every := float64(time.Second) / float64(o.Rate)
		s.first += int64(float64(i) * every)
		s.interval = every * float64(o.Connections)
	}
	return s
}

// half runs a lane's writer or reader; when one fails the other ends too.
func (l *lane) half(run func() error, failed chan<- error) {
	if err := run(); err != nil && l.lost.CompareAndSwap(false, true) {
		l.c.drop()
		failed <- fmt.Errorf("%s: %w", l.c.address, err)
	}
}

// lostConnections counts connections that ended early. It is an error only if
// nothing was measured at all.
func lostConnections(failed chan error, res *Result) error {
	close(failed)
	var first error
	for err := range failed {
		if first == nil {
			first = err
		}
		res.fail("connection lost", 1)
	}
	if first != nil && res.Operations == 0 {
		return fmt.Errorf("no request was answered: %w", first)
	}
	return nil
}

// progressEvery is how often a run says how it goes.
const progressEvery = 500 * time.Millisecond

// observe follows a run to the end of its measured time, and samples what the
// processes used in it.
func (o *Options) observe(ctx context.Context, rec *recorder, w window) *usage {
	var used *usage
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	last, lastAt := int64(0), now()
	for _, until := range []int64{w.from, w.to} {
		step := "warming up"
		if until == w.to {
			used = beginUsage(o.PIDs)
			step = string(o.Workload)
		}
		begin := now()
		end := time.NewTimer(time.Duration(until - begin))
		for running := true; running; {
			select {
			case <-tick.C:
				t, total := now(), rec.total.Load()
				o.say(step, float64(t-begin)/float64(max(until-begin, 1)), total, float64(total-last)/(float64(t-lastAt)/1e9))
				last, lastAt = total, t
			case <-end.C:
				running = false
			case <-ctx.Done():
				running = false
			}
		}
		end.Stop()
	}
	used.end()
	return used
}
