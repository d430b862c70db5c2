package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/zabkeeper/zabkeeper/wire"
)

// crowd is many watchers of one node.
type crowd struct {
	conns  []*connection
	armed  atomic.Int64
	events atomic.Int64
	at     []int64       // when each watcher's event came
	all    chan struct{} // the last one of a step has come
	failed chan error
	arm    []byte // the request that sets a watch
}

// runWatch changes a node that many watch, again and again. Watches are one-shot
// and are set before each change.
func runWatch(ctx context.Context, g *ground, res *Result) error {
	o := g.o
	conns, err := openAll(ctx, o)
	if err != nil {
		return err
	}
	defer closeAll(conns)
	trigger, err := dialAny(ctx, o, 0)
	if err != nil {
		return err
	}
	defer trigger.close()
	w := &crowd{conns: conns, at: make([]int64, len(conns)), all: make(chan struct{}, 1), failed: make(chan error, len(conns)+1)}
	q := wire.PathWatchRequest{Path: []byte(g.root), Watch: true}
	w.arm = wire.EndFrame(q.Append(wire.RequestHeader{Xid: 1, Op: wire.OpGetData}.Append(wire.BeginFrame(nil))), 0)
	var readers sync.WaitGroup
	for i := range conns {
		readers.Go(func() { w.listen(i) })
	}
	// The readers end with their sockets.
	defer readers.Wait()
	defer func() {
		for _, c := range conns {
			_ = c.nc.SetReadDeadline(time.Now())
		}
	}()
	defer context.AfterFunc(ctx, func() {
		w.failed <- context.Cause(ctx)
		trigger.drop()
	})()
	return w.rounds(g, trigger, res)
}

func (w *crowd) rounds(g *ground, trigger *connection, res *Result) error {
	o := g.o
	lasts, each := newHistogram(), newHistogram()
	begin := now()
	from, to := begin+int64(o.Warmup), begin+int64(o.Warmup+o.Duration)
	var used *usage
	rounds, said := 0, begin
	for t := begin; t < to; t = now() {
		if used == nil && t >= from {
			used = beginUsage(o.PIDs)
			lasts.Reset()
			each.Reset()
			rounds, begin = 0, t
		}
		if err := w.round(g, trigger, lasts, each); err != nil {
			return err
		}
		rounds++
		if t-said > int64(progressEvery) {
			o.say(string(Watch), float64(t-begin)/float64(to-begin), each.TotalCount(), float64(each.TotalCount())/(float64(t-begin)/1e9))
			said = t
		}
	}
	if used == nil { // one round took all the time there was
		used = beginUsage(nil)
	}
	used.end()
	res.Operations, res.Latency = each.TotalCount(), quantiles(lasts)
	res.Watch = &WatchResult{Rounds: rounds, Event: quantiles(each)}
	used.into(res, time.Duration(now()-begin))
	return nil
}

// round sets every watch, changes the node and waits for every event.
func (w *crowd) round(g *ground, trigger *connection, lasts, each *hdrhistogram.Histogram) error {
	w.armed.Store(0)
	w.events.Store(0)
	for _, c := range w.conns {
		if _, err := c.nc.Write(w.arm); err != nil {
			return fmt.Errorf("%s: set a watch: %w", c.address, err)
		}
	}
	if err := w.await("watches to be set", g.o.RequestTimeout); err != nil {
		return err
	}
	_ = trigger.nc.SetDeadline(time.Now().Add(g.o.RequestTimeout))
	begin := now()
	_, err := trigger.call(func(dst []byte) ([]byte, wire.OpCode) {
		q := wire.SetDataRequest{Path: []byte(g.root), Data: g.value, Version: -1}
		return q.Append(dst), wire.OpSetData
	})
	if err != nil {
		return fmt.Errorf("%s: change the watched node: %w", trigger.address, err)
	}
	if err := w.await("events", g.o.RequestTimeout); err != nil {
		return err
	}
	last := begin
	for _, at := range w.at {
		record(each, at-begin)
		last = max(last, at)
	}
	record(lasts, last-begin)
	return nil
}

func (w *crowd) await(what string, limit time.Duration) error {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-w.all:
		return nil
	case err := <-w.failed:
		return err
	case <-t.C:
		return fmt.Errorf("waited %v for %s: %d watchers, %d watches set, %d events", limit, what, len(w.conns), w.armed.Load(), w.events.Load())
	}
}

// listen counts a watcher's replies and events until its socket ends.
func (w *crowd) listen(i int) {
	c := w.conns[i]
	for {
		payload, err := c.next()
		at := now()
		var r reply
		if err == nil {
			err = r.decode(c, payload)
		}
		if err == nil {
			err = r.code.Err()
		}
		counter := &w.armed
		if r.xid == wire.XidEvent {
			w.at[i] = at
			counter = &w.events
		}
		if err != nil {
			w.failed <- fmt.Errorf("%s: a watcher: %w", c.address, err)
			return
		}
		if counter.Add(1) == int64(len(w.conns)) {
			w.all <- struct{}{}
		}
	}
}
