//go:build linux

package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/test_scripts/faults/disks"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// smallSegments has a server ask its disk for room again and again.
const smallSegments = "segment_bytes = 1048576\nsnapshot_count = 5000\nsnapshots_kept = 1\n"

func diskScenarios() []scenario {
	return []scenario{
		{number: 4, name: "power cuts of one, a majority, all", tier: 2, voters: 3, disk: image, megabytes: 384, run: powerCuts},
		{number: 12, name: "a disk is full", tier: 2, voters: 3, disk: image, megabytes: 192, settings: smallSegments, run: fullDisk},
		{number: 13, name: "syncs fail", tier: 2, voters: 3, disk: hollow, megabytes: 160, settings: smallSegments, run: failingSyncs},
		{number: 14, name: "syncs of the leader are slow", tier: 2, voters: 3, run: slowSyncs},
		{number: 15, name: "a server is wiped", tier: 1, voters: 3, run: wiped},
	}
}

// cutPower cuts the power of these servers at once and restores it.
func (f *field) cutPower(servers ...*processes.Process) {
	f.Helper()
	f.powerOff(servers...)
	f.faults += len(servers)
	f.last(0, 500*time.Millisecond)
	for _, p := range servers {
		f.disks[p.ID-1].RestorePower()
		f.c.Start(p)
	}
}

// powerOff cuts the power of these servers. They are stopped first: a sync that is
// under way while the file system is shut down may report success for what is
// lost, and a server without power does not live to tell anybody.
func (f *field) powerOff(servers ...*processes.Process) {
	f.Helper()
	for _, p := range servers {
		f.signal(p, syscall.SIGSTOP)
	}
	for _, p := range servers {
		processes.Eventually(f, "every thread of the server is stopped", func() bool { return stopped(p) })
		f.disks[p.ID-1].CutPower()
	}
	for _, p := range servers {
		f.c.Kill(p)
	}
}

// stopped reports that no thread of a process runs or is in the kernel.
func stopped(p *processes.Process) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.Cmd.Process.Pid))
	for _, file := range threads {
		b, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		// The state stands behind the name, which is in brackets.
		i := strings.LastIndexByte(string(b), ')')
		if err != nil || i < 0 || len(b) < i+3 || b[i+2] != 'T' && b[i+2] != 'Z' {
			return false
		}
	}
	return true
}

func powerCuts(f *field) {
	for i := 0; !f.over(); i++ {
		all := f.c.Servers
		order := f.r.Perm(len(all))
		var victims []*processes.Process
		for _, k := range order[:[]int{1, 2, 3}[i%3]] {
			victims = append(victims, all[k])
		}
		f.cutPower(victims...)
		f.c.AwaitServing(all...)
		f.last(time.Second, 2*time.Second)
	}
}

// fullDisk fills the disk of the leader, then of a follower. A server that cannot
// go on without room ends and says why; the others go on.
func fullDisk(f *field) {
	for i := 0; !f.over(); i++ {
		p := f.leader()
		if i%2 == 1 {
			p = f.follower()
		}
		begin := len(p.ReadLog())
		free := disks.Fill(f, f.disks[p.ID-1].Dir)
		f.faults++
		f.last(3*time.Second, 5*time.Second)
		if p.Ended() {
			if said := p.ReadLog()[begin:]; !strings.Contains(said, "no space left on device") {
				f.Errorf("server %d ended on a full disk and does not say so:\n%s", p.ID, tail(said, 5))
			}
		}
		free()
		f.heal()
		f.last(time.Second, 2*time.Second)
	}
}

// failingSyncs: a server whose sync fails knows no longer what is on its disk. It
// ends at once, and says why.
func failingSyncs(f *field) {
	for i := 0; !f.over(); i++ {
		p := f.leader()
		if i%2 == 1 {
			p = f.follower()
		}
		begin := len(p.ReadLog())
		fail, repair := f.injected, func() {}
		if i%3 == 2 {
			fail, repair = f.hollowed, func() { f.repair(p) }
		}
		stop := fail(p)
		f.faults++
		processes.Eventually(f, "the server whose syncs fail has ended", p.Ended)
		f.c.Kill(p)
		stop()
		said := p.ReadLog()[begin:]
		if !slices.ContainsFunc(diskErrors, func(e string) bool { return strings.Contains(said, e) }) {
			f.Errorf("server %d ended on a failed sync and does not say so:\n%s", p.ID, tail(said, 5))
		}
		f.last(0, time.Second)
		repair()
		f.heal()
		f.last(time.Second, 2*time.Second)
	}
}

