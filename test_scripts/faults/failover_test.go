//go:build linux

package faults

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/test_scripts/faults/network"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

var failoversFlag = flag.Int("failovers", 3, "how often the leader is killed, and isolated, to see for how long no write is answered")

const (
	probeEvery  = 5 * time.Millisecond
	probesUnder = 400 // way at a time; further ones are not sent
)

// What is promised for a cluster on a local network at the default settings. It
// is looked at where enough was measured.
const (
	killedMedianMax  = 800 * time.Millisecond
	killed99Max      = 1500 * time.Millisecond
	isolatedMax      = 2 * time.Second
	failoversToJudge = 20
	// betweenFailovers is longer than what makes a connection a good one for the
	// client library: after several that were not, it waits before it tries again.
	betweenFailovers = 1500 * time.Millisecond
)

// TestFailover measures for how long nothing is answered when the leader dies,
// and when it is cut off from the other servers.
func TestFailover(t *testing.T) {
	killed := measureFailover(t, "leader killed", false, func(c *processes.Cluster, _ network.Network, p *processes.Process) func() {
		c.Kill(p)
		return func() { c.Start(p) }
	})
	isolated := measureFailover(t, "leader isolated", true, func(c *processes.Cluster, n network.Network, p *processes.Process) func() {
		n.Set(network.Around(p.ID, len(c.Servers))...)
		return func() { n.Set() }
	})
	if *failoversFlag < failoversToJudge {
		return
	}
	if p50, p99 := quantile(killed, 50), quantile(killed, 99); p50 >= killedMedianMax || p99 >= killed99Max {
		t.Errorf("killed leaders: p50 %v, p99 %v, want less than %v and %v", p50, p99, killedMedianMax, killed99Max)
	}
	if most := quantile(isolated, 100); most >= isolatedMax {
		t.Errorf("isolated leaders: up to %v, want less than %v", most, isolatedMax)
	}
}

func measureFailover(t *testing.T, what string, links bool, fault func(c *processes.Cluster, n network.Network, leader *processes.Process) (end func())) []time.Duration {
	t.Helper()
	f := &field{T: t, s: &scenario{voters: 3}}
	if links {
		f.s.link = cuttable
	}
	f.prepare()
	probe := startProbe(t, f.c.Addresses())
	var times []time.Duration
	for range *failoversFlag {
		processes.Eventually(t, "writes are answered", func() bool { return probe.answeredSince(time.Now().Add(-200 * time.Millisecond)) })
		p := f.leader()
		end := fault(f.c, f.net, p)
		begin := time.Now()
		probe.watch(begin)
		processes.Eventually(t, what+": a write is answered", func() bool { return probe.first() > 0 })
		times = append(times, probe.first())
		end()
		f.c.AwaitServing(f.c.Servers...)
		f.leader()
		<-time.After(betweenFailovers)
	}
	probe.stop()
	slices.Sort(times)
	line := fmt.Sprintf("%s, %d times: p50 %v, p99 %v, longest %v", what, len(times), quantile(times, 50), quantile(times, 99), quantile(times, 100))
	t.Log(line)
	results.note(line)
	return times
}

// quantile is of sorted times: the least that so many percent do not exceed.
func quantile(times []time.Duration, percent int) time.Duration {
	i := (len(times)*percent + 99) / 100
	return times[max(i, 1)-1].Round(time.Millisecond)
}

// probe is one client that knows all servers and begins a write every 5 ms,
// whatever became of those before.
type probe struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	c      *client.Client

	mu     sync.Mutex
	last   time.Time // when a write was begun that was answered
	since  time.Time // what is measured: writes begun later
	answer time.Duration
}

func startProbe(t *testing.T, addresses []string) *probe {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	c, err := client.Dial(ctx, client.Options{Servers: addresses, SessionTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(ctx, "/probe", nil, client.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	p := &probe{cancel: cancel, c: c}
	p.wg.Go(func() {
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		slots := make(chan struct{}, probesUnder)
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			select {
			case slots <- struct{}{}:
				p.wg.Go(func() {
					p.write(ctx)
					<-slots
				})
			default:
			}
		}
	})
	return p
}

func (p *probe) write(ctx context.Context) {
	begin := time.Now()
	if _, err := p.c.Set(ctx, "/probe", nil, client.AnyVersion); err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if begin.After(p.last) {
		p.last = begin
	}
	if p.answer == 0 && !p.since.IsZero() && begin.After(p.since) {
		p.answer = time.Since(p.since)
	}
}

func (p *probe) watch(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since, p.answer = since, 0
}

// first is how long after what is watched the first write was answered that was
// begun later; 0 while none was.
func (p *probe) first() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answer
}

func (p *probe) answeredSince(t time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last.After(t)
}

func (p *probe) stop() {
	p.cancel()
	p.wg.Wait()
	_ = p.c.Close(context.Background())
}
