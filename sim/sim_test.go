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
	modeFlag  = flag.String("mode", "", "run this mode only")
	seedsFlag = flag.Int("seeds", 15, "how many seeds to run in each mode")
)

func modes(t *testing.T) []Mode {
	t.Helper()
	if *modeFlag == "" {
		return Modes()
	}
	m, err := ParseMode(*modeFlag)
	if err != nil {
		t.Fatal(err)
	}
	return []Mode{m}
}

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
	for _, mode := range modes(t) {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			if *seedFlag != 0 {
				report(t, Run(*seedFlag, Options{Mode: mode}))
				return
			}
			var sum Result
			for seed := range *seedsFlag {
				r := Run(uint64(seed+1), Options{Mode: mode})
				report(t, r)
				sum.Seconds += r.Seconds
				sum.Writes += r.Writes
				sum.Established += r.Established
				sum.Crashes += r.Crashes
				sum.Installed += r.Installed
			}
			t.Logf("%.0f simulated seconds, %d answered operations, %d leaders, %d crashes, %d snapshots received",
				sum.Seconds, sum.Writes, sum.Established, sum.Crashes, sum.Installed)
			if sum.Writes == 0 || sum.Established == 0 || sum.Crashes == 0 {
				t.Error("nothing happened")
			}
		})
	}
}

func TestDeterminism(t *testing.T) {
	for _, mode := range Modes() {
		for seed := uint64(1); seed <= 2; seed++ {
			a, b := Run(seed, Options{Mode: mode}), Run(seed, Options{Mode: mode})
			if a.TraceHash != b.TraceHash {
				t.Errorf("seed %d mode %s: trace hashes %x and %x", seed, mode, a.TraceHash, b.TraceHash)
			}
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
		fields := strings.Fields(line)
		seed, err := strconv.ParseUint(fields[0], 10, 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		mode, err := ParseMode(fields[1])
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		report(t, Run(seed, Options{Mode: mode}))
	}
}
