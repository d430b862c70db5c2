package bench

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrOptions is wrapped by every mistake in Options.
var ErrOptions = errors.New("bench: options")

// Workload says what a run asks of the servers.
type Workload string

// The workloads.
const (
	Set      Workload = "set"      // setData, every connection on nodes of its own
	Create   Workload = "create"   // create, every connection below a node of its own
	Get      Workload = "get"      // getData of random nodes
	List     Workload = "list"     // getChildren of one node
	Mixed    Workload = "mixed"    // getData and setData
	Latency  Workload = "latency"  // setData, one connection, one request at a time
	Watch    Workload = "watch"    // from a change to the last watcher's event
	Sessions Workload = "sessions" // open sessions and keep them alive
	Failover Workload = "failover" // writes while servers fail, looked up afterwards
	Fill     Workload = "fill"     // create nodes, and leave them
)

// Workloads are all of them, in the order in which they are explained.
var Workloads = []Workload{Set, Create, Get, List, Mixed, Latency, Watch, Sessions, Failover, Fill}

// Options say what to measure. WithDefaults fills in what is zero.
type Options struct {
	Servers  []string // host:port; connection i goes to server i modulo their number
	Parent   string   // where the run's node is made; empty for the root
	Workload Workload

	Connections    int // of Watch: watchers; of Sessions: sessions; of Failover: writers
	InFlight       int // requests under way on a connection
	Rate           int // requests per second over all connections; 0 for a closed loop
	Nodes          int // nodes that are used, or children that are listed
	ValueBytes     int
	Reads          float64       // Mixed: the share of reads
	Warmup         time.Duration // load that is not measured
	Duration       time.Duration // load that is
	SessionTimeout time.Duration
	RequestTimeout time.Duration // how long a server may say nothing before a connection gives up
	PIDs           []int         // of the servers, where they run on this machine
	Timeline       time.Duration // the steps in which answers are counted too; 0 for none

	// Progress is called twice a second while load is on; it may be nil.
	Progress func(Progress)
}

// Progress is what a run tells while it goes on.
type Progress struct {
	Step       string
	Done       float64 // share of the step's time
	Operations int64   // so far
	PerSecond  float64 // since the last call
}

// defaults that depend on the workload.
func (w Workload) defaults() Options {
	switch w {
	case Create:
		return Options{Connections: 200, InFlight: 10}
	case List:
		return Options{Connections: 50, InFlight: 10, Nodes: 100}
	case Latency:
		return Options{Connections: 1, InFlight: 1}
	case Watch:
		return Options{Connections: 1000, InFlight: 1}
	case Sessions:
		return Options{Connections: 1000, InFlight: 1}
	case Failover:
		return Options{Connections: 10, InFlight: 1, RequestTimeout: 2 * time.Second}
	case Fill:
		return Options{Connections: 20, InFlight: 1}
	default:
		return Options{Connections: 50, InFlight: 10}
	}
}

// WithDefaults fills in what is zero. Reads, Warmup and ValueBytes can be zero on
// purpose and stay.
func (o Options) WithDefaults() Options {
	d := o.Workload.defaults()
	setDefault(&o.Connections, d.Connections)
	setDefault(&o.InFlight, d.InFlight)
	setDefault(&o.Nodes, d.Nodes)
	setDefault(&o.Nodes, 1000)
	setDefault(&o.Duration, 5*time.Second)
	setDefault(&o.SessionTimeout, 30*time.Second)
	setDefault(&o.RequestTimeout, d.RequestTimeout)
	setDefault(&o.RequestTimeout, 30*time.Second)
	return o
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Limits of what can be asked for; beyond them it is a typing mistake.
const (
	connectionsMax = 100_000
	inFlightMax    = 1 << 14
	valueBytesMax  = 1_000_000
	nodesMax       = 1_000_000
	rateMax        = 10_000_000
)

// check reports every mistake at once.
func (o *Options) check() error {
	var wrong []string
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	refuse(len(o.Servers) == 0, "no servers")
	refuse(!slices.Contains(Workloads, o.Workload), "no workload %q, choose one of %s", o.Workload, workloadNames())
	refuse(o.Connections < 1 || o.Connections > connectionsMax, "connections are 1 to %d, not %d", connectionsMax, o.Connections)
	refuse(o.InFlight < 1 || o.InFlight > inFlightMax, "requests in flight are 1 to %d, not %d", inFlightMax, o.InFlight)
	refuse(o.ValueBytes < 0 || o.ValueBytes > valueBytesMax, "a value has 0 to %d bytes, not %d", valueBytesMax, o.ValueBytes)
	refuse(o.Nodes < 1 || o.Nodes > nodesMax, "nodes are 1 to %d, not %d", nodesMax, o.Nodes)
	refuse(o.Rate < 0 || o.Rate > rateMax, "the rate is 0 to %d a second, not %d", rateMax, o.Rate)
	refuse(!(o.Reads >= 0 && o.Reads <= 1), "the share of reads is 0 to 1, not %v", o.Reads)
	refuse(o.Duration <= 0, "the duration is more than nothing, not %v", o.Duration)
	refuse(o.Warmup < 0, "the warm-up is not negative, as %v is", o.Warmup)
	refuse(o.SessionTimeout < time.Second || o.SessionTimeout > time.Hour, "a session timeout is 1s to 1h, not %v", o.SessionTimeout)
	refuse(o.RequestTimeout <= 0, "the request timeout is more than nothing, not %v", o.RequestTimeout)
	refuse(o.Workload == Latency && (o.Connections != 1 || o.InFlight != 1 || o.Rate != 0),
		"latency is one connection with one request at a time; for others take set")
	refuse(o.Rate > 0 && !o.Workload.loop(), "%s has no rate", o.Workload)
	refuse(o.InFlight > 1 && !o.Workload.loop(), "%s has one request at a time on a connection", o.Workload)
	refuse(o.Timeline != 0 && o.Timeline < timelineStepLeast, "a step of the timeline is %v or more, not %v", timelineStepLeast, o.Timeline)
	refuse(o.Timeline > 0 && !o.Workload.loop(), "%s has no timeline", o.Workload)
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrOptions, strings.Join(wrong, "; "))
}

// loop reports whether the workload is requests in a loop, closed or open.
func (w Workload) loop() bool { return w != Watch && w != Sessions && w != Failover && w != Fill }

func workloadNames() string {
	var names []string
	for _, w := range Workloads {
		names = append(names, string(w))
	}
	return strings.Join(names, ", ")
}
