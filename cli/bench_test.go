package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/bench"
)

func TestBench(t *testing.T) {
	s, addr := newServer(t)
	args := []string{"bench", addr, "--workload", "mixed", "--connections", "2", "--nodes", "10", "--duration", "50ms", "--warmup", "0"}
	status, out, errs := run("", args...)
	if status != 0 || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	for _, want := range []string{"mixed        2 connections x 10 in flight, 90 % reads, 100 bytes on " + addr, "per second", "of writes    p50 "} {
		if !strings.Contains(out, want) {
			t.Errorf("got\n%s\nwant %q in it", out, want)
		}
	}
	status, out, _ = run("", append(args, "--json")...)
	var res bench.Result
	if err := json.Unmarshal([]byte(out), &res); err != nil || status != 0 || res.Operations == 0 || res.Workload != bench.Mixed {
		t.Errorf("status %d, %v:\n%s", status, err, out)
	}
	for _, left := range []string{"/bench-0000000000", "/bench-0000000001"} {
		if _, there := s.Data(left); there {
			t.Errorf("%s is still there", left)
		}
	}
}

func TestBenchExitStatus(t *testing.T) {
	s, addr := newServer(t)
	for _, c := range []struct {
		status int
		says   string
		args   []string
	}{
		{statusUsage, `no workload "sett"`, []string{addr, "-w", "sett"}},
		{statusUsage, "not host:port", []string{"a:b:c"}},
		{statusUsage, "watch has no rate", []string{addr, "-w", "watch", "-r", "5"}},
		{statusFailed, "create a node for the run below \"/no/parent/\": NONODE", []string{addr + "/no/parent"}},
	} {
		status, out, errs := run("", append([]string{"bench"}, c.args...)...)
		if status != c.status || out != "" || !strings.Contains(errs, c.says) {
			t.Errorf("%v: status %d, %s; want %d, %s", c.args, status, errs, c.status, c.says)
		}
	}
	s.Refuse(true)
	if status, _, errs := run("", "bench", addr); status != statusNoServers {
		t.Errorf("status %d without a server: %s", status, errs)
	}
}

func TestTheProgressLineFitsTheTerminal(t *testing.T) {
	var w bytes.Buffer
	width := 0
	p := &progressLine{w: &w, width: func() int { return width }}
	p.clear()
	if w.Len() != 0 {
		t.Errorf("cleared what was not shown: %q", w.String())
	}
	p.show(bench.Progress{Step: "set", Done: 0.5, Operations: 1234567, PerSecond: 1000})
	if want := "\r[##########..........] set, 1,234,567 done, 1,000 per second\x1b[K"; w.String() != want {
		t.Errorf("got %q, want %q", w.String(), want)
	}
	w.Reset()
	width = 10
	p.show(bench.Progress{Step: "set", Done: 7})
	if want := "\r[########\x1b[K"; w.String() != want {
		t.Errorf("got %q, want %q", w.String(), want)
	}
}
