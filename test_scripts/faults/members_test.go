package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// TestGrowAndShrink takes a cluster from one server to three and to five and
// back to one, the leader among those that leave, while clients write.
//
// covers: G06
func TestGrowAndShrink(t *testing.T) {
	c := processes.New(t, 1)
	c.Plan(4)
	w := startWriters(t, c, 2)
	pulse := startPulse(t, c)
	for range 2 {
		a, b := c.Join(), c.Join()
		c.AwaitServing(a, b)
		voters(t, c, len(c.Servers), "node", "add", a.Client, b.Client)
	}
	for len(c.Servers) > 1 {
		n := len(c.Servers)
		var leader *processes.Process
		processes.Eventually(t, "somebody leads", func() bool { leader = c.Leader(); return leader != nil })
		voters(t, c, n-1, "node", "remove", "--server", strings.Join(c.Addresses(), ","), fmt.Sprint(leader.ID))
		processes.Eventually(t, "the removed server lets its clients go", func() bool { return leader.Mode() == "" })
		c.Drop(leader)
		before := w.answered()
		processes.Eventually(t, "writes go on", func() bool { return w.answered() > before })
	}
	t.Logf("longest time without an answered write: %v", pulse())
	t.Logf("%d writes answered", w.finish())
	w.check(c.Servers[0])
}

// startPulse writes with one client that knows all servers, one write at a time.
// The function that it returns stops it and tells the longest time between two
// answers.
func startPulse(t *testing.T, c *processes.Cluster) func() time.Duration {
	t.Helper()
	k, err := client.Dial(t.Context(), client.Options{Servers: c.Addresses(), SessionTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Create(t.Context(), "/pulse", nil, client.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	longest := make(chan time.Duration, 1)
	go func() {
		most, last := time.Duration(0), time.Now()
		for ctx.Err() == nil {
			if _, err := k.Set(ctx, "/pulse", nil, client.AnyVersion); err == nil {
				most, last = max(most, time.Since(last)), time.Now()
			}
		}
		_ = k.Close(context.WithoutCancel(ctx))
		longest <- most
	}()
	return func() time.Duration {
		cancel()
		return <-longest
	}
}

// voters runs a command that changes the membership and expects so many voters
// after it.
func voters(t *testing.T, c *processes.Cluster, want int, args ...string) {
	t.Helper()
	out, err := c.Command(args...)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, fmt.Sprintf(" %d voter", want)) {
		t.Fatalf("want %d voters, got %s", want, out)
	}
}

// TestMembersUnderKill grows from three to five and shrinks back again and again
// while servers are killed, the leader included.
//
// covers: G06
func TestMembersUnderKill(t *testing.T) {
	c := processes.New(t, 3)
	c.Plan(2)
	w := startWriters(t, c, 2)
	r := rand.New(rand.NewPCG(*seedFlag, 2))
	a, b := c.Join(), c.Join()
	c.AwaitServing(a, b)
	for range 3 {
		done := make(chan error, 1)
		change := func(args ...string) {
			go func() {
				_, err := c.Command(args...)
				done <- err
			}()
			victim := c.Servers[r.IntN(3)]
			c.Kill(victim)
			c.Start(victim)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			c.AwaitServing(c.Servers[:3]...)
		}
		change("node", "add", a.Client, b.Client)
		change("node", "remove", "--server", strings.Join(c.Addresses()[:3], ","), fmt.Sprint(a.ID), fmt.Sprint(b.ID))
	}
	t.Logf("%d writes answered", w.finish())
	c.Drop(a)
	c.Drop(b)
	for _, p := range c.Servers {
		w.check(p)
	}
	c.SameHistories()
}
