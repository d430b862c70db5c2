//go:build linux

package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/faults/disks"
	"github.com/zabkeeper/zabkeeper/test_scripts/faults/history"
	"github.com/zabkeeper/zabkeeper/test_scripts/faults/network"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// followTimeout is after how long a follower gives up a silent leader, as the
// servers' settings have it.
const followTimeout = 600 * time.Millisecond

// field is where a scenario takes place.
type field struct {
	*testing.T
	s        *scenario
	c        *processes.Cluster
	net      network.Network     // nil on plain loopback
	spaces   *network.Namespaces // where net is one
	disks    []*disks.Image      // by server; none where servers have directories
	r        *rand.Rand
	below    []string // what hollow disks are made of, by server
	deadline time.Time
	load     *history.Load
	faults   int
}

// over says that the time for faults has passed.
func (f *field) over() bool { return !time.Now().Before(f.deadline) }

// last lets a fault last, or the servers have peace, for some time: this is pace,
// nothing waits for anything.
func (f *field) last(least, most time.Duration) {
	<-time.After(least + time.Duration(f.r.Int64N(int64(most-least)+1)))
}

// leader waits until somebody leads.
func (f *field) leader() (leader *processes.Process) {
	f.Helper()
	processes.Eventually(f, "somebody leads", func() bool { leader = f.c.Leader(); return leader != nil })
	return leader
}

// follower is a random voter that does not lead.
func (f *field) follower() *processes.Process {
	f.Helper()
	leader := f.leader()
	for {
		if p := f.c.Servers[f.r.IntN(f.s.voters)]; p != leader {
			return p
		}
	}
}

func (f *field) anybody() *processes.Process { return f.c.Servers[f.r.IntN(len(f.c.Servers))] }

// zxid is the highest that any server has applied.
func (f *field) zxid() (highest uint64) {
	for _, p := range f.c.Servers {
		if z, err := strconv.ParseUint(strings.TrimPrefix(p.Zxid(), "0x"), 16, 64); err == nil {
			highest = max(highest, z)
		}
	}
	return highest
}

// epoch is the highest in which any server has applied something.
func (f *field) epoch() int { return int(f.zxid() >> 32) }

// sameReign fails the test if a fault that does not concern the leader, or its
// end, changes who leads.
func (f *field) sameReign(what string, fault func()) {
	f.Helper()
	leader, before := f.leader(), f.epoch()
	judge := f.judge()
	fault()
	if after := f.epoch(); after != before || f.c.Leader() != leader {
		now := "nobody"
		if p := f.c.Leader(); p != nil {
			now = "server " + strconv.Itoa(p.ID)
		}
		judge("%s: server %d led epoch %d, afterwards %s leads, and the epoch is %d", what, leader.ID, before, now, after)
	}
}

// judge returns how an election is complained about that should not have been.
// It is no error where a server says that the machine let it wait since: then
// leaders change without a fault.
func (f *field) judge() (complain func(format string, args ...any)) {
	lengths := map[*processes.Process]int{}
	for _, p := range f.c.Servers {
		lengths[p] = len(p.ReadLog())
	}
	return func(format string, args ...any) {
		f.Helper()
		for p, n := range lengths {
			if strings.Contains(p.ReadLog()[n:], "not running for a while") {
				f.Logf("on an overloaded machine, where server %d did not run for a while: "+format, append([]any{p.ID}, args...)...)
				return
			}
		}
		f.Errorf(format, args...)
	}
}

func (f *field) signal(p *processes.Process, s syscall.Signal) {
	if p.Cmd != nil {
		_ = p.Cmd.Process.Signal(s)
	}
}

// restart kills a server and starts it again.
func (f *field) restart(p *processes.Process, away time.Duration) {
	f.Helper()
	f.c.Kill(p)
	f.faults++
	f.last(0, away)
	f.c.Start(p)
}

// heal ends every fault and waits until all servers serve.
func (f *field) heal() {
	f.Helper()
	if f.spaces != nil {
		f.spaces.Lose(0)
	}
	if f.net != nil {
		f.net.Set()
	}
	for _, p := range f.c.Servers {
		f.signal(p, syscall.SIGCONT)
		if p.Ended() {
			f.c.Kill(p)
			f.c.Start(p)
		}
	}
	f.c.AwaitServing(f.c.Servers...)
	f.leader()
}

// cut makes cuts for a while and ends them.
func (f *field) cut(least, most time.Duration, cuts ...network.Cut) {
	f.Helper()
	f.net.Set(cuts...)
	f.faults++
	f.last(least, most)
	f.net.Set()
}

// keep copies what servers logged, and their histories, out of the test's
// directory: when something is wrong, and when it was asked for.
func (f *field) keep(seed uint64) {
	dir := *keepFlag
	if dir == "" && !f.Failed() {
		return
	}
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "zabkeeper-failed")
	}
	dir = filepath.Join(dir, fmt.Sprintf("scenario-%02d-seed-%d", f.s.number, seed))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		f.Error(err)
		return
	}
	for _, p := range f.c.Servers {
		history, _ := f.c.Command("history", "--json", p.Data)
		for name, text := range map[string]string{"log": p.ReadLog(), "history": history} {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("server-%d.%s", p.ID, name)), []byte(text), 0o644); err != nil {
				f.Error(err)
			}
		}
	}
	f.Logf("logs and histories: %s", dir)
}
