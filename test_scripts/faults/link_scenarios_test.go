//go:build linux

package faults

import (
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/faults/network"
)

func linkScenarios() []scenario {
	return []scenario{
		{number: 6, name: "isolate the leader", tier: 1, voters: 3, link: cuttable, run: isolateLeader},
		{number: 7, name: "one-way cuts, of both ports and of one", tier: 1, voters: 3, link: cuttable, run: oneWay},
		{number: 8, name: "hub, chain and ring", tier: 2, voters: 5, link: cuttable, run: shapes},
		{number: 9, name: "a link that flaps", tier: 1, voters: 3, link: cuttable, run: flapping},
		{number: 10, name: "loss of 30 % and 50 ms of delay", tier: 2, voters: 3, clients: 60, link: late, run: lossAndDelay},
		{number: 11, name: "leader_port alone is blocked", tier: 1, voters: 3, link: cuttable, run: leaderPortBlocked},
		{number: 24, name: "observers behind a slow link", tier: 2, voters: 3, observers: 2, link: late, run: farObservers},
	}
}

// isolateLeader cuts leaders from the other servers, and in namespaces now and
// then from clients too.
func isolateLeader(f *field) {
	for i := 0; !f.over(); i++ {
		p := f.leader()
		cuts := network.Around(p.ID, len(f.c.Servers))
		if f.spaces != nil && i%2 == 1 {
			cuts = append(cuts, network.Cut{From: network.Clients, To: p.ID})
		}
		f.cut(time.Second, 3*time.Second, cuts...)
		f.last(time.Second, 2*time.Second)
	}
}

func oneWay(f *field) {
	var cuts []network.Cut
	n := len(f.c.Servers)
	for a := 1; a <= n; a++ {
		for b := 1; b <= n; b++ {
			for _, port := range []network.Port{network.BothPorts, network.ServerPort, network.LeaderPort} {
				if a != b {
					cuts = append(cuts, network.Cut{From: a, To: b, Port: port})
				}
			}
		}
	}
	f.r.Shuffle(len(cuts), func(i, j int) { cuts[i], cuts[j] = cuts[j], cuts[i] })
	for i := 0; !f.over(); i++ {
		f.cut(1200*time.Millisecond, 1800*time.Millisecond, cuts[i%len(cuts)])
		f.last(300*time.Millisecond, 800*time.Millisecond)
	}
}

// shapes leave links with which a leader is possible, if the right one leads.
func shapes(f *field) {
	n := len(f.c.Servers)
	for i := 0; !f.over(); i++ {
		at := f.r.Perm(n) // where each server stands
		hub := func(a, b int) bool { return at[a-1] == 0 || at[b-1] == 0 }
		chain := func(a, b int) bool { d := at[a-1] - at[b-1]; return d == 1 || d == -1 }
		ring := func(a, b int) bool { d := (at[a-1] - at[b-1] + n) % n; return d == 1 || d == n-1 }
		f.cut(4*time.Second, 6*time.Second, network.Except(n, []func(a, b int) bool{hub, chain, ring}[i%3])...)
		f.last(time.Second, 2*time.Second)
	}
}

// flapping opens and closes links every 200 ms, and followers come and go. The
// leader keeps its office whatever happens to one follower.
func flapping(f *field) {
	for i := 0; !f.over(); i++ {
		leader, p := f.leader(), f.follower()
		f.sameReign("a link of a follower flapped", func() {
			for range 10 {
				cuts := network.Between(p.ID, leader.ID)
				if i%2 == 1 {
					cuts = network.Around(p.ID, len(f.c.Servers))
				}
				f.cut(200*time.Millisecond, 200*time.Millisecond, cuts...)
				f.last(200*time.Millisecond, 200*time.Millisecond)
			}
			f.last(500*time.Millisecond, 500*time.Millisecond)
		})
		f.sameReign("a follower returned", func() {
			f.restart(p, time.Second)
			f.c.AwaitServing(p)
			f.last(500*time.Millisecond, 500*time.Millisecond)
		})
	}
}

// lossAndDelay takes turns with peace, in which the servers may find each other.
func lossAndDelay(f *field) {
	for !f.over() {
		for id := range f.c.Servers {
			f.spaces.Delay(id+1, 25*time.Millisecond)
		}
		f.last(time.Second, 2*time.Second)
		f.spaces.Lose(30)
		f.faults++
		f.last(2*time.Second, 4*time.Second)
		f.spaces.Lose(0)
		f.last(2*time.Second, 3*time.Second)
	}
	for id := range f.c.Servers {
		f.spaces.Delay(id+1, 0)
	}
}

func leaderPortBlocked(f *field) {
	for i := 0; !f.over(); i++ {
		p := f.leader()
		cuts := network.Around(p.ID, len(f.c.Servers))
		if i%2 == 1 {
			cuts = network.Between(p.ID, f.follower().ID)
		}
		for k := range cuts {
			cuts[k].Port = network.LeaderPort
		}
		f.cut(time.Second, 3*time.Second, cuts...)
		f.last(time.Second, 2*time.Second)
	}
}

// farObservers: those who do not vote are far away, lose packets, come and go,
// and the voters do not mind.
func farObservers(f *field) {
	n := len(f.c.Servers)
	for id := f.s.voters + 1; id <= n; id++ {
		f.spaces.Delay(id, 100*time.Millisecond)
	}
	for i := 0; !f.over(); i++ {
		p := f.c.Servers[f.s.voters+i%f.s.observers]
		f.sameReign("an observer came and went", func() {
			if i%3 == 0 {
				f.restart(p, time.Second)
			} else {
				f.cut(200*time.Millisecond, 2*time.Second, network.Around(p.ID, n)...)
			}
			f.last(time.Second, 2*time.Second)
		})
	}
	for id := f.s.voters + 1; id <= n; id++ {
		f.spaces.Delay(id, 0)
	}
}
