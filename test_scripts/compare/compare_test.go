package main

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/bench"
)

// TestOneRoundWithRealServers runs the whole program on three servers.
func TestOneRoundWithRealServers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, data := t.TempDir(), t.TempDir()
	var said strings.Builder
	err := runMain(ctx, []string{"--rounds", "1", "--seconds", "1", "--warm", "200ms", "--only", "set,get", "--peers", zabkeeper, "--out", out, "--data", data}, &said)
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	b, err := os.ReadFile(filepath.Join(out, "benchmarks", "latest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var p report
	if err := json.Unmarshal(b, &p); err != nil || len(p.Runs) != 2 {
		t.Fatalf("%v: %s", err, b)
	}
	for _, id := range []string{"set", "set-p99", "cpu-write", "disk-write", "get", "cpu-read"} {
		if s, there := p.row(id); !there || s.Medians[zabkeeper] <= 0 {
			t.Errorf("%s: there %v, %+v", id, there, s)
		}
	}
	page, err := os.ReadFile(filepath.Join(out, "benchmarks.md"))
	if err != nil || !strings.Contains(string(page), "| set 50x10 |") {
		t.Errorf("%v:\n%s", err, page)
	}
	if left, err := os.ReadDir(data); err != nil || len(left) > 0 {
		t.Errorf("%v: %v is left of the servers", err, left)
	}
}

// TestAFailureIsARunAndEndsNothing has a peer that cannot be started.
func TestAFailureIsARunAndEndsNothing(t *testing.T) {
	l := &lab{plan: plan{peers: []string{"broken", "fine"}, duration: time.Second}, dir: t.TempDir(), say: &strings.Builder{}}
	m := measure{id: "set", title: "set", take: func(_ context.Context, _ *lab, peer string) ([]values, error) {
		if peer == "broken" {
			return []values{{"set": 1}}, errors.New("it broke on the second round")
		}
		return []values{{"set": 5}, {"set": 6}}, nil
	}}
	var p report
	l.takeAll(t.Context(), &m, &p)
	if len(p.Runs) != 4 || p.Runs[0].Error != "" || p.Runs[1].Error == "" || p.Runs[1].Round != 2 || p.Runs[3].Values["set"] != 6 || p.Runs[3].Round != 2 {
		t.Errorf("got %+v", p.Runs)
	}
	ctx, cancel := context.WithCancel(t.Context())
	m.take = func(context.Context, *lab, string) ([]values, error) {
		cancel()
		return nil, context.Canceled
	}
	if l.takeAll(ctx, &m, &p); len(p.Runs) != 4 {
		t.Errorf("being told to stop is recorded as a failure: %+v", p.Runs[4:])
	}
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	k := &kind{name: "none", role: func(*server) string { return "" }, command: func(*ensemble, *server) ([]string, error) {
		return []string{"sh", "-c", "echo no disk left; exit 1"}, nil
	}}
	e, err := newEnsemble(k, filepath.Join(t.TempDir(), "e"), options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.start(t.Context()); !errors.Is(err, errEnded) || !strings.Contains(err.Error(), "no disk left") {
		t.Errorf("got %v", err)
	}
	if err := e.remove(); err != nil {
		t.Error(err)
	}
}

func TestSnapshotValues(t *testing.T) {
	// Ten steps of 10 ms from 1 s on; a snapshot from 1.030 to 1.055.
	line := &bench.Timeline{StartUnixMicros: 1_000_000, StepMs: 10, Operations: []int64{100, 100, 100, 50, 0, 0, 100, 100, 0, 0}}
	got, err := snapshotValues(line, []span{{1_030_000, 1_055_000}})
	if err != nil {
		t.Fatal(err)
	}
	// 50 in three steps, 500 in seven.
	if dip := 100 * (1 - (50.0/3)/(500.0/7)); math.Abs(got["snapshot-dip"]-dip) > 1e-9 || got["snapshot-stall"] != 20 || got["snapshot-seconds"] != 0.03 {
		t.Errorf("got %v, want a dip of %v", got, dip)
	}
	if _, err := snapshotValues(line, nil); !errors.Is(err, errNoSnapshot) {
		t.Errorf("without a snapshot: %v", err)
	}
	if _, err := snapshotValues(line, []span{{0, 2_000_000}}); !errors.Is(err, errNoRest) {
		t.Errorf("with one all the time: %v", err)
	}
	if _, err := snapshotValues(nil, nil); err == nil {
		t.Error("without a timeline there is a result")
	}
}

func TestFlatnessIsOfMedians(t *testing.T) {
	// The slowest run of all is not the slowest size.
	if got := flatness([][]float64{{100, 10, 110}, {80, 90, 85}, {95, 300, 94}}); got != 0.85 {
		t.Errorf("got %v, want 85 of 100", got)
	}
}
