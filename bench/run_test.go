package bench

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/client/clienttest"
	"github.com/zabkeeper/zabkeeper/wire"
)

func TestEveryWorkload(t *testing.T) {
	for _, w := range Workloads {
		t.Run(string(w), func(t *testing.T) {
			s, servers := newServers(t, 3)
			res := mustRun(t, quick(w, servers))
			if timed := w != Fill; res.Operations == 0 || timed != (res.Latency != nil) || timed && res.Latency.Max < res.Latency.P50 || res.PerSecond <= 0 {
				t.Errorf("nothing was measured: %+v", res)
			}
			if len(res.Errors) != 0 {
				t.Errorf("errors: %v", res.Errors)
			}
			if both := res.ReadLatency != nil && res.WriteLatency != nil; both != (w == Mixed) {
				t.Errorf("reads %v, writes %v", res.ReadLatency, res.WriteLatency)
			}
			if (res.Watch != nil) != (w == Watch) || (res.Sessions != nil) != (w == Sessions) || (res.Failover != nil) != (w == Failover) {
				t.Errorf("a section of another workload: %+v", res)
			}
			if w != Fill {
				mustBeClean(t, s)
			}
		})
	}
}

func TestFillLeavesItsNodes(t *testing.T) {
	s, servers := newServers(t, 3)
	res := mustRun(t, quick(Fill, servers))
	if res.Operations != 1500 || res.Left != "/bench-0000000000" {
		t.Fatalf("%d nodes made, left %q", res.Operations, res.Left)
	}
	for _, path := range []string{"/d00000/n0000000", "/d00000/n0000999", "/d00001/n0001000", "/d00001/n0001499"} {
		if v, there := s.Data(res.Left + path); !there || len(v) != 20 {
			t.Errorf("%s: there %v, %d bytes", path, there, len(v))
		}
	}
	if _, there := s.Data(res.Left + "/d00001/n0001500"); there {
		t.Error("one node too many")
	}
}

// TestTheTimelineHasEveryAnswer compares the sum of its steps with the operations.
func TestTheTimelineHasEveryAnswer(t *testing.T) {
	_, servers := newServers(t, 1)
	o := quick(Set, servers)
	o.Timeline = 30 * time.Millisecond
	res := mustRun(t, o)
	if res.Timeline == nil || len(res.Timeline.Operations) != 4 || res.Timeline.StepMs != 30 || res.Timeline.StartUnixMicros == 0 {
		t.Fatalf("got %+v, want four steps", res.Timeline)
	}
	var sum int64
	for _, n := range res.Timeline.Operations {
		sum += n
	}
	if sum != res.Operations {
		t.Errorf("the timeline has %d answers, there were %d", sum, res.Operations)
	}
}

// TestWorkloadsAskForWhatTheySay looks at the requests that arrive.
func TestWorkloadsAskForWhatTheySay(t *testing.T) {
	for w, want := range map[Workload][]wire.OpCode{
		Set: {wire.OpSetData}, Get: {wire.OpGetData}, List: {wire.OpGetChildren}, Mixed: {wire.OpGetData, wire.OpSetData},
		Create: {wire.OpCreate}, Latency: {wire.OpSetData},
	} {
		s, servers := newServers(t, 1)
		var mu sync.Mutex
		seen := map[wire.OpCode]int{}
		paths := map[string]bool{}
		s.Decide(func(r clienttest.Request) clienttest.Action {
			mu.Lock()
			defer mu.Unlock()
			seen[r.Op]++
			if r.Op == wire.OpCreate && paths[r.Path] {
				t.Errorf("%s creates %s twice", w, r.Path)
			}
			paths[r.Path] = true
			return clienttest.Answer
		})
		res := mustRun(t, quick(w, servers))
		mu.Lock()
		n := int64(0)
		for _, op := range want {
			n += int64(seen[op])
		}
		if n < res.Operations {
			t.Errorf("%s: %d operations reported, %v arrived", w, res.Operations, seen)
		}
		mu.Unlock()
	}
}

