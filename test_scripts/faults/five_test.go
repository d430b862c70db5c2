package faults

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// TestFiveServers: a killed leader is replaced, without three of five nobody
// leads and clients are told so, and who comes back is brought up to date.
// covers: O06, O07
func TestFiveServers(t *testing.T) {
	c := processes.New(t, 5)
	w := startWriters(t, c, 2)
	lead := func(what string) (p *processes.Process) {
		t.Helper()
		processes.Eventually(t, what, func() bool { p = c.Leader(); return p != nil })
		return p
	}
	progress := func(what string) {
		t.Helper()
		before := w.answered()
		processes.Eventually(t, what, func() bool { return w.answered() > before+20 })
	}
	progress("writes are answered")
	first := lead("somebody leads")
	c.Kill(first)
	second := lead("another server leads")
	progress("writes go on under the second leader")
	down := []*processes.Process{first, second}
	c.Kill(second)
	third := lead("a third server leads")
	progress("writes go on with three of five")
	c.Kill(third)
	down = append(down, third)
	var left []*processes.Process
	for _, p := range c.Servers {
		if p.Cmd != nil {
			left = append(left, p)
		}
	}
	processes.Eventually(t, "two of five serve nobody", func() bool { return left[0].Mode() == "" && left[1].Mode() == "" })
	if text := left[0].Word("stat"); text != "" && !strings.Contains(text, "not currently serving") && !strings.Contains(text, "whitelist") {
		t.Errorf("a server without a quorum says %q", text)
	}
	told(t, left[0])
	before := w.answered()
	for _, p := range left {
		if _, _, err := zk.Connect([]string{p.Client}, time.Second, zk.WithLogger(quiet{})); err != nil {
			t.Error(err)
		}
	}
	if w.answered() != before {
		t.Error("a write was answered without a quorum")
	}
	c.Start(first)
	lead("three of five have a leader again")
	progress("writes go on when one is back")
	for _, p := range down[1:] {
		c.Start(p)
	}
	c.AwaitServing(c.Servers...)
	t.Logf("%d writes answered", w.finish())
	for _, p := range c.Servers {
		w.check(p)
	}
	c.SameHistories()
}

// told expects a client of a server without a quorum to be told, not hung.
func told(t *testing.T, p *processes.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, processes.Binary, "cli", "--timeout", "2s", p.Client, "get", "/").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("a client without a quorum: %v, %s", err, out)
	}
}

// TestCalledElections asks the servers for elections under load: the leader
// changes or is elected again, and nothing that was answered is lost.
func TestCalledElections(t *testing.T) {
	c := processes.New(t, 5)
	w := startWriters(t, c, 2)
	for i := range 10 {
		before := w.answered()
		processes.Eventually(t, "writes are answered", func() bool { return w.answered() > before+20 })
		epoch := highestEpoch(c)
		out, err := c.Command("cli", c.Servers[i%5].Client, "start")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out, "called: ") {
			t.Errorf("start says %q", out)
		}
		processes.Eventually(t, "a leader is elected anew", func() bool { return highestEpoch(c) > epoch })
	}
	c.AwaitServing(c.Servers...)
	t.Logf("%d writes answered", w.finish())
	for _, p := range c.Servers {
		w.check(p)
	}
	c.SameHistories()
}

// highestEpoch is the epoch of the newest transaction that any server applied.
func highestEpoch(c *processes.Cluster) string {
	highest := ""
	for _, p := range c.Servers {
		if z := p.Zxid(); len(z) > 8 {
			if e := strings.Repeat("0", 18-len(z)) + z[2:len(z)-8]; e > highest {
				highest = e
			}
		}
	}
	return highest
}
