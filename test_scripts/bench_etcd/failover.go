package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/zabkeeper/zabkeeper/bench"
)

const (
	// putTimeout is how long a write may go unanswered.
	putTimeout = 2 * time.Second
	// retryPause keeps a writer without a server from spinning.
	retryPause = 5 * time.Millisecond
)

// gap finds the longest time without an acknowledged write.
type gap struct {
	mu           sync.Mutex
	begin, last  time.Time
	longest      time.Duration
	longestAt    time.Time
	acknowledged int64
	unanswered   int64
}

func (g *gap) note(acknowledged bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !acknowledged {
		g.unanswered++
		return
	}
	g.acknowledged++
	g.until(time.Now())
}

// until ends the gap since the last acknowledgement. g.mu is held.
func (g *gap) until(t time.Time) {
	if d := t.Sub(g.last); d > g.longest {
		g.longest, g.longestAt = d, g.last
	}
	g.last = t
}

// failover writes while somebody else stops servers. A client knows all servers.
func failover(ctx context.Context, o *options, r *bench.Result) error {
	var clients []*clientv3.Client
	defer func() { closeAll(clients) }()
	for range o.connections {
		c, err := dial(ctx, o.servers...)
		if err != nil {
			return err
		}
		clients = append(clients, c)
	}
	g := &gap{begin: time.Now(), last: time.Now()}
	end := g.begin.Add(o.duration)
	v := value(o.valueBytes)
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() {
			for n := 0; time.Now().Before(end) && ctx.Err() == nil; n++ {
				one, cancel := context.WithTimeout(ctx, putTimeout)
				_, err := c.Put(one, fmt.Sprintf("/failover/w%d/%010d", i, n), v)
				cancel()
				g.note(err == nil)
				if err != nil {
					wait(ctx, time.Now().Add(retryPause))
				}
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if g.acknowledged == 0 {
		return errors.New("no write was acknowledged")
	}
	g.until(time.Now()) // silence up to the end is a gap too
	r.Operations = g.acknowledged
	r.Seconds = time.Since(g.begin).Seconds()
	r.PerSecond = float64(r.Operations) / r.Seconds
	r.Failover = &bench.FailoverResult{LongestGapMs: g.longest.Seconds() * 1e3, GapAtSeconds: g.longestAt.Sub(g.begin).Seconds(),
		Acknowledged: g.acknowledged, Unanswered: g.unanswered, Unchecked: o.servers}
	return nil
}