// TestAStalledServerPaysForEveryRequest is the case of coordinated omission: the
// server says nothing for a while. All requests that should have begun meanwhile
// waited, however few of them the generator had under way.
func TestAStalledServerPaysForEveryRequest(t *testing.T) {
	const rate, stall = 1000, 400 * time.Millisecond
	s, servers := newServers(t, 1)
	var began atomic.Int64
	held := make(chan struct{})
	s.Decide(func(r clienttest.Request) clienttest.Action {
		if r.Op == wire.OpSetData {
			if began.CompareAndSwap(0, now()) {
				time.AfterFunc(stall, func() { close(held) })
			}
			<-held
		}
		return clienttest.Answer
	})
	o := Options{Servers: servers, Workload: Set, Connections: 1, Rate: rate, Nodes: 10, Duration: time.Second}
	res := mustRun(t, o)
	if res.Operations != rate {
		t.Errorf("%d operations measured, %d were to begin", res.Operations, rate)
	}
	// Those that were to begin in the first half of the stall waited for the
	// other half at least: a fifth of all.
	if half := float64((stall / 2).Microseconds()); res.Latency.Max < 2*half*0.99 || res.Latency.P90 < half*0.9 {
		t.Errorf("a stall of %v shows as p90 %v µs, most %v µs", stall, res.Latency.P90, res.Latency.Max)
	}
}

func TestRefusalsAndLostConnectionsAreCounted(t *testing.T) {
	s, servers := newServers(t, 1)
	var n atomic.Int64
	s.Decide(func(r clienttest.Request) clienttest.Action {
		if r.Op == wire.OpSetData && n.Add(1) == 50 {
			return clienttest.DropBefore
		}
		return clienttest.Answer
	})
	o := quick(Set, servers)
	res := mustRun(t, o)
	if res.Errors["connection lost"] != 1 || res.Operations == 0 {
		t.Errorf("errors %v after %d operations, want one connection lost", res.Errors, res.Operations)
	}
	mustBeClean(t, s)
}

func TestNothingMeasuredIsAnError(t *testing.T) {
	s, servers := newServers(t, 1)
	s.Decide(func(r clienttest.Request) clienttest.Action {
		if r.Op == wire.OpSetData {
			return clienttest.DropBefore
		}
		return clienttest.Answer
	})
	if _, err := Run(t.Context(), quick(Set, servers)); err == nil || !strings.Contains(err.Error(), "no request was answered") {
		t.Errorf("got %v", err)
	}
	mustBeClean(t, s)
}

func TestARunThatIsStoppedCleansUp(t *testing.T) {
	for _, w := range Workloads {
		s, servers := newServers(t, 2)
		ctx, cancel := context.WithCancel(t.Context())
		o := quick(w, servers)
		o.Duration = time.Hour
		o.Progress = func(p Progress) {
			if p.Operations > 0 {
				cancel()
			}
		}
		if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context canceled", w, err)
		}
		cancel()
		mustBeClean(t, s)
	}
}

func TestNoServer(t *testing.T) {
	s, servers := newServers(t, 1)
	s.Refuse(true)
	for _, w := range Workloads {
		if _, err := Run(t.Context(), quick(w, servers)); !errors.Is(err, ErrNoServer) {
			t.Errorf("%s: got %v", w, err)
		}
	}
}

func TestEveryMistakeIsSaidAtOnce(t *testing.T) {
	o := Options{Servers: []string{"x:1"}, Workload: "sett", Connections: -1, InFlight: 1 << 20, ValueBytes: -1, Nodes: -1, Rate: -1, Reads: 2,
		Duration: -1, Warmup: -1, SessionTimeout: 1, RequestTimeout: -1, Timeline: 1}
	_, err := Run(t.Context(), o)
	if !errors.Is(err, ErrOptions) || strings.Count(err.Error(), ";") != 11 {
		t.Errorf("got %v", err)
	}
	for _, o := range []Options{
		{Servers: []string{"x:1"}, Workload: Latency, Rate: 1}, {Servers: []string{"x:1"}, Workload: Watch, Rate: 1},
		{Servers: []string{"x:1"}, Workload: Sessions, InFlight: 2}, {Workload: Set},
		{Servers: []string{"x:1"}, Workload: Set, PIDs: []int{-5}},
	} {
		if _, err := Run(t.Context(), o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: got %v", o, err)
		}
	}
}

// TestJSONShape holds the names that programs rely on.
func TestJSONShape(t *testing.T) {
	_, servers := newServers(t, 1)
	o := quick(Mixed, servers)
	b, err := json.Marshal(mustRun(t, o))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "client_cpu_us_per_operation") // only where a tick of CPU was used
	var names []string
	for name := range got {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{"connections", "in_flight", "latency_us", "nodes", "operations", "per_second", "read_latency_us", "reads", "seconds",
		"servers", "value_bytes", "workload", "write_latency_us"}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("got  %v\nwant %v", names, want)
	}
	quantiles, _ := got["latency_us"].(map[string]any)
	for _, name := range []string{"mean", "p50", "p90", "p99", "p999", "max"} {
		if _, ok := quantiles[name].(float64); !ok {
			t.Errorf("latency_us has no %s: %v", name, quantiles)
		}
	}
}
