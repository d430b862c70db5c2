package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		list []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 100}, 3}} {
		before := slices.Clone(c.list)
		if got := median(c.list); got != c.want || !slices.Equal(before, c.list) {
			t.Errorf("the median of %v is %v, want %v; afterwards %v", before, got, c.want, c.list)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Float64Range(-1e9, 1e9), 1, 30).Draw(t, "list")
		m, below, above := median(list), 0, 0
		for _, v := range list {
			if v < m {
				below++
			}
			if v > m {
				above++
			}
		}
		if 2*below > len(list) || 2*above > len(list) {
			t.Fatalf("%v has %d below and %d above %v", list, below, above, m)
		}
	})
}

func TestRatioOf(t *testing.T) {
	for _, c := range []struct {
		a, b []float64
		want float64
	}{
		{nil, []float64{1}, 0},
		{[]float64{1}, nil, 0},
		{[]float64{1}, []float64{0}, 0},
		{[]float64{10, 30, 20}, []float64{1, 10, 10}, 3}, // of the rounds: 10, 3, 2
		{[]float64{10, 30}, []float64{1, 10, 10}, 2},     // a round is missing: 20 to 10
	} {
		if got := ratioOf(c.a, c.b); got != c.want {
			t.Errorf("%v to %v is %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		less bool
		t    target
		v    float64
		want string
	}{
		{false, ratio(5, 8), 4.99, notMet}, {false, ratio(5, 8), 5, mustMet}, {false, ratio(5, 8), 7.9, mustMet}, {false, ratio(5, 8), 8, aimMet},
		{true, figure(25, 15), 25.1, notMet}, {true, figure(25, 15), 25, mustMet}, {true, figure(25, 15), 15, aimMet},
		{true, ratio(0.6, 0), 0.1, mustMet}, {true, ratio(0.6, 0), 0.61, notMet},
		{true, figure(15, 5), -3, aimMet}, // a dip that is a gain
		{false, target{}, 1, noTarget},
	} {
		r := tableRow{less: c.less, target: c.t}
		if got := r.judge(c.v); got != c.want {
			t.Errorf("%v with %+v, less is better %v: %q, want %q", c.v, c.t, c.less, got, c.want)
		}
	}
}

// sample is a report with a row that is met, one that is missed and one that failed.
func sample() *report {
	p := &report{Machine: machine{Date: "2026-01-02", Commit: "abc", CPU: "a <CPU>", Cores: 2, Versions: map[string]string{zooKeeper: "3.8", "java": `version "17"`}}}
	add := func(measure, peer string, round int, v values, failure string) {
		p.Runs = append(p.Runs, run{Measure: measure, Peer: peer, Round: round, At: "2026-01-02T03:04:05Z", Commit: "abc", Seconds: 5, Values: v, Error: failure})
	}
	for round := 1; round <= 3; round++ {
		add("set", zabkeeper, round, values{"set": float64(round) * 1e5, "set-p99": 10}, "")
		add("set", zooKeeper, round, values{"set": float64(round) * 1e4, "set-p99": 8}, "")
	}
	add("get", zabkeeper, 1, values{"get": 1e6}, "")
	add("get", zooKeeper, 1, nil, "it | `broke`\nquite")
	p.summarize()
	return p
}

func TestSummaries(t *testing.T) {
	p := sample()
	s, _ := p.row("set")
	if s.Medians[zabkeeper] != 2e5 || s.Ratio != 10 || s.Verdict != aimMet || !s.OfRatio {
		t.Errorf("set: %+v", s)
	}
	if s, _ := p.row("set-p99"); s.Ratio != 1.25 || s.Verdict != notMet {
		t.Errorf("set-p99: %+v", s)
	}
	if s, _ := p.row("get"); s.Ratio != 0 || s.Verdict != noTarget || s.Failed[zooKeeper] == "" {
		t.Errorf("get: %+v", s)
	}
	if _, there := p.row("create"); there {
		t.Error("a row that nobody measured is there")
	}
}

// TestJSONShape holds the names that programs rely on.
func TestJSONShape(t *testing.T) {
	path := filepath.Join(t.TempDir(), "latest.json")
	p := sample()
	if err := p.write(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Machine map[string]any
		Rows    []map[string]any
		Runs    []map[string]any
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	has := func(m map[string]any, names ...string) {
		t.Helper()
		for _, name := range names {
			if _, there := m[name]; !there {
				t.Errorf("no %q in %v", name, m)
			}
		}
	}
	has(got.Machine, "date", "commit", "cpu", "cores", "memory_gb", "kernel", "disk", "sync_ms", "open_files_max", "versions")
	has(got.Rows[0], "row", "title", "unit", "medians", "ratio", "must", "aim", "target_is_ratio", "verdict")
	has(got.Runs[0], "measure", "peer", "round", "at", "commit", "seconds", "others", "values")
	again, err := readReport(path)
	if err != nil || len(again.Runs) != len(p.Runs) || again.Rows[0].Ratio != p.Rows[0].Ratio {
		t.Errorf("%v: read back as %+v", err, again)
	}
}

func TestReadReport(t *testing.T) {
	dir := t.TempDir()
	if p, err := readReport(filepath.Join(dir, "none")); err != nil || len(p.Runs) != 0 {
		t.Errorf("%v, %+v", err, p)
	}
	if _, err := readReport(dir); err == nil {
		t.Error("a directory was read")
	}
}

func TestRunsOfMeasuresThatAreNotTakenAgainAreKept(t *testing.T) {
	earlier := sample()
	now := &report{Machine: earlier.Machine, Runs: make([]run, 0, 100)}
	now.Runs = append(now.Runs, run{Measure: "get", Peer: zabkeeper, Round: 1, Values: values{"get": 5}})
	kept := *now
	kept.keep(earlier)
	kept.summarize()
	if s, _ := kept.row("set"); s == nil || s.Ratio != 10 {
		t.Errorf("set: %+v", s)
	}
	if s, _ := kept.row("get"); s.Medians[zabkeeper] != 5 || s.Failed != nil {
		t.Errorf("get has runs of both: %+v", s)
	}
	if kept.Runs[0].Measure != "set" || now.Runs[0].Measure != "get" || len(now.Runs) != 1 {
		t.Errorf("order %q, the new runs alone now %+v", kept.Runs[0].Measure, now.Runs)
	}
	other := *now
	other.Machine.Cores++
	if other.keep(earlier); len(other.Runs) != 1 {
		t.Error("figures of another machine were kept")
	}
}

// TestTheTableIsWhole looks for slips in what is declared.
func TestTheTableIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		m, known := measureOf(r.measure)
		if seen[r.id] || !known {
			t.Errorf("row %q: seen before %v, measure %q known %v", r.id, seen[r.id], r.measure, known)
		}
		seen[r.id] = true
		if r.target.ratio && (!m.on(zooKeeper) || !m.on(zabkeeper)) {
			t.Errorf("row %q is to be a ratio, and %q is not measured on both", r.id, r.measure)
		}
		if harder := r.target.aim; harder != 0 && !r.better(harder, r.target.must) {
			t.Errorf("row %q: the aim %v is no harder than %v", r.id, harder, r.target.must)
		}
	}
	for _, id := range measureIDs() {
		if !slices.ContainsFunc(rows(), func(r tableRow) bool { return r.measure == id }) {
			t.Errorf("measure %q gives nothing to any row", id)
		}
	}
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"--only sett", `no measure or row "sett"`}, {"--peers redis", `no peer "redis"`}, {"--rounds 0", "at least one"}, {"--seconds 0.1", "at least one"}, {"x", "flags only"},
	} {
		var said strings.Builder
		if _, err := parse(t.Context(), strings.Fields(c.args), &said); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.args, err)
		}
	}
}

func TestChoosing(t *testing.T) {
	for ids, want := range map[string]int{"": len(measures), "get,set": 2, "set,cpu-write,set-p99": 1, "gap-million": 1, "memory-load,growth-flat": 2} {
		list, err := chosen(words(ids))
		if err != nil || len(list) != want {
			t.Errorf("%q: %v, %d measures, want %d", ids, err, len(list), want)
		}
	}
}
