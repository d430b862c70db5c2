package main

import "fmt"

// tableRow is a line of the table.
type tableRow struct {
	id      string
	measure string
	title   string
	unit    string
	digits  int  // behind the point
	less    bool // the smaller the better
	target  target
}

// target is what a row is to reach: as a ratio to ZooKeeper's figure of the same
// run, or as a figure of its own. The zero target asks for nothing.
type target struct {
	ratio     bool
	must, aim float64 // aim 0: no more than must
}

func ratio(must, aim float64) target  { return target{ratio: true, must: must, aim: aim} }
func figure(must, aim float64) target { return target{must: must, aim: aim} }

// section is a part of the table.
type section struct {
	title string
	chart string // the name of its picture; empty for none
	rows  []tableRow
}

const perSecondUnit = "/s"

var sections = []section{
	{"Operations per second (connections x requests in flight)", "throughput", []tableRow{
		{id: "set", measure: "set", title: "set 50x10", unit: perSecondUnit, target: ratio(5, 8)},
		{id: "set-deep", measure: "set-deep", title: "set 50x100", unit: perSecondUnit, target: ratio(8, 20)},
		{id: "set-1k", measure: "set-1k", title: "set 50x10, 1 KiB", unit: perSecondUnit, target: ratio(4, 6)},
		{id: "create", measure: "create", title: "create 200x10", unit: perSecondUnit, target: ratio(5, 8)},
		{id: "get", measure: "get", title: "get 50x10", unit: perSecondUnit, target: ratio(5, 10)},
		{id: "get-wide", measure: "get-wide", title: "get 200x100", unit: perSecondUnit, target: ratio(8, 20)},
		{id: "list", measure: "list", title: "list of 100 children 50x10", unit: perSecondUnit, target: ratio(4, 8)},
		{id: "mixed", measure: "mixed", title: "90 % get, 10 % set 50x10", unit: perSecondUnit, target: ratio(5, 8)},
		{id: "mixed-wide", measure: "mixed-wide", title: "90 % get, 10 % set 200x10", unit: perSecondUnit, target: ratio(5, 8)},
	}},
	{"Latency", "latency", []tableRow{
		{id: "latency-p50", measure: "latency", title: "set, one at a time, p50", unit: "ms", digits: 3, less: true, target: ratio(0.6, 0)},
		{id: "latency-p99", measure: "latency", title: "set, one at a time, p99", unit: "ms", digits: 3, less: true, target: ratio(0.5, 0)},
		{id: "set-p99", measure: "set", title: "set 50x10, p99", unit: "ms", digits: 1, less: true, target: ratio(1.0/5, 1.0/12)},
		{id: "watch", measure: "watch", title: "1,000 watchers, change to last event", unit: "ms", digits: 2, less: true, target: ratio(1.0/3, 1.0/6)},
	}},
	{"What an operation costs, all servers together", "cost", []tableRow{
		{id: "cpu-write", measure: "set", title: "CPU of a write, set 50x10", unit: "µs", digits: 2, less: true, target: ratio(1.0/6, 0)},
		{id: "cpu-read", measure: "get", title: "CPU of a read, get 50x10", unit: "µs", digits: 2, less: true, target: ratio(1.0/6, 0)},
		{id: "disk-write", measure: "set", title: "disk bytes of a 100-byte write", unit: "B", less: true, target: ratio(1.0/2, 0)},
	}},
	{"Resident memory of a server", "memory", []tableRow{
		{id: "memory-fresh", measure: "fresh", title: "fresh", unit: "MB", digits: 1, less: true, target: figure(25, 15)},
		{id: "memory-load", measure: "loaded", title: "after the load", unit: "MB", digits: 1, less: true, target: figure(80, 50)},
		{id: "memory-million", measure: "million", title: "with 1,000,000 znodes", unit: "MB", digits: 1, less: true, target: figure(350, 220)},
		{id: "memory-session", measure: "sessions", title: "an idle session, all servers", unit: "KB", digits: 2, less: true, target: figure(8, 4)},
	}},
	{"Start and failover", "time", []tableRow{
		{id: "start-empty", measure: "start", title: "cold start to first write, empty", unit: "s", digits: 3, less: true, target: figure(1, 0.5)},
		{id: "start-million", measure: "million", title: "cold start to first write, 1,000,000 znodes", unit: "s", digits: 3, less: true, target: figure(3, 1.5)},
		{id: "gap", measure: "gap", title: "gap after kill -9 of the leader", unit: "s", digits: 3, less: true, target: figure(0.5, 0.25)},
		{id: "gap-million", measure: "million", title: "gap after kill -9 of the leader, 1,000,000 znodes", unit: "s", digits: 3, less: true, target: figure(0.5, 0.25)},
	}},
	{"Many sessions", "sessions", []tableRow{
		{id: "sessions-open", measure: "sessions", title: "sessions open", unit: ""},
		{id: "sessions-rate", measure: "sessions", title: "sessions opened", unit: perSecondUnit, target: ratio(4, 8)},
		{id: "sessions-without", measure: "sessions", title: "set 50x10 without them", unit: perSecondUnit},
		{id: "sessions-with", measure: "sessions", title: "set 50x10 beside them", unit: perSecondUnit},
		{id: "sessions-share", measure: "sessions", title: "beside / without", unit: "", digits: 2, target: figure(1, 0)},
	}},
	{"How cost grows", "growth", growthRows()},
}

