package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// plan is what the command line says.
type plan struct {
	root     string // of the repository
	only     []string
	peers    []string
	rounds   int
	duration time.Duration
	warm     time.Duration
	out      string
	data     string // where the servers' data goes; empty for the system's choice
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := runMain(ctx, os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// runMain runs what the arguments ask for.
func runMain(ctx context.Context, args []string, say io.Writer) error {
	p, err := parse(ctx, args, say)
	if err != nil {
		return err
	}
	notes, err := readNotes(filepath.Join(p.root, "docs", "benchmarks", "notes.txt"))
	if err != nil {
		return err
	}
	earlier, err := readReport(filepath.Join(p.out, "benchmarks", "latest.json"))
	if err != nil {
		return err
	}
	// What is measured is written at once: hours of figures survive whatever ends
	// the run, and --only goes on from there.
	return compare(ctx, p, say, func(r report) error {
		r.keep(earlier)
		return publish(p.out, &r, notes)
	})
}

func parse(ctx context.Context, args []string, say io.Writer) (plan, error) {
	var p plan
	var only, peers string
	var seconds float64
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.SetOutput(say)
	f.StringVar(&only, "only", "", "measures or rows, with commas between: "+strings.Join(measureIDs(), ", ")+" (default all)")
	f.StringVar(&peers, "peers", strings.Join(peerNames, ","), "whom to measure")
	f.IntVar(&p.rounds, "rounds", 5, "how often")
	f.Float64Var(&seconds, "seconds", 5, "of load, each time")
	f.DurationVar(&p.warm, "warm", jvmWarmup, "load on every ensemble before that")
	f.StringVar(&p.out, "out", "", "where benchmarks.md and benchmarks/ are written (default: docs of the repository)")
	f.StringVar(&p.data, "data", "", "where the servers' data goes (default: the directory for temporary files)")
	if err := f.Parse(args); err != nil {
		return p, err
	}
	p.only, p.peers = words(only), words(peers)
	p.duration = time.Duration(seconds * float64(time.Second))
	for _, peer := range p.peers {
		if !slices.Contains(peerNames, peer) {
			return p, fmt.Errorf("no peer %q, choose some of %s", peer, strings.Join(peerNames, ", "))
		}
	}
	if _, err := chosen(p.only); err != nil {
		return p, err
	}
	if p.rounds < 1 || p.duration < time.Second/2 || p.warm < 0 || len(p.peers) == 0 || f.NArg() > 0 {
		return p, errors.New("there is at least one peer, one round and half a second, no negative warm-up, and flags only")
	}
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/zabkeeper/zabkeeper").Output()
	if err != nil {
		return p, fmt.Errorf("find the repository: %w", err)
	}
	p.root = strings.TrimSpace(string(root))
	if p.out == "" {
		p.out = filepath.Join(p.root, "docs")
	}
	return p, nil
}

func words(list string) (out []string) {
	for w := range strings.SplitSeq(list, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}
