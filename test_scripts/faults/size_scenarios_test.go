//go:build linux

package faults

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

var (
	bigFlag   = flag.Int("big", 1024, "MiB of state in the scenario of big state")
	stormFlag = flag.Int("storm", 10_000, "clients in the scenario of a reconnect storm")
)

func sizeScenarios() []scenario {
	return []scenario{
		{number: 17, name: "big state by snapshot while the leader dies", tier: 2, voters: 3, settings: "snapshots_kept = 1\n", run: bigState},
		{number: 18, name: "many clients come back at once", tier: 2, voters: 3, run: storm},
	}
}

const bigNode = 512 << 10

// bigState has a wiped follower come back by snapshot while leaders are killed.
func bigState(f *field) {
	fill(f, *bigFlag)
	f.deadline = time.Now().Add(duration()) // filling is none of the faults
	for !f.over() {
		p := f.follower()
		begin := len(p.ReadLog())
		counts := f.startWiped(p)
		f.last(200*time.Millisecond, 1500*time.Millisecond)
		leader := f.leader()
		f.restart(leader, 500*time.Millisecond)
		within(f, 5*time.Minute, "the wiped server serves", func() bool { return p.Mode() != "" })
		within(f, 5*time.Minute, "the wiped server counts again", counts)
		if !strings.Contains(p.ReadLog()[begin:], "snapshot from the leader installed") {
			f.Errorf("server %d came back without a snapshot:\n%s", p.ID, tail(p.ReadLog()[begin:], 10))
		}
		within(f, 5*time.Minute, "the killed leader serves", func() bool { return leader.Mode() != "" })
	}
}

// within is processes.Eventually for what takes longer.
func within(f *field, limit time.Duration, what string, holds func() bool) {
	f.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.Fatalf("still not true after %v: %s", limit, what)
		}
	}
}

// fill writes so many MiB.
func fill(f *field, megabytes int) {
	f.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{Servers: f.c.Addresses(), SessionTimeout: 30 * time.Second})
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.Create(ctx, "/big", nil, client.CreateOptions{}); err != nil {
		f.Fatal(err)
	}
	data := make([]byte, bigNode)
	for i := range megabytes << 20 / bigNode {
		for k := range data {
			data[k] = byte(f.r.Uint32()) // a snapshot that compresses well would not be big
		}
		for {
			_, err := c.Create(ctx, fmt.Sprintf("/big/%d", i), data, client.CreateOptions{})
			if err == nil || strings.Contains(err.Error(), "exists") {
				break
			}
			if ctx.Err() != nil {
				f.Fatal(err)
			}
		}
	}
}

// storm connects many clients and kills servers: all of their clients come back
// to the others at once, with the sessions that they had.
func storm(f *field) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < uint64(*stormFlag)+1000 {
		f.Skipf("skipped: no room for %d connections, the limit of open files is %d", *stormFlag, limit.Cur)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var connected, expired atomic.Int64
	clients := make([]*client.Client, *stormFlag)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i := range clients {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			o := client.Options{Servers: f.c.Addresses(), SessionTimeout: 40 * time.Second}
			up := false
			o.OnState = func(s client.StateChange) {
				if now := s.State == client.StateConnected; now != up {
					up = now
					connected.Add(map[bool]int64{true: 1, false: -1}[now])
				}
				if s.State == client.StateExpired {
					expired.Add(1)
				}
			}
			var err error
			if clients[i], err = client.Dial(ctx, o); err != nil {
				f.Error(err)
			}
		})
	}
	wg.Wait()
	f.deadline = time.Now().Add(duration())
	all := func() bool { return connected.Load() == int64(len(clients)) }
	for i := 0; !f.over() && !f.Failed(); i++ {
		p := f.leader()
		if i%2 == 1 {
			p = f.anybody()
		}
		begin := time.Now()
		f.restart(p, time.Second)
		processes.Eventually(f, "all clients are connected again", all)
		f.Logf("%d clients are connected again %v after server %d was killed", len(clients), time.Since(begin).Round(time.Millisecond), p.ID)
		f.c.AwaitServing(p)
	}
	if n := expired.Load(); n > 0 {
		f.Errorf("%d sessions expired although their clients came back in time", n)
	}
	for _, c := range clients {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if c != nil {
				_ = c.Close(ctx)
			}
		})
	}
	wg.Wait()
}
