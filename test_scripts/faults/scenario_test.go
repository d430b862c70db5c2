//go:build linux

package faults

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/faults/disks"
	"github.com/zabkeeper/zabkeeper/test_scripts/faults/history"
	"github.com/zabkeeper/zabkeeper/test_scripts/faults/network"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

var (
	tierFlag     = flag.Int("tier", 1, "1: what needs no root; 2: every scenario, with namespaces and disks")
	durationFlag = flag.Duration("duration", 0, "how long each scenario goes on (default 8s in tier 1, 60s in tier 2)")
	programFlag  = flag.String("program", "", "another zabkeeper to run instead of this one")
	keepFlag     = flag.String("keep", "", "a directory for the logs and histories of all servers; without it those of a failure are kept in a temporary one")
	clientsFlag  = flag.Int("clients", 20, "clients of each scenario")
)

// perSecondLeast is the least traffic with which a run shows anything.
const perSecondLeast = 100

// linkKind is what a scenario needs between its servers.
type linkKind int

const (
	loopback linkKind = iota
	cuttable          // proxies in tier 1, namespaces in tier 2
	late              // namespaces on a switch
)

// diskKind is what a scenario needs below its servers' data directories.
type diskKind int

const (
	directory diskKind = iota
	image              // in tier 1 a directory
	hollow             // an image that has less than it promises
)

// scenario is a fault, repeated under load for the duration.
type scenario struct {
	number    int
	name      string
	tier      int // the least that runs it
	voters    int
	observers int
	clients   int // 0 for as many as the flag says
	link      linkKind
	disk      diskKind
	megabytes int // of an image
	settings  string
	program   func(t *testing.T) string // nil for the program as it is
	run       func(f *field)
}

func scenarios() []scenario {
	return slices.Concat(killScenarios(), linkScenarios(), diskScenarios(), operatorScenarios(), sizeScenarios())
}

// plays counts what was played, for the seeds of repetitions.
var plays atomic.Uint64

// TestScenario plays the scenarios of docs/faults.md. One is chosen by its
// number, as in -run Scenario/07.
//
// covers: O05, O07, O08
func TestScenario(t *testing.T) {
	for _, s := range scenarios() {
		if s.tier > *tierFlag {
			continue
		}
		t.Run(fmt.Sprintf("%02d %s", s.number, s.name), func(t *testing.T) {
			t.Parallel()
			play(t, &s)
		})
	}
}

// TestScenariosAreComplete: none of the 24 is missing, and none is there twice.
func TestScenariosAreComplete(t *testing.T) {
	seen := map[int]bool{}
	for _, s := range scenarios() {
		if seen[s.number] {
			t.Errorf("scenario %d is there twice", s.number)
		}
		seen[s.number] = true
	}
	for n := 1; n <= 24; n++ {
		if !seen[n] {
			t.Errorf("scenario %d is missing", n)
		}
	}
}

func duration() time.Duration {
	switch {
	case *durationFlag > 0:
		return *durationFlag
	case *tierFlag > 1:
		return time.Minute
	}
	return 8 * time.Second
}

// play runs one scenario: load, faults for the duration, healing, checks.
func play(t *testing.T, s *scenario) {
	seed := *seedFlag<<16 + plays.Add(1)
	f := &field{T: t, s: s, r: rand.New(rand.NewPCG(seed, uint64(s.number)))}
	res := &result{number: s.number, name: s.name}
	t.Cleanup(func() {
		res.conclude(t)
		results.add(res)
	})
	f.prepare()
	t.Cleanup(func() { f.keep(seed) })
	before := f.epoch()
	f.deadline = time.Now().Add(duration())
	f.load = history.Start(f.c.Addresses(), history.Options{Clients: cmp.Or(s.clients, *clientsFlag), Seed: seed})
	stopped := false
	defer func() {
		if !stopped { // the scenario has failed: its clients end before its servers
			f.load.Stop()
		}
	}()
	s.run(f)
	f.heal()
	h := f.load.Stop()
	stopped = true
	res.faults, res.elections, res.traffic = f.faults, f.epoch()-before, h.Traffic()
	t.Logf("seed %d: %d faults, %d elections, %+v", seed, res.faults, res.elections, res.traffic)
	if res.void = res.traffic.PerSecond < perSecondLeast; res.void {
		t.Errorf("void: %.0f operations per second show nothing, want %d", res.traffic.PerSecond, perSecondLeast)
	}
	if f.faults == 0 {
		t.Error("void: there was no fault")
	}
	begin := time.Now()
	if err := h.Check(f.c.Addresses()); err != nil {
		t.Error(err)
	}
	checked := time.Now()
	f.c.SameHistories()
	if err := h.CheckAgainst(f.c.History(f.c.Servers[0], "--json")); err != nil {
		t.Error(err)
	}
	t.Logf("checked in %.1f s, histories compared in %.1f s", checked.Sub(begin).Seconds(), time.Since(checked).Seconds())
}

