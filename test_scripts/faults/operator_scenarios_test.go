//go:build linux

package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

func operatorScenarios() []scenario {
	return []scenario{
		{number: 16, name: "three to five members and back under kill", tier: 1, voters: 3, run: growUnderKill},
		{number: 20, name: "the counter is near its end", tier: 2, voters: 3, program: shortCounters, run: countersEnd},
		{number: 21, name: "a server number twice, swapped directories", tier: 1, voters: 3, disk: image, megabytes: 384, run: mistakes},
	}
}

// growUnderKill changes the membership while servers are killed.
func growUnderKill(f *field) {
	f.c.Plan(2)
	a, b := f.c.Join(), f.c.Join()
	f.c.AwaitServing(a, b)
	change := func(args ...string) {
		f.Helper()
		done := make(chan error, 1)
		go func() {
			_, err := f.c.Command(args...)
			done <- err
		}()
		p := f.c.Servers[f.r.IntN(3)]
		f.restart(p, 200*time.Millisecond)
		if err := <-done; err != nil {
			f.Error(err)
		}
		f.c.AwaitServing(f.c.Servers[:3]...)
	}
	for !f.over() {
		change("node", "add", a.Client, b.Client)
		f.last(500*time.Millisecond, time.Second)
		change("node", "remove", "--server", strings.Join(f.c.Addresses()[:3], ","), fmt.Sprint(a.ID), fmt.Sprint(b.ID))
		f.last(500*time.Millisecond, time.Second)
	}
	f.c.Drop(a)
	f.c.Drop(b)
}

// counterLimit is where the servers of shortCounters renew their epoch.
const counterLimit = 2000

// shortCounters builds the program with an epoch that is used up after a few
// thousand transactions instead of four thousand million. No setting does that,
// and nobody needs one: the one constant is replaced while building.
func shortCounters(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/zabkeeper/zabkeeper/zab").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(strings.TrimSpace(string(out)), "core.go")
	b, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	const is = "DefaultCounterLimit  = 0xF000_0000"
	if strings.Count(string(b), is) != 1 {
		t.Fatalf("%s does not say %q", source, is)
	}
	dir := t.TempDir()
	changed := filepath.Join(dir, "core.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{changed: strings.Replace(string(b), is, fmt.Sprintf("DefaultCounterLimit = %d", counterLimit), 1),
		filepath.Join(dir, "overlay.json"): string(overlay)} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "zabkeeper")
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "github.com/zabkeeper/zabkeeper")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	return program
}

// countersEnd has epochs renewed all the time, also while a server is away or
// the leader dies. While nothing else happens the leader stays the same one.
func countersEnd(f *field) {
	for i := 0; !f.over(); i++ {
		leader, before := f.leader(), f.epoch()
		judge := f.judge()
		processes.Eventually(f, "the epoch was renewed twice", func() bool { return f.epoch() >= before+2 })
		if now := f.leader(); now != leader {
			judge("the renewals from epoch %d on made server %d the leader in place of %d", before, now.ID, leader.ID)
		}
		p := f.follower()
		if i%2 == 1 {
			p = leader
		}
		f.restart(p, 2*time.Second)
		f.c.AwaitServing(p)
	}
}

// mistakes are an operator's: a server with the number of another that runs, and
// two directories mixed up, or one that may not be written. They are refused, and nobody else minds.
func mistakes(f *field) {
	for i := 0; !f.over(); i++ {
		p := f.follower()
		f.sameReign("a second server with the number of a follower", func() {
			twin := f.c.Twin(p, "127.0.0.1")
			f.faults++
			f.last(time.Second, 2*time.Second)
			if mode := twin.Mode(); mode != "" {
				f.Errorf("a second server %d, with an empty directory, serves as %s", p.ID, mode)
			}
			f.c.Kill(twin)
			_ = os.RemoveAll(twin.Data)
			f.c.AwaitServing(p)
		})
		f.swapped()
	}
}

func (f *field) swapped() {
	f.Helper()
	leader := f.leader()
	var q []*processes.Process
	for _, p := range f.c.Servers {
		if p != leader {
			q = append(q, p)
		}
	}
	swap := func() { q[0].Data, q[1].Data = q[1].Data, q[0].Data }
	for _, p := range q {
		f.signal(p, syscall.SIGTERM)
		<-p.Done
		f.c.Kill(p)
	}
	swap()
	f.faults++
	for _, p := range q {
		f.refused(p, "directory of another server")
	}
	swap()
	if len(f.disks) > 0 {
		f.disks[q[0].ID-1].ReadOnly(true)
		f.refused(q[0], "read-only file system")
		f.disks[q[0].ID-1].ReadOnly(false)
		f.faults++
	}
	for _, p := range q {
		f.c.Start(p)
	}
	f.c.AwaitServing(f.c.Servers...)
	f.last(500*time.Millisecond, time.Second)
}

// refused starts a server, which ends and says this.
func (f *field) refused(p *processes.Process, want string) {
	f.Helper()
	begin := len(p.ReadLog())
	f.c.Start(p)
	processes.Eventually(f, "a server that cannot use its directory ends", p.Ended)
	f.c.Kill(p)
	if said := p.ReadLog()[begin:]; !strings.Contains(said, want) {
		f.Errorf("server %d does not say %q:\n%s", p.ID, want, tail(said, 3))
	}
}
