package compatibility

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

var (
	differentialTime  = flag.Duration("differential.time", 0, "compare with random seeds for that long, instead of the fixed ones")
	differentialSeed  = flag.Uint64("differential.seed", 0, "compare this seed alone")
	differentialKills = flag.Uint64("differential.kills", 10, "kill both servers after every so many sequences")
)

// fixedSeeds are compared by default.
const fixedSeeds = 80

// failuresMax is how many differing seeds are shown.
const failuresMax = 4

func TestMain(m *testing.M) { processes.Main(m) }

// pair is the two servers that are compared.
type pair struct {
	reference, ours *Server
	seen            map[string]int // what zabkeeper answered, how often
}

func needZooKeeper(t *testing.T) {
	t.Helper()
	if ZooKeeperInstalled() {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("ZooKeeper is not installed; run test_scripts/clients/install_clients.sh")
	}
	t.Skip("ZooKeeper is not installed; test_scripts/clients/install_clients.sh installs it")
}

// memoryDir is a directory in memory where the system has one: nothing here is
// about disks.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "zabkeeper-compatibility") //nolint:usetesting // in memory, which t.TempDir is not
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func startZooKeeper(t *testing.T) *Server {
	t.Helper()
	needZooKeeper(t)
	return started(t)(StartZooKeeper(filepath.Join(memoryDir(t), "zookeeper"), processes.FreePorts(t, 1)[0], Configuration{}))
}

func startZabkeeper(t *testing.T) *Server {
	t.Helper()
	return started(t)(StartZabkeeper(processes.Binary, filepath.Join(memoryDir(t), "zabkeeper"), processes.FreePorts(t, 1)[0], Configuration{}))
}

func startEnsemble(t *testing.T) []*Server {
	t.Helper()
	return startEnsembleWith(t, 0)
}

func startEnsembleWith(t *testing.T, observers int) []*Server {
	t.Helper()
	all, err := StartEnsemble(processes.Binary, filepath.Join(memoryDir(t), "ensemble"), processes.FreePorts(t, EnsemblePorts), observers)
	for _, s := range all {
		t.Cleanup(s.Kill)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func started(t *testing.T) func(*Server, error) *Server {
	return func(s *Server, err error) *Server {
		t.Helper()
		if s != nil {
			t.Cleanup(s.Kill)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// TestDifferential compares zabkeeper with ZooKeeper.
func TestDifferential(t *testing.T) {
	p := &pair{reference: startZooKeeper(t), ours: startZabkeeper(t), seen: map[string]int{}}
	tolerated := map[string]int{}
	begin := time.Now()
	count, failures := 0, 0
	seeds := func(yield func(uint64) bool) {
		switch {
		case *differentialSeed != 0:
			yield(*differentialSeed)
		case *differentialTime != 0:
			for s := uint64(begin.UnixNano()); time.Since(begin) < *differentialTime && yield(s); s++ {
			}
		default:
			for s := uint64(1); s <= fixedSeeds && yield(s); s++ {
			}
		}
	}
	for seed := range seeds {
		count++
		if !p.compareSeed(t, seed, tolerated) {
			if failures++; failures == failuresMax {
				break
			}
		}
	}
	t.Logf("%d sequences compared in %s", count, time.Since(begin).Round(time.Second))
	for _, what := range slices.Sorted(maps.Keys(p.seen)) {
		t.Logf("%6d times: %s", p.seen[what], what)
	}
	for _, d := range intendedDifferences {
		t.Logf("%6d times: %s", tolerated[d.reason], d.reason)
	}
}

// compareSeed reports a difference, shrunk, and returns whether there was none.
func (p *pair) compareSeed(t *testing.T, seed uint64, tolerated map[string]int) bool {
	t.Helper()
	program := newProgram(seed)
	first := p.run(program, tolerated)
	if first.diff == nil {
		return true
	}
	again := p.run(program, map[string]int{})
	if again.diff == nil {
		t.Errorf("seed %d differed, once:\n%s", seed, transcript(program, &first))
		return false
	}
	small := p.shrink(program)
	out := p.run(small, map[string]int{})
	if out.diff == nil {
		small, out = program, again
	}
	t.Errorf("seed %d differs; repeat it with -differential.seed=%d\n%s", seed, seed, transcript(small, &out))
	return false
}

// outcome is what a program showed on both servers.
type outcome struct {
	reference, ours [][]observation
	diff            *difference
}

func (p *pair) run(program []step, tolerated map[string]int) outcome {
	var out outcome
	var errs [2]error
	var wg sync.WaitGroup
	wg.Go(func() { out.reference, errs[0] = run(p.reference, false, program) })
	wg.Go(func() { out.ours, errs[1] = run(p.ours, true, program) })
	wg.Wait()
	for i := range out.ours {
		for j := range out.ours[i] {
			if o := &out.ours[i][j]; o.what == "reply" {
				p.seen[o.req.op.String()+" "+o.reply.Err.Name()]++
			} else {
				p.seen[o.what]++
			}
		}
	}
	out.diff = compare(program, out.reference, out.ours, tolerated)
	for i, s := range []*Server{p.reference, p.ours} {
		if errs[i] == nil && s.Alive() {
			continue
		}
		out.diff = &difference{step: len(program) - 1, why: fmt.Sprintf("%s ended (%v): %s", s.Name, errs[i], s.LogTail())}
		s.Kill()
		_ = s.Start()
	}
	return out
}

// shrinkTimeMax bounds the search: a server that is silent makes it slow.
const shrinkTimeMax = time.Minute

// shrink leaves out what the difference does not need.
func (p *pair) shrink(program []step) []step {
	begin := time.Now()
	differs := func(candidate []step) bool {
		return time.Since(begin) < shrinkTimeMax && p.run(candidate, map[string]int{}).diff != nil
	}
	if d := p.run(program, map[string]int{}).diff; d != nil && d.step+1 < len(program) && differs(program[:d.step+1]) {
		program = program[:d.step+1]
	}
	for size := len(program) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(program); {
			candidate := slices.Concat(program[:at], program[at+size:])
			if differs(candidate) {
				program = candidate
			} else {
				at += size
			}
		}
	}
	for i := range program {
		for j := 0; j < len(program[i].requests) && len(program[i].requests) > 1; {
			candidate := slices.Clone(program)
			candidate[i].requests = slices.Concat(program[i].requests[:j], program[i].requests[j+1:])
			if differs(candidate) {
				program = candidate
			} else {
				j++
			}
		}
	}
	return program
}

// transcript tells a program with what both servers answered.
func transcript(program []step, out *outcome) string {
	var b strings.Builder
	for i := range program {
		if i > out.diff.step {
			break
		}
		fmt.Fprintf(&b, "%3d %s\n", i, &program[i])
		if i != out.diff.step && program[i].kind == stepDump {
			continue
		}
		for side, all := range [][][]observation{out.reference, out.ours} {
			if i >= len(all) {
				continue
			}
			for _, o := range all[i] {
				t := take(&o)
				fmt.Fprintf(&b, "      %-9s client %d: %s\n", []string{"ZooKeeper", "zabkeeper"}[side], o.slot, &t)
			}
		}
	}
	d := out.diff
	fmt.Fprintf(&b, "step %d, client %d: %s\n  ZooKeeper: %s\n  zabkeeper: %s\n", d.step, d.slot, d.why, d.reference, d.ours)
	return b.String()
}