// diskErrors are what the kernel says of a disk that fails; the last is what comes
// of a file system that noticed before the server did.
var diskErrors = []string{"input/output error", "no space left on device", "read-only file system"}

// injected fails every sync of a running server.
func (f *field) injected(p *processes.Process) (stop func()) {
	return disks.FailSyncs(f, p.Cmd.Process.Pid)
}

// hollowed takes away what the server's disk was promised: writing back fails.
func (f *field) hollowed(p *processes.Process) (stop func()) {
	stop = disks.Fill(f, f.below[p.ID-1])
	f.overwrite(p.Ended)
	return stop
}

// overwrite writes values that do not compress over one znode until a condition
// holds: the log comes to places on disk that nothing was ever written to.
func (f *field) overwrite(until func() bool) {
	f.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{Servers: f.c.Addresses(), SessionTimeout: 10 * time.Second})
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	const path = "/overwritten"
	data := make([]byte, 64<<10)
	for ctx.Err() == nil && !until() {
		for i := range data {
			data[i] = byte(f.r.Uint32())
		}
		_, err := c.Set(ctx, path, data, client.AnyVersion)
		if errors.Is(err, client.ErrNoNode) {
			_, err = c.Create(ctx, path, nil, client.CreateOptions{})
		}
		// The server that is to end may be the client's own, or the leader.
		if err != nil && !errors.Is(err, client.ErrConnectionLoss) {
			f.Fatal(err)
		}
	}
}

// repair brings a disk back whose writes were lost. What is on it may be damaged
// by now, and a server that finds that is to say so: it gets an empty directory.
func (f *field) repair(p *processes.Process) {
	f.Helper()
	f.disks[p.ID-1].Repair()
	begin := len(p.ReadLog())
	f.c.Start(p)
	processes.Eventually(f, "the server serves or has given up", func() bool { return p.Mode() != "" || p.Ended() })
	if !p.Ended() {
		return
	}
	f.Logf("after its disk lost writes, server %d says\n%s", p.ID, tail(p.ReadLog()[begin:], 1))
	f.wipe(p)
}

func slowSyncs(f *field) {
	require(f.T, disks.Missing())
	for i := 0; !f.over(); i++ {
		by := []time.Duration{200 * time.Millisecond, 2 * time.Second, 500 * time.Millisecond, time.Second}[i%4]
		stop := disks.SlowSyncs(f, f.leader().Cmd.Process.Pid, by)
		f.faults++
		f.last(3*time.Second, 5*time.Second)
		stop()
		f.last(time.Second, 2*time.Second)
	}
}

// wiped empties the directory of a follower, then of the leader. It must count
// again before the next one is emptied: a majority of memories has to remain.
func wiped(f *field) {
	for i := 0; !f.over(); i++ {
		if i%3 == 2 {
			f.wipe(f.leader())
		} else {
			p := f.follower()
			f.sameReign("a follower was wiped", func() { f.wipe(p) })
		}
		f.last(500*time.Millisecond, time.Second)
	}
}

func (f *field) wipe(p *processes.Process) {
	f.Helper()
	counts := f.startWiped(p)
	f.c.AwaitServing(p)
	processes.Eventually(f, "the wiped server counts again", counts)
}

// startWiped kills a server, empties its directory and starts it. What it returns
// tells whether the others have bound its new directory, which a configuration
// does that is committed later than anything that was there before.
func (f *field) startWiped(p *processes.Process) (counts func() bool) {
	f.Helper()
	f.c.Kill(p)
	f.faults++
	if err := os.RemoveAll(p.Data); err != nil {
		f.Fatal(err)
	}
	last := f.zxid()
	begin := len(p.ReadLog())
	f.c.Start(p)
	return func() bool {
		for line := range strings.Lines(p.ReadLog()[begin:]) {
			var said struct{ Message, Zxid string }
			if json.Unmarshal([]byte(line), &said) == nil && said.Message == "configuration committed" {
				if z, err := strconv.ParseUint(strings.TrimPrefix(said.Zxid, "0x"), 16, 64); err == nil && z > last {
					return true
				}
			}
		}
		return false
	}
}
