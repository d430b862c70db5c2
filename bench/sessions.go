package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zabkeeper/zabkeeper/bench/process"
)

// idle is a crowd of sessions that do nothing but stay alive.
type idle struct {
	conns []*connection
	open  []atomic.Bool // session i is there and is pinged
	lost  atomic.Int64
	over  atomic.Bool
}

// runSessions opens sessions, keeps them alive for the duration, and closes them.
func runSessions(ctx context.Context, o *Options, res *Result) error {
	s := &idle{conns: make([]*connection, o.Connections), open: make([]atomic.Bool, o.Connections)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resident := residentBytes(o.PIDs)
	var all, pings sync.WaitGroup
	pings.Go(func() { s.ping(ctx, o) })
	latencies := newHistogram()
	begin, used := now(), beginUsage(o.PIDs)
	err := s.openEach(ctx, o, &all, func(d int64) { record(latencies, d) })
	took := time.Duration(now() - begin)
	used.end()
	if err == nil {
		res.Operations, res.Latency = int64(o.Connections), quantiles(latencies)
		used.into(res, took)
		res.Sessions = &SessionsResult{OpenedInParallel: openParallel}
		s.hold(ctx, o, res, resident)
	}
	s.over.Store(true)
	cancel()
	pings.Wait() // one writes at a time
	begin = now()
	s.close()
	all.Wait()
	if err == nil {
		res.Sessions.ClosedPerSecond = round(float64(o.Connections)/time.Duration(now()-begin).Seconds(), 1)
		if n := s.lost.Load(); n > 0 {
			res.fail("session lost", n)
		}
	}
	return err
}

func (s *idle) openEach(ctx context.Context, o *Options, all *sync.WaitGroup, took func(ns int64)) error {
	var mu sync.Mutex
	opened := 0
	begin := now()
	return inParallel(o.Connections, openParallel, func(i int) error {
		start := now()
		c, err := dial(ctx, o.server(i), o, nil)
		if err != nil {
			return o.notAll(err)
		}
		t := now()
		mu.Lock()
		took(t - start)
		if opened++; opened%1000 == 0 {
			o.say("opening sessions", float64(opened)/float64(o.Connections), int64(opened), float64(opened)/(float64(t-begin)/1e9))
		}
		mu.Unlock()
		s.conns[i] = c
		s.open[i].Store(true)
		all.Go(func() { s.listen(i) })
		return nil
	})
}

// listen reads the answers to pings until the session ends.
func (s *idle) listen(i int) {
	for {
		if _, err := s.conns[i].next(); err != nil {
			if s.open[i].Swap(false); !s.over.Load() {
				s.lost.Add(1)
			}
			return
		}
	}
}

// pingRounds is how many pings a session sends in its timeout, as clients do.
const pingRounds = 3

// pingSlices spreads the pings of a round over time.
const pingSlices = 100

// ping keeps all sessions alive, a slice of them at a time.
func (s *idle) ping(ctx context.Context, o *Options) {
	t := time.NewTicker(max(o.SessionTimeout/pingRounds/pingSlices, time.Millisecond))
	defer t.Stop()
	for slice := 0; ; slice = (slice + 1) % pingSlices {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		for i := slice; i < len(s.conns); i += pingSlices {
			if s.open[i].Load() {
				_, _ = s.conns[i].nc.Write(pingFrame) // its reader hears of a loss
			}
		}
	}
}

// hold waits while the sessions are kept alive, and measures what that costs.
func (s *idle) hold(ctx context.Context, o *Options, res *Result, before int64) {
	held := beginUsage(o.PIDs)
	begin := now()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for now()-begin < int64(o.Duration) && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		o.say("keeping sessions", float64(now()-begin)/float64(o.Duration), int64(o.Connections), 0)
	}
	held.end()
	r, took := res.Sessions, time.Duration(now()-begin)
	r.HeldSeconds, r.Lost = round(took.Seconds(), 1), s.lost.Load()
	if held.result != nil {
		r.HeldCPU = round(held.result.CPUSeconds*1e6/float64(o.Connections)/took.Seconds(), 2)
		r.KBPerSession = round(float64(residentBytes(o.PIDs)-before)/1024/float64(o.Connections), 2)
		res.Use.ResidentMB = held.result.ResidentMB
	}
}

// close ends every session. The readers are still there, so the answer is read
// by them and only the hanging up is awaited.
func (s *idle) close() {
	_ = inParallel(len(s.conns), openParallel, func(i int) error {
		if s.open[i].Load() {
			_ = s.conns[i].nc.SetDeadline(time.Now().Add(2 * time.Second))
			_, _ = s.conns[i].nc.Write(closeFrame) // it times out otherwise
		}
		return nil
	})
}

func residentBytes(pids []int) (sum int64) {
	for _, pid := range pids {
		p, _ := process.Look(pid) // zero where there is no /proc
		sum += p.Resident
	}
	return sum
}