func growthRows() []tableRow {
	var list []tableRow
	for _, n := range sizes {
		list = append(list, tableRow{id: fmt.Sprint("growth-", n), measure: "growth", title: fmt.Sprintf("set 50x10 of %s znodes", grouped(float64(n), 0)), unit: perSecondUnit})
	}
	return append(list,
		tableRow{id: "growth-flat", measure: "growth", title: "slowest / fastest of these", digits: 2, target: figure(0.8, 0)},
		tableRow{id: "three-set", measure: "five", title: "set 50x10, three servers", unit: perSecondUnit},
		tableRow{id: "five-set", measure: "five", title: "set 50x10, five servers", unit: perSecondUnit},
		tableRow{id: "three-cpu", measure: "five", title: "CPU of a write, three servers", unit: "µs", digits: 2, less: true},
		tableRow{id: "five-cpu", measure: "five", title: "CPU of a write, five servers", unit: "µs", digits: 2, less: true},
		tableRow{id: "catch-up", measure: "catch-up", title: "a follower catches up on 1,000,000 transactions", unit: perSecondUnit, target: figure(200_000, 0)},
		tableRow{id: "snapshot-dip", measure: "snapshot", title: "throughput lost during snapshots of 1,000,000 znodes", unit: "%", digits: 1, less: true, target: figure(15, 5)},
		tableRow{id: "snapshot-stall", measure: "snapshot", title: "longest stall during them", unit: "ms", less: true, target: figure(30, 10)},
		tableRow{id: "snapshot-seconds", measure: "snapshot", title: "time with a snapshot, of 30 s", unit: "s", digits: 1, less: true},
		tableRow{id: "sync-plain", measure: "sync-delay", title: "set 50x100, traced", unit: perSecondUnit},
		tableRow{id: "sync-slow", measure: "sync-delay", title: "set 50x100, traced, 2 ms more for every sync", unit: perSecondUnit},
		tableRow{id: "sync-share", measure: "sync-delay", title: "with / without the delay", digits: 2, target: figure(0.8, 0)},
	)
}

// rows are all lines of the table in order.
func rows() (list []tableRow) {
	for _, s := range sections {
		list = append(list, s.rows...)
	}
	return list
}

// The verdicts on a row.
const (
	aimMet   = "aim"
	mustMet  = "must"
	notMet   = "missed"
	noTarget = ""
)

// judge says how a figure, or a ratio, compares with the target.
func (r *tableRow) judge(v float64) string {
	met := func(bound float64) bool { return bound != 0 && (r.less && v <= bound || !r.less && v >= bound) }
	switch t := r.target; {
	case t.must == 0:
		return noTarget
	case met(t.aim):
		return aimMet
	case met(t.must):
		return mustMet
	}
	return notMet
}

// better reports whether a is better than b.
func (r *tableRow) better(a, b float64) bool { return r.less && a < b || !r.less && a > b }
