package faults

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

var (
	roundsFlag = flag.Int("rounds", 50, "how often a random server is killed")
	seedFlag   = flag.Uint64("seed", 1, "which servers, and when")
)

func TestMain(m *testing.M) { processes.Main(m, results.print) }

// TestKillRandomServer kills and restarts a random server again and again, the
// leader included, under load.
//
// covers: O07, O08, G12
func TestKillRandomServer(t *testing.T) {
	c := processes.New(t, 3)
	w := startWriters(t, c, 3)
	r := rand.New(rand.NewPCG(*seedFlag, 1))
	leaders := 0
	for range *roundsFlag {
		p := c.Servers[r.IntN(len(c.Servers))]
		if p.Mode() == "leader" {
			leaders++
		}
		c.Kill(p)
		time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond) // the load goes on without it
		c.Start(p)
		c.AwaitServing(p)
	}
	acked := w.finish()
	t.Logf("%d rounds, %d of them killed the leader; %d writes were answered", *roundsFlag, leaders, acked)
	if acked < 100*len(w.lanes) {
		t.Errorf("only %d writes were answered: the run shows nothing", acked)
	}
	for _, p := range c.Servers {
		w.check(p)
	}
	c.SameHistories()
}

// TestKillAll kills all servers at once under load: nothing answered is lost.
//
// covers: O05
func TestKillAll(t *testing.T) {
	c := processes.New(t, 3)
	for range 3 {
		w := startWriters(t, c, 2)
		processes.Eventually(t, "some writes were answered", func() bool { return answered(c) })
		for _, p := range c.Servers {
			_ = p.Cmd.Process.Kill()
		}
		for _, p := range c.Servers {
			c.Kill(p)
		}
		for _, p := range c.Servers {
			c.Start(p)
		}
		c.AwaitServing(c.Servers...)
		w.finish()
		for _, p := range c.Servers {
			w.check(p)
		}
		w.remove(c)
	}
	c.SameHistories()
}

// foundingZxid is the record that founds a cluster; it carries a configuration.
const foundingZxid = `"0x100000000"`

// TestEmptiedDirectory empties a follower's data directory: it comes back by
// snapshot or log, and does not vote before it is whole.
func TestEmptiedDirectory(t *testing.T) {
	c := processes.New(t, 3)
	w := startWriters(t, c, 2)
	processes.Eventually(t, "some writes were answered", func() bool { return answered(c) })
	leader := c.Leader()
	var victim, other *processes.Process
	for _, p := range c.Servers {
		switch {
		case p == leader:
		case victim == nil:
			victim = p
		default:
			other = p
		}
	}
	// Without the other follower the leader has no quorum: an empty server must
	// not make one.
	c.Kill(victim)
	if err := os.RemoveAll(victim.Data); err != nil {
		t.Fatal(err)
	}
	c.Kill(other)
	c.Start(victim)
	processes.Eventually(t, "the leader has stepped down, and the empty server noticed", func() bool {
		return leader.Mode() == "" && victim.Mode() == ""
	})
	for until := time.Now().Add(3 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		if victim.Mode() != "" || leader.Mode() != "" {
			t.Fatal("an empty server made a quorum")
		}
	}
	c.Start(other)
	c.AwaitServing(c.Servers...)
	// Bound anew, it votes: the cluster survives the loss of one of the others.
	processes.Eventually(t, "the emptied server counts again", func() bool {
		for line := range strings.Lines(victim.ReadLog()) {
			if strings.Contains(line, `"configuration committed"`) && !strings.Contains(line, foundingZxid) {
				return true
			}
		}
		return false
	})
	c.Kill(other)
	processes.Eventually(t, "two servers serve, one of them the emptied one", func() bool { return victim.Mode() != "" && leader.Mode() != "" })
	c.Start(other)
	c.AwaitServing(c.Servers...)
	w.finish()
	for _, p := range c.Servers {
		w.check(p)
	}
}

