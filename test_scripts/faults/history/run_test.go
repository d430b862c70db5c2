package history

import (
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

func TestMain(m *testing.M) { processes.Main(m) }

const runTime = 5 * time.Second

func TestHealthy(t *testing.T) {
	c := processes.New(t, 3)
	l := Start(c.Addresses(), Options{Seed: 1})
	<-time.After(runTime)
	h := l.Stop()
	t.Logf("%+v", h.Traffic())
	if err := h.Check(c.Addresses()); err != nil {
		t.Fatal(err)
	}
}