// result is a row of the table in the end.
type result struct {
	number    int
	name      string
	faults    int
	elections int
	traffic   history.Traffic
	void      bool
	verdict   string
}

func (r *result) conclude(t *testing.T) {
	switch {
	case t.Skipped():
		r.verdict = "skipped"
	case r.void:
		r.verdict = "VOID"
	case t.Failed():
		r.verdict = "FAILED"
	default:
		r.verdict = "passed"
	}
}

type resultTable struct {
	mu    sync.Mutex
	rows  []*result
	notes []string
}

var results resultTable

func (r *resultTable) add(row *result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row)
}

// note adds a line below the table.
func (r *resultTable) note(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, line)
}

// print prints the table, if there is anything in it.
func (r *resultTable) print() {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() {
		for _, line := range r.notes {
			fmt.Println(line)
		}
	}()
	if len(r.rows) == 0 {
		return
	}
	slices.SortStableFunc(r.rows, func(a, b *result) int { return a.number - b.number })
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "no\tscenario\tseconds\toperations\tper second\tunknown\tfaults\telections\tlongest gap\tverdict")
	for _, x := range r.rows {
		fmt.Fprintf(w, "%d\t%s\t%.0f\t%d\t%.0f\t%d\t%d\t%d\t%v\t%s\n", x.number, x.name, x.traffic.Seconds, x.traffic.Answered, x.traffic.PerSecond,
			x.traffic.Unknown, x.faults, x.elections, x.traffic.LongestGap.Round(time.Millisecond), x.verdict)
	}
	w.Flush()
}

// require ends the test as skipped where something is missing.
func require(t *testing.T, missing string) {
	t.Helper()
	if missing != "" {
		t.Skipf("skipped: no %s", missing)
	}
}

// addDisk gives the next server a disk and returns where it is mounted.
func (f *field) addDisk() string {
	f.Helper()
	require(f.T, disks.Missing())
	var d *disks.Image
	if f.s.disk == hollow {
		var below string
		d, below = disks.NewHollow(f, 2*f.s.megabytes, f.s.megabytes)
		f.below = append(f.below, below)
	} else {
		d = disks.NewImage(f, f.s.megabytes)
	}
	f.disks = append(f.disks, d)
	return d.Dir
}

// prepare starts the servers on what the scenario needs.
func (f *field) prepare() {
	f.Helper()
	n := f.s.voters + f.s.observers
	var seats []processes.Seat
	switch {
	case f.s.link == loopback:
		seats = processes.Loopback(f, n)
	case *tierFlag > 1 || f.s.link == late:
		require(f.T, network.Missing())
		f.spaces = network.NewNamespaces(f, n, f.s.link == late)
		f.net, seats = f.spaces, f.spaces.Seats()
	default:
		p := network.NewProxies(f, n)
		f.net, seats = p, p.Seats()
	}
	for i := range seats {
		if i >= f.s.voters {
			seats[i].Words = "role=observer"
		}
		if f.s.disk != directory && *tierFlag > 1 {
			seats[i].Data = filepath.Join(f.addDisk(), "data")
		}
	}
	// Every client of a scenario comes from one address.
	f.c = processes.Lay(f, seats, strings.TrimLeft("max_client_connections = 0\n"+f.s.settings, "\n"))
	if *programFlag != "" {
		f.c.Program = *programFlag
	}
	if f.s.program != nil {
		f.c.Program = f.s.program(f.T)
	}
	for _, p := range f.c.Servers {
		f.c.Start(p)
	}
	f.c.AwaitServing(f.c.Servers...)
}
