package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

const (
	// retryPause keeps a writer without a server from spinning.
	retryPause = 5 * time.Millisecond
	// serverReturns is how long the look-up waits for a server that is down.
	serverReturns = 10 * time.Second
)

// gap finds the longest time without an acknowledged write.
type gap struct {
	mu                 sync.Mutex
	last               int64
	longest, longestAt int64
	acknowledged       int64
	moved, expired     int64
}

func (g *gap) acknowledge() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := now()
	g.acknowledged++
	g.note(t)
	return t
}

// note ends the gap since the last note. g.mu is held.
func (g *gap) note(t int64) {
	if t-g.last > g.longest {
		g.longest, g.longestAt = t-g.last, g.last
	}
	g.last = max(g.last, t)
}

func (g *gap) count(n *int64) {
	g.mu.Lock()
	*n++
	g.mu.Unlock()
}

// runFailover writes for the whole duration while somebody else stops servers,
// and then looks every acknowledged write up on every server.
func runFailover(ctx context.Context, g *ground, res *Result) error {
	o := g.o
	conns, err := openAll(ctx, o)
	if err != nil {
		return err
	}
	begin := now()
	meter := &gap{last: begin}
	rec := newRecorder()
	writers := make([]*writer, len(conns))
	end := begin + int64(o.Duration)
	var all sync.WaitGroup
	for i, c := range conns {
		w := &writer{g: g, gap: meter, shard: rec.shard(i), i: i, server: i, c: c}
		writers[i] = w
		all.Go(func() { w.run(ctx, end, &rec.total) })
	}
	used := o.observe(ctx, rec, window{from: begin, to: end})
	all.Wait()
	meter.note(end) // silence up to the end is a gap too
	rec.into(res)
	used.into(res, o.Duration)
	res.Failover = &FailoverResult{LongestGapMs: round(float64(meter.longest)/1e6, 1), GapAtSeconds: round(float64(meter.longestAt-begin)/1e9, 2),
		Reconnections: meter.moved, ExpiredSession: meter.expired, Acknowledged: meter.acknowledged}
	for i, w := range writers {
		conns[i] = w.c
		res.Failover.Unanswered += w.unanswered
	}
	closeAll(conns)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return lookUp(ctx, o, writers, res)
}

// lookUp looks every acknowledged write up on every server that is back.
func lookUp(ctx context.Context, o *Options, writers []*writer, res *Result) error {
	f := res.Failover
	var problems []error
	for i, address := range o.Servers {
		o.say("looking writes up on "+address, float64(i)/float64(len(o.Servers)), f.Acknowledged, 0)
		lost, err := missingAt(ctx, o, address, writers)
		if err != nil {
			f.Unchecked = append(f.Unchecked, address)
			problems = append(problems, err)
			continue
		}
		f.Checked = append(f.Checked, address)
		f.Lost += lost
	}
	if len(f.Checked) == 0 {
		return fmt.Errorf("%w, to look the writes up: %w", ErrNoServer, errors.Join(problems...))
	}
	if f.Lost > 0 {
		res.fail("acknowledged write lost", f.Lost)
	}
	return nil
}

// missingAt counts the acknowledged writes that a server does not have, waiting
// a while for one that is coming back.
func missingAt(ctx context.Context, o *Options, address string, writers []*writer) (lost int64, err error) {
	for limit := time.Now().Add(serverReturns); ; {
		if lost, err = missing(ctx, o, address, writers); err == nil || ctx.Err() != nil || time.Now().After(limit) {
			return lost, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func missing(ctx context.Context, o *Options, address string, writers []*writer) (lost int64, err error) {
	c, err := dial(ctx, address, o, nil)
	if err != nil {
		return 0, err
	}
	defer c.close()
	// A server may lag behind what others acknowledged; sync brings it up.
	_ = c.nc.SetDeadline(time.Now().Add(serverReturns))
	_, err = c.call(func(dst []byte) ([]byte, wire.OpCode) {
		q := wire.PathRequest{Path: []byte(writers[0].g.root)}
		return q.Append(dst), wire.OpSync
	})
	if err != nil {
		return 0, fmt.Errorf("%s: sync: %w", address, err)
	}
	for _, w := range writers {
		err := c.each(len(w.acked), func(dst []byte, k int) ([]byte, wire.OpCode) {
			q := wire.PathWatchRequest{Path: w.path(w.acked[k])}
			return q.Append(dst), wire.OpExists
		}, func(k int, r *reply) error {
			if k%eachInFlight == 0 {
				_ = c.nc.SetDeadline(time.Now().Add(serverReturns))
			}
			if r.code == wire.ErrNoNode {
				lost++
				return nil
			}
			return r.code.Err()
		})
		if err != nil {
			return 0, fmt.Errorf("%s: look a write up: %w", address, err)
		}
	}
	return lost, nil
}
