//go:build linux

package faults

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/zabkeeper/zabkeeper/test_scripts/faults/disks"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

var (
	cyclesFlag   = flag.Int("cycles", 24, "how many servers are killed in TestKillCycles")
	powerFlag    = flag.Int("powercuts", 0, "how often the power of all servers is cut in TestPowerCycles (default 3 in tier 2)")
	clustersFlag = flag.Int("clusters", 2, "clusters at the same time in TestKillCycles and TestPowerCycles")
)

// TestKillCycles kills servers, one or all at once, and sees after every time
// that what was answered is there.
//
// covers: O05
func TestKillCycles(t *testing.T) {
	for i := range *clustersFlag {
		t.Run(fmt.Sprintf("cluster %d", i+1), func(t *testing.T) {
			t.Parallel()
			f := &field{T: t, s: &scenario{voters: 3}, r: rand.New(rand.NewPCG(*seedFlag, uint64(i)))}
			f.prepare()
			cycle(f, (*cyclesFlag+*clustersFlag-1) / *clustersFlag, func(n int) []*processes.Process {
				victims := []*processes.Process{f.anybody()}
				if n%4 == 3 {
					victims = f.c.Servers
				}
				for _, p := range victims {
					_ = p.Cmd.Process.Kill()
				}
				for _, p := range victims {
					f.c.Kill(p)
				}
				return victims
			})
		})
	}
}

// TestPowerCycles cuts the power of all servers: what was answered is there.
func TestPowerCycles(t *testing.T) {
	cycles := *powerFlag
	if cycles == 0 && *tierFlag > 1 {
		cycles = 3
	}
	if cycles == 0 {
		return // tier 1 has no root
	}
	require(t, disks.Missing())
	for i := range *clustersFlag {
		t.Run(fmt.Sprintf("cluster %d", i+1), func(t *testing.T) {
			t.Parallel()
			f := &field{T: t, s: &scenario{voters: 3, disk: image, megabytes: 384}, r: rand.New(rand.NewPCG(*seedFlag, uint64(i)))}
			f.prepare()
			cycle(f, (cycles+*clustersFlag-1) / *clustersFlag * len(f.c.Servers), func(int) []*processes.Process {
				f.powerOff(f.c.Servers...)
				for _, d := range f.disks {
					d.RestorePower()
				}
				return f.c.Servers
			})
		})
	}
}

// cycle hurts servers until so many were hurt. Between two times writes have to
// be answered, and after each the newest of every lane is looked up.
func cycle(f *field, servers int, hurt func(n int) []*processes.Process) {
	f.Helper()
	begin := time.Now()
	w := startWriters(f.T, f.c, 1)
	cycles := 0
	for ; f.faults < servers; cycles++ {
		before := w.answered()
		processes.Eventually(f, "writes are answered", func() bool { return w.answered() > before+int64(10+f.r.IntN(40)) })
		victims := hurt(cycles)
		newest := w.newest()
		f.faults += len(victims)
		for _, p := range victims {
			f.c.Start(p)
		}
		f.c.AwaitServing(victims...)
		processes.Eventually(f, "a server that was hurt shows what was answered", func() bool { return holds(f.T, victims[0], newest) })
	}
	acked := w.finish()
	f.c.AwaitServing(f.c.Servers...)
	for _, p := range f.c.Servers {
		w.check(p)
	}
	f.c.SameHistories()
	line := fmt.Sprintf("%s: %d servers were hurt in %d cycles, %.0f s, %d writes answered, none lost", f.Name(), f.faults, cycles, time.Since(begin).Seconds(), acked)
	f.Log(line)
	results.note(line)
}

// newest is the node of every lane whose creation was answered last.
func (w *writers) newest() (paths []string) {
	for _, l := range w.lanes {
		if n := l.count.Load(); n > 0 {
			paths = append(paths, fmt.Sprintf("%s/%08d", l.path, n-1))
		}
	}
	return paths
}

// holds reports that a server has these nodes. While it is losing a leader it
// cannot say; that one is missing after a sync ends the test.
func holds(t *testing.T, p *processes.Process, paths []string) bool {
	t.Helper()
	conn := connect(t, p.Client)
	defer conn.Close()
	if _, err := conn.Sync("/"); err != nil {
		return false
	}
	for _, path := range paths {
		there, _, err := conn.Exists(path)
		if err != nil && !errors.Is(err, zk.ErrNoNode) {
			return false
		}
		if !there {
			t.Fatalf("server %d: %s was answered and is not there; it logged\n%s", p.ID, path, strings.TrimSpace(tail(p.ReadLog(), 10)))
		}
	}
	return true
}
