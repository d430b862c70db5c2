package sim

import (
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run this seed only")
	seedsFlag = flag.Int("seeds", 25, "how many fresh seeds to run")
)

func report(t *testing.T, r Result) {
	t.Helper()
	if r.Err == nil {
		return
	}
	for _, line := range r.Trace[max(0, len(r.Trace)-80):] {
		t.Log(line)
	}
	t.Fatal(r.Err)
}

// covers: O02, O05, O06, O08
func TestSeeds(t *testing.T) {
	if *seedFlag != 0 {
		report(t, Run(*seedFlag, Options{}))
		return
	}
	var sum Result
	for seed := range *seedsFlag {
		r := Run(uint64(seed+1), Options{})
		report(t, r)
		sum.Seconds += r.Seconds
		sum.Writes += r.Writes
		sum.Established += r.Established
		sum.Crashes += r.Crashes
		sum.Installed += r.Installed
	}
	t.Logf("%.0f simulated seconds, %d answered operations, %d leaders, %d crashes, %d snapshots received",
		sum.Seconds, sum.Writes, sum.Established, sum.Crashes, sum.Installed)
}

func TestDeterminism(t *testing.T) {
	for seed := uint64(1); seed <= 3; seed++ {
		a, b := Run(seed, Options{}), Run(seed, Options{})
		if a.TraceHash != b.TraceHash {
			t.Errorf("seed %d: trace hashes %x and %x", seed, a.TraceHash, b.TraceHash)
		}
	}
}

// TestSeedsThatFailed replays what once went wrong.
func TestSeedsThatFailed(t *testing.T) {
	b, err := os.ReadFile("seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		seed, err := strconv.ParseUint(strings.Fields(line)[0], 10, 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		report(t, Run(seed, Options{}))
	}
}
