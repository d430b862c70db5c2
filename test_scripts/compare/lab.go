package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/zabkeeper/zabkeeper/bench"
	"github.com/zabkeeper/zabkeeper/bench/process"
)

// lab is where the measures happen: the programs, the directory for all data, and
// the ensembles that stay up between rounds.
type lab struct {
	plan      plan
	dir       string
	zabkeeper string // the programs
	benchEtcd string
	known     map[string]*kind
	loaded    map[string]*ensemble // those that stay up, by peer
	made      int                  // ensembles so far
	others    []float64            // shares of the machine that others used, a load each
	say       io.Writer
}

// open builds the programs and makes a directory.
func openLab(ctx context.Context, p plan, say io.Writer) (*lab, error) {
	dir, err := os.MkdirTemp(p.data, "zabkeeper-compare")
	if err != nil {
		return nil, err
	}
	l := &lab{plan: p, dir: dir, zabkeeper: filepath.Join(dir, "zabkeeper"), benchEtcd: filepath.Join(dir, "bench_etcd"),
		loaded: map[string]*ensemble{}, say: say}
	l.known = l.kinds()
	err = build(ctx, p.root, l.zabkeeper)
	if err == nil && slices.Contains(p.peers, etcd) {
		err = build(ctx, filepath.Join(p.root, "test_scripts", "bench_etcd"), l.benchEtcd)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return l, nil
}

func build(ctx context.Context, module, out string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, ".")
	cmd.Dir, cmd.Env = module, append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", module, err, text)
	}
	return nil
}

// close ends what still runs and removes everything.
func (l *lab) close() error {
	for _, e := range l.loaded {
		e.end()
	}
	return os.RemoveAll(l.dir)
}

// ensemble makes one that does not run yet, with empty directories.
func (l *lab) ensemble(peer string, o options) (*ensemble, error) {
	l.made++
	return newEnsemble(l.known[peer], filepath.Join(l.dir, fmt.Sprintf("%s-%d", peer, l.made)), o)
}

// with runs do on an ensemble of its own, which serves, and removes it.
func (l *lab) with(ctx context.Context, peer string, o options, do func(e *ensemble) error) error {
	e, err := l.ensemble(peer, o)
	if err != nil {
		return err
	}
	if err = e.start(ctx); err == nil {
		err = do(e)
	}
	return errors.Join(err, e.remove())
}

// program is the load generator for an ensemble.
func (l *lab) program(e *ensemble) []string {
	if e.kind.name == etcd {
		return []string{l.benchEtcd}
	}
	return []string{l.zabkeeper, "bench"}
}

// loadEnd is how long a load generator has to clean up when it is told to stop.
const loadEnd = time.Minute

// load is a load generator that was started.
type load struct {
	cmd     *exec.Cmd
	out     bytes.Buffer
	err     bytes.Buffer
	servers []int // their processes
	before  time.Duration
	busy    time.Duration
	begin   time.Time
}

// begin starts a load on an ensemble.
func (l *lab) begin(ctx context.Context, e *ensemble, args ...string) (*load, error) {
	g := &load{servers: e.pids()}
	words := append(l.program(e), "--json", "--pids", joinInts(g.servers))
	words = append(append(words, args...), e.addresses())
	g.cmd = exec.CommandContext(ctx, words[0], words[1:]...)
	g.cmd.Stdout, g.cmd.Stderr = &g.out, &g.err
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	g.cmd.Cancel = func() error { return g.cmd.Process.Signal(syscall.SIGTERM) }
	g.cmd.WaitDelay = loadEnd
	g.before, g.busy, g.begin = cpuOf(g.servers), busyTime(), time.Now()
	return g, g.cmd.Start()
}

// end waits for the result, in which nothing may have gone wrong.
func (l *lab) end(g *load) (*bench.Result, error) {
	err := g.cmd.Wait()
	l.note(g)
	var r bench.Result
	if json.Unmarshal(g.out.Bytes(), &r) != nil || err != nil || len(r.Errors) > 0 {
		return nil, fmt.Errorf("%s: %w", strings.Join(g.cmd.Args[1:], " "), errors.Join(err, fmt.Errorf("%s %v", oneLine(g.err.String()), r.Errors)))
	}
	return &r, nil
}

// load puts load on an ensemble and returns what came of it.
func (l *lab) load(ctx context.Context, e *ensemble, args ...string) (*bench.Result, error) {
	g, err := l.begin(ctx, e, args...)
	if err != nil {
		return nil, err
	}
	return l.end(g)
}

// note takes down how much of the machine neither the servers nor the load used.
func (l *lab) note(g *load) {
	if g.cmd.ProcessState == nil {
		return
	}
	own := cpuOf(g.servers) - g.before + g.cmd.ProcessState.UserTime() + g.cmd.ProcessState.SystemTime()
	whole := time.Since(g.begin).Seconds() * float64(cores())
	l.others = append(l.others, max(0, (busyTime()-g.busy-own).Seconds()/whole))
}

// cpuOf is the CPU time of processes; of those that are gone it is nothing.
func cpuOf(pids []int) (sum time.Duration) {
	for _, pid := range pids {
		u, _ := process.Look(pid)
		sum += u.CPU
	}
	return sum
}

func joinInts(list []int) string {
	var words []string
	for _, n := range list {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, ",")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
