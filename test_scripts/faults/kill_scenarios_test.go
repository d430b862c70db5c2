//go:build linux

package faults

import (
	"syscall"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/faults/groups"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

func killScenarios() []scenario {
	return []scenario{
		{number: 1, name: "kill the leader each 3 s", tier: 1, voters: 3, run: killLeader},
		{number: 2, name: "kill somebody each second", tier: 1, voters: 3, run: killSomebody},
		{number: 3, name: "kill all, restart in any order", tier: 1, voters: 3, run: killEverybody},
		{number: 5, name: "stop the leader for a while", tier: 1, voters: 3, run: stopLeader},
		{number: 19, name: "rolling restart", tier: 1, voters: 3, run: rollingRestart},
		{number: 22, name: "a cluster of one, killed and without power", tier: 1, voters: 1, disk: image, megabytes: 384, run: killOnlyServer},
		{number: 23, name: "two of five down, pauses of the others", tier: 1, voters: 5, run: pausesOfThree},
	}
}

func killLeader(f *field) {
	for !f.over() {
		next := time.Now().Add(3 * time.Second)
		f.restart(f.leader(), 2*time.Second)
		<-time.After(time.Until(next))
	}
}

func killSomebody(f *field) {
	for !f.over() {
		next := time.Now().Add(time.Second)
		f.restart(f.anybody(), 600*time.Millisecond)
		<-time.After(time.Until(next))
	}
}

func killEverybody(f *field) {
	for !f.over() {
		for _, p := range f.c.Servers {
			f.signal(p, syscall.SIGKILL)
		}
		for _, p := range f.c.Servers {
			f.c.Kill(p)
			f.faults++
		}
		for _, i := range f.r.Perm(len(f.c.Servers)) {
			f.c.Start(f.c.Servers[i])
			f.last(0, 300*time.Millisecond)
		}
		f.c.AwaitServing(f.c.Servers...)
		f.last(2*time.Second, 4*time.Second)
	}
}

// stopLeader stops leaders for shorter and for longer than others wait for them.
// The load's clients hold locks meanwhile. In tier 2 leaders also get less of a
// processor than they need, or of memory than they use, which ends them.
func stopLeader(f *field) {
	for i := 0; !f.over(); i++ {
		p := f.leader()
		f.faults++
		if *tierFlag > 1 && i%3 == 2 {
			f.starve(p, i%2 == 0)
			continue
		}
		f.signal(p, syscall.SIGSTOP)
		d := []time.Duration{2 * followTimeout, followTimeout / 2, 3 * followTimeout, followTimeout}[i%4]
		f.last(d, d)
		f.signal(p, syscall.SIGCONT)
		f.last(time.Second, 2*time.Second)
	}
}

func (f *field) starve(p *processes.Process, ofMemory bool) {
	f.Helper()
	require(f.T, groups.Missing())
	if ofMemory {
		stop := groups.Squeeze(f, p.Cmd.Process.Pid, 4<<20)
		processes.Eventually(f, "a server without memory is ended", p.Ended)
		stop()
		f.c.Kill(p)
		f.c.Start(p)
	} else {
		stop := groups.SlowDown(f, p.Cmd.Process.Pid, 10)
		f.last(2*time.Second, 4*time.Second)
		stop()
	}
	f.last(time.Second, 2*time.Second)
}

// rollingRestart ends one server after the other as an operator does. A follower
// that goes and comes back changes nothing, a leader costs one election.
func rollingRestart(f *field) {
	for !f.over() {
		for _, p := range f.c.Servers {
			restart := func() {
				f.signal(p, syscall.SIGTERM)
				<-p.Done
				f.c.Kill(p)
				f.faults++
				f.c.Start(p)
				f.c.AwaitServing(p)
			}
			before, judge := f.epoch(), f.judge()
			if p == f.leader() {
				restart()
				f.leader()
				if after := f.epoch(); after > before+1 {
					judge("the restart of the leader, server %d, took the epoch from %d to %d", p.ID, before, after)
				}
			} else {
				f.sameReign("restart of a follower", restart)
			}
			f.last(300*time.Millisecond, 600*time.Millisecond)
		}
	}
}

// killOnlyServer has nobody else who knows what was answered: the disk has to.
func killOnlyServer(f *field) {
	p := f.c.Servers[0]
	for i := 0; !f.over(); i++ {
		if len(f.disks) > 0 && i%2 == 1 {
			f.powerOff(p)
			f.disks[0].RestorePower()
		} else {
			f.c.Kill(p)
		}
		f.faults++
		f.c.Start(p)
		f.c.AwaitServing(p)
		f.last(500*time.Millisecond, 2*time.Second)
	}
}

// pausesOfThree leaves no server to spare.
func pausesOfThree(f *field) {
	leader := f.leader()
	var down, up []*processes.Process
	for _, p := range f.c.Servers {
		if p != leader && len(down) < 2 {
			down = append(down, p)
			f.c.Kill(p)
		} else {
			up = append(up, p)
		}
	}
	for i := 0; !f.over(); i++ {
		p := up[i%len(up)]
		f.signal(p, syscall.SIGSTOP)
		f.faults++
		f.last(100*time.Millisecond, 900*time.Millisecond)
		f.signal(p, syscall.SIGCONT)
		f.last(time.Second, 2*time.Second)
	}
}
