package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/zabkeeper/zabkeeper/bench"
)

// benchText is a result for people.
func benchText(r *bench.Result) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	line(string(r.Workload), "%s on %s", benchLoad(r), strings.Join(r.Servers, ","))
	line(benchUnit(r.Workload), "%s in %.1f s, %s per second", grouped(r.Operations), r.Seconds, grouped(int64(r.PerSecond)))
	quantiles := func(name string, q *bench.Quantiles) {
		if q != nil {
			line(name, "p50 %s, p90 %s, p99 %s, p99.9 %s, most %s", span(q.P50), span(q.P90), span(q.P99), span(q.P999), span(q.Max))
		}
	}
	quantiles("latency", r.Latency)
	quantiles("of reads", r.ReadLatency)
	quantiles("of writes", r.WriteLatency)
	if w := r.Watch; w != nil {
		quantiles("of an event", w.Event)
		line("changes", "%d; latency is from a change to its last event", w.Rounds)
	}
	if s := r.Sessions; s != nil {
		line("kept alive", "%.1f s, %d lost; then closed at %s per second", s.HeldSeconds, s.Lost, grouped(int64(s.ClosedPerSecond)))
		if s.KBPerSession > 0 {
			line("a session", "%.1f KB resident and %.2f µs of CPU a second, over all servers", s.KBPerSession, s.HeldCPU)
		}
	}
	if r.Left != "" {
		line("left", "%s, which deleteall removes", r.Left)
	}
	if f := r.Failover; f != nil {
		line("longest gap", "%.1f ms without an acknowledged write, %.2f s after the start", f.LongestGapMs, f.GapAtSeconds)
		line("writes", "%s acknowledged, %d lost, %d without an answer", grouped(f.Acknowledged), f.Lost, f.Unanswered)
		line("writers", "%d reconnections, %d sessions expired", f.Reconnections, f.ExpiredSession)
		line("looked up on", "%s", strings.Join(f.Checked, ","))
		if len(f.Unchecked) > 0 {
			line("not on", "%s, which did not come back in time", strings.Join(f.Unchecked, ","))
		}
	}
	if u := r.Use; u != nil {
		line("servers", "%.2f µs of CPU and %.0f disk bytes per operation; %v MB resident", u.CPUPerOperation, u.DiskBytesPerOperation, u.ResidentMB)
		if len(u.Ended) > 0 {
			line("", "processes %v ended and are not counted", u.Ended)
		}
	}
	if r.ClientCPU > 0 {
		line("this client", "%.2f µs of CPU per operation", r.ClientCPU)
	}
	if len(r.Errors) > 0 {
		line("errors", "%s", benchErrors(r))
	}
	return b.String()
}

// benchLoad says in words what was asked.
func benchLoad(r *bench.Result) string {
	switch r.Workload {
	case bench.Watch:
		return fmt.Sprintf("%d watchers of %d bytes", r.Connections, r.ValueBytes)
	case bench.Sessions:
		return fmt.Sprintf("%d sessions", r.Connections)
	case bench.Fill:
		return fmt.Sprintf("%d nodes of %d bytes", r.Nodes, r.ValueBytes)
	case bench.Failover:
		return fmt.Sprintf("%d writers of %d bytes", r.Connections, r.ValueBytes)
	default:
	}
	load := fmt.Sprintf("%d connections x %d in flight", r.Connections, r.InFlight)
	if r.Rate > 0 {
		load = fmt.Sprintf("%d connections, %s a second", r.Connections, grouped(int64(r.Rate)))
	}
	if r.Workload == bench.Mixed {
		load += fmt.Sprintf(", %.0f %% reads", 100*r.Reads)
	}
	if r.Workload == bench.List {
		return fmt.Sprintf("%s, %d children", load, r.Nodes)
	}
	return fmt.Sprintf("%s, %d bytes", load, r.ValueBytes)
}

func benchUnit(w bench.Workload) string {
	switch w {
	case bench.Watch:
		return "events"
	case bench.Sessions:
		return "opened"
	default:
		return "operations"
	}
}

func benchErrors(r *bench.Result) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(r.Errors)) {
		list = append(list, fmt.Sprintf("%d x %s", r.Errors[name], name))
	}
	return strings.Join(list, ", ")
}

// span is a time given in microseconds, in a unit that suits it.
func span(us float64) string {
	switch {
	case us < 1000:
		return fmt.Sprintf("%.0f µs", us)
	case us < 1e6:
		return fmt.Sprintf("%.1f ms", us/1e3)
	}
	return fmt.Sprintf("%.2f s", us/1e6)
}

// grouped is a number with commas.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// progressLine is one line of a terminal that is written over and over.
type progressLine struct {
	w     io.Writer
	width func() int
	shown bool
}

// barCells is the length of the bar.
const barCells = 20

func (p *progressLine) show(g bench.Progress) {
	full := int(min(max(g.Done, 0), 1) * barCells)
	line := fmt.Sprintf("[%s%s] %s", strings.Repeat("#", full), strings.Repeat(".", barCells-full), g.Step)
	if g.Operations > 0 {
		line += ", " + grouped(g.Operations) + " done"
	}
	if g.PerSecond > 0 {
		line += ", " + grouped(int64(g.PerSecond)) + " per second"
	}
	if width := p.width(); width > 0 && utf8.RuneCountInString(line) >= width {
		line = string([]rune(line)[:width-1])
	}
	_, _ = fmt.Fprintf(p.w, "\r%s\x1b[K", line)
	p.shown = true
}

func (p *progressLine) clear() {
	if p.shown {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
	}
}
