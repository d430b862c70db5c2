package history

import (
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

func TestMain(m *testing.M) { processes.Main(m) }

const runTime = 5 * time.Second

// perSecondMin is below what any machine reaches, race detector included, on which
// a run shows something.
const perSecondMin = 500

func finish(t *testing.T, c *processes.Cluster, l *Load) {
	t.Helper()
	h := l.Stop()
	t.Logf("%+v", h.Traffic())
	count := map[string]int{}
	for _, o := range h.all() {
		count[kindNames[o.kind]]++
		if o.watch {
			count["watched"]++
		}
		if o.outcome == outcomeUnknown {
			count["unknown"]++
		}
	}
	t.Log(count, len(h.parts))
	begin := time.Now()
	if err := h.Check(c.Addresses()); err != nil {
		t.Fatal(err)
	}
	t.Logf("checked in %v", time.Since(begin))
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
