package main

import (
	"strings"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/bench"
)

func TestQuantiles(t *testing.T) {
	if quantiles(nil) != nil {
		t.Error("nothing has quantiles")
	}
	var took []time.Duration
	for i := 1000; i > 0; i-- {
		took = append(took, time.Duration(i)*time.Microsecond)
	}
	want := bench.Quantiles{Mean: 500.5, P50: 501, P90: 901, P99: 991, P999: 1000, Max: 1000}
	if got := quantiles(took); *got != want {
		t.Errorf("got %+v, want %+v", *got, want)
	}
}

func TestCommandLines(t *testing.T) {
	o, err := parse(strings.Fields("--json --pids 7,8 --workload latency --warmup 0 --duration 1s a:1,b:2"))
	if err != nil || o.connections != 1 || o.inFlight != 1 || len(o.servers) != 2 || len(o.pids) != 2 || o.warmup != 0 || o.duration != time.Second {
		t.Errorf("%v, %+v", err, o)
	}
	for _, args := range []string{"", "--workload list a:1", "--pids x a:1", "--nodes 0 a:1", "a:1 b:1"} {
		if o, err := parse(strings.Fields(args)); err == nil {
			t.Errorf("%q is taken: %+v", args, o)
		}
	}
}

func TestTheLongestGap(t *testing.T) {
	begin := time.Now()
	g := &gap{begin: begin, last: begin}
	for _, ms := range []int{5, 10, 60, 61, 100} {
		g.until(begin.Add(time.Duration(ms) * time.Millisecond))
	}
	if g.longest != 50*time.Millisecond || g.longestAt.Sub(begin) != 10*time.Millisecond {
		t.Errorf("%v at %v", g.longest, g.longestAt.Sub(begin))
	}
	g.note(false)
	if g.unanswered != 1 || g.acknowledged != 0 {
		t.Errorf("%+v", g)
	}
}