// TestSnapshotForAFollower has the servers write snapshots and trim their logs
// all the time: a follower that was emptied, and one that was away for long,
// come back by snapshot, under load, and so does a damaged snapshot's owner.
//
// covers: O08
func TestSnapshotForAFollower(t *testing.T) {
	c := processes.NewWith(t, 3, "snapshot_count = 1000\nsnapshots_kept = 3\nsegment_bytes = 1048576\n")
	w := startWriters(t, c, 2)
	leader := c.Leader()
	victim := c.Servers[0]
	if victim == leader {
		victim = c.Servers[1]
	}
	trimmed := func() bool {
		names, _ := filepath.Glob(filepath.Join(leader.Data, "log", "log.*"))
		return len(names) > 0 && filepath.Base(names[0]) != "log.0000000000000000"
	}
	processes.Eventually(t, "the leader has trimmed its log", trimmed)
	for _, prepare := range []func(){
		func() {
			if err := os.RemoveAll(victim.Data); err != nil {
				t.Fatal(err)
			}
		},
		func() { flipNewestSnapshots(t, victim) },
	} {
		before := strings.Count(victim.ReadLog(), "snapshot from the leader installed")
		c.Kill(victim)
		prepare()
		c.Start(victim)
		processes.Eventually(t, "the server serves or has given up", func() bool { return victim.Mode() != "" || !running(victim) })
		if !running(victim) {
			// Damaged beyond its own means: it said so; an empty directory is
			// the way back.
			if log := victim.ReadLog(); !strings.Contains(log, "snapshot.") || !strings.Contains(log, "empty") {
				t.Fatalf("the refusal does not name the snapshot and the way out:\n%s", tail(log, 3))
			}
			victim.Cmd = nil
			if err := os.RemoveAll(victim.Data); err != nil {
				t.Fatal(err)
			}
			c.Start(victim)
		}
		c.AwaitServing(victim)
		if got := strings.Count(victim.ReadLog(), "snapshot from the leader installed"); got != before+1 {
			t.Errorf("%d snapshots were installed, want %d", got, before+1)
		}
	}
	w.finish()
	for _, p := range c.Servers {
		w.check(p)
	}
	c.SameHistories()
}

// flipNewestSnapshots damages every snapshot of a server.
func flipNewestSnapshots(t *testing.T, p *processes.Process) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(p.Data, "snap", "snapshot.*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no snapshots in %s: %v", p.Data, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func running(p *processes.Process) bool {
	select {
	case <-p.Done:
		return false
	default:
		return true
	}
}

// TestCorruption flips a byte in the middle of the log: the server refuses to
// start and says what is wrong and what to do; with an emptied directory it
// comes back. A torn tail is cut and said.
//
// covers: I03
func TestCorruption(t *testing.T) {
	c := processes.New(t, 3)
	w := startWriters(t, c, 2)
	processes.Eventually(t, "some writes were answered", func() bool { return answered(c) })
	victim := c.Servers[0]
	w.finish()
	c.Settle()
	c.Kill(victim)
	name := newestLog(t, victim)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	used := len(bytes.TrimRight(b, "\x00"))
	b[used/2] ^= 0x10
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	c.Start(victim)
	<-victim.Done
	victim.Cmd = nil
	if log := victim.ReadLog(); !strings.Contains(log, filepath.Base(name)) || !strings.Contains(log, "at byte") {
		t.Errorf("the refusal does not name file and offset:\n%s", tail(log, 3))
	}
	if err := os.RemoveAll(victim.Data); err != nil {
		t.Fatal(err)
	}
	c.Start(victim)
	c.AwaitServing(victim)
	w.check(victim)

	c.Kill(victim)
	name = newestLog(t, victim)
	if b, err = os.ReadFile(name); err != nil {
		t.Fatal(err)
	}
	// The last frame lacks its end, as a crash in the middle of a write leaves it.
	used = len(bytes.TrimRight(b, "\x00"))
	clear(b[used-2 : used])
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	c.Start(victim)
	c.AwaitServing(victim)
	w.check(victim)
	if !strings.Contains(victim.ReadLog(), "torn by a crash") {
		t.Errorf("the torn tail was not reported:\n%s", tail(victim.ReadLog(), 5))
	}
}

func answered(c *processes.Cluster) bool {
	conn, _, err := zk.Connect(c.Addresses(), 10*time.Second, zk.WithLogger(quiet{}))
	if err != nil {
		return false
	}
	defer conn.Close()
	children, _, err := conn.Children("/lane-0-0")
	return err == nil && len(children) > 200
}

func tail(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func newestLog(t *testing.T, p *processes.Process) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(p.Data, "log", "log.*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no log in %s: %v", p.Data, err)
	}
	return names[len(names)-1]
}
