package history

import (
	"context"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

func TestMain(m *testing.M) { processes.Main(m) }

const runTime = 5 * time.Second

// perSecondMin is below what any machine reaches, race detector included, on which
// a run shows something.
const perSecondMin = 500

// finish ends the load and checks everything that can be checked.
func finish(t *testing.T, c *processes.Cluster, l *Load) {
	t.Helper()
	h := l.Stop()
	traffic := h.Traffic()
	t.Logf("%+v", traffic)
	if traffic.PerSecond < perSecondMin {
		t.Errorf("%.0f operations per second were answered, want %d: the run shows little", traffic.PerSecond, perSecondMin)
	}
	count := map[kind]int{}
	for _, o := range h.all() {
		count[o.kind]++
	}
	for k := kindCreate; k <= kindEvent; k++ {
		if count[k] == 0 {
			t.Errorf("there is no %q in the record", kindNames[k])
		}
	}
	begin := time.Now()
	if err := h.Check(c.Addresses()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d entries in %d parts checked in %v", len(h.all()), len(h.parts), time.Since(begin))
	for _, p := range c.Servers {
		if err := h.CheckAgainst(committed(t, p)); err != nil {
			t.Fatalf("server %d: %v", p.ID, err)
		}
	}
}

// committed is what a server says it has committed, once its log has all of it.
func committed(t *testing.T, p *processes.Process) (lines []string) {
	t.Helper()
	processes.Eventually(t, "the history is complete", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, processes.Binary, "history", "--json", p.Data).Output()
		if err != nil {
			t.Fatal(err)
		}
		lines = strings.Split(strings.TrimSpace(string(out)), "\n")
		return strings.Contains(lines[len(lines)-1], `"zxid":"`+p.Zxid()+`"`)
	})
	return lines
}

func TestHealthy(t *testing.T) {
	c := processes.New(t, 3)
	l := Start(c.Addresses(), Options{Seed: 1})
	<-time.After(runTime)
	finish(t, c, l)
}

func TestLeaderKilled(t *testing.T) {
	c := processes.New(t, 3)
	l := Start(c.Addresses(), Options{Seed: 2})
	<-time.After(runTime / 2)
	p := c.Leader()
	c.Kill(p)
	<-time.After(runTime / 2)
	c.Start(p)
	c.AwaitServing(p)
	<-time.After(runTime / 2)
	finish(t, c, l)
}

// TestFollowersPaused: a server that has slept wakes up with requests to answer,
// and knows nothing of what was written meanwhile.
func TestFollowersPaused(t *testing.T) {
	c := processes.New(t, 3)
	l := Start(c.Addresses(), Options{Seed: 5})
	leader := c.Leader()
	for until := time.Now().Add(runTime); time.Now().Before(until); {
		for _, p := range c.Servers {
			if p == leader {
				continue
			}
			for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
				if err := p.Cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				<-time.After(200 * time.Millisecond)
			}
		}
	}
	finish(t, c, l)
}

// TestAllServersAway: a load without a server waits, ends in bounded time, and
// goes on with a server.
func TestAllServersAway(t *testing.T) {
	c := processes.New(t, 3)
	away, back := Start(c.Addresses(), Options{Seed: 3}), Start(c.Addresses(), Options{Seed: 4})
	<-time.After(runTime / 5)
	for _, p := range c.Servers {
		c.Kill(p)
	}
	stopped := make(chan *History)
	go func() {
		<-time.After(runTime)
		stopped <- away.Stop()
	}()
	select {
	case h := <-stopped:
		t.Logf("without servers: %+v", h.Traffic())
	case <-time.After(time.Minute):
		t.Fatal("the load does not end")
	}
	for _, p := range c.Servers {
		c.Start(p)
	}
	c.AwaitServing(c.Servers...)
	before := back.now()
	<-time.After(runTime)
	h := back.Stop()
	answered := 0
	for _, o := range h.all() {
		if o.kind.answerable() && o.invoke > before && o.outcome != outcomeUnknown {
			answered++
		}
	}
	t.Logf("%+v, %d of them at the end", h.Traffic(), answered)
	if answered < perSecondMin {
		t.Errorf("%d operations were answered once the servers were back, want %d", answered, perSecondMin)
	}
	if err := h.Check(c.Addresses()); err != nil {
		t.Fatal(err)
	}
}
