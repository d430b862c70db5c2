package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// values are what one run of a measure gives to rows of the table.
type values map[string]float64

// moment says when a measure is taken.
type moment int

const (
	fresh  moment = iota // on the ensembles that stay up, before any load
	rounds               // on them, in every round
	after                // on them, when the rounds are over
	alone                // once, on ensembles of its own
)

// measure is one experiment.
type measure struct {
	id    string
	title string
	when  moment
	peers []string // that can do it; nil for all
	take  func(ctx context.Context, l *lab, peer string) ([]values, error)
}

// zooKeepers speak ZooKeeper's protocol.
var zooKeepers = []string{zabkeeper, zooKeeper}

// ours is measured without a peer.
var ours = []string{zabkeeper}

var measures = []measure{
	{id: "fresh", title: "resident memory of servers that have done nothing", when: fresh, take: takeFresh},
	{id: "set", title: "set, 50 connections x 10 in flight", when: rounds, take: loadOf("--workload", "set").giving(writeValues)},
	{id: "set-deep", title: "set, 50 x 100", when: rounds, take: loadOf("--workload", "set", "--in-flight", "100").giving(perSecond("set-deep"))},
	{id: "set-1k", title: "set of 1 KiB, 50 x 10", when: rounds, take: loadOf("--workload", "set", "--value", "1024").giving(perSecond("set-1k"))},
	{id: "create", title: "create, 200 x 10", when: rounds, peers: zooKeepers,
		take: loadOf("--workload", "create", "--connections", "200", "--in-flight", "10").giving(perSecond("create"))},
	{id: "get", title: "get, 50 x 10", when: rounds, take: loadOf("--workload", "get").giving(readValues)},
	{id: "get-wide", title: "get, 200 x 100", when: rounds,
		take: loadOf("--workload", "get", "--connections", "200", "--in-flight", "100").giving(perSecond("get-wide"))},
	{id: "list", title: "list of 100 children, 50 x 10", when: rounds, peers: zooKeepers,
		take: loadOf("--workload", "list", "--nodes", "100").giving(perSecond("list"))},
	{id: "mixed", title: "90 % get, 10 % set, 50 x 10", when: rounds, take: loadOf("--workload", "mixed").giving(perSecond("mixed"))},
	{id: "mixed-wide", title: "90 % get, 10 % set, 200 x 10", when: rounds,
		take: loadOf("--workload", "mixed", "--connections", "200").giving(perSecond("mixed-wide"))},
	{id: "latency", title: "set, one at a time", when: rounds, take: loadOf("--workload", "latency").giving(latencyValues)},
	{id: "watch", title: "1,000 watchers of one znode", when: rounds, peers: zooKeepers,
		take: loadOf("--workload", "watch", "--connections", "1000").giving(watchValues)},
	{id: "loaded", title: "resident memory after the load", when: after, take: takeLoaded},
	{id: "start", title: "cold start of empty servers", when: alone, take: takeStart},
	{id: "gap", title: "kill -9 of the leader", when: alone, take: takeGap},
	{id: "sessions", title: "many open sessions", when: alone, peers: zooKeepers, take: takeSessions},
	{id: "million", title: "1,000,000 znodes", when: alone, take: takeMillion},
	{id: "snapshot", title: "a snapshot of 1,000,000 znodes under load", when: alone, peers: ours, take: takeSnapshot},
	{id: "growth", title: "writes with more and more znodes", when: alone, peers: ours, take: takeGrowth},
	{id: "catch-up", title: "a follower that missed 1,000,000 transactions", when: alone, peers: ours, take: takeCatchUp},
	{id: "five", title: "five servers against three", when: alone, peers: ours, take: takeFive},
	{id: "sync-delay", title: "2 ms more for every sync", when: alone, peers: ours, take: takeSyncDelay},
}

// on reports whether a peer can do it.
func (m *measure) on(peer string) bool { return m.peers == nil || slices.Contains(m.peers, peer) }

// chosen are the measures of these ids, or those that these rows need; all of them
// for none.
func chosen(ids []string) ([]measure, error) {
	if len(ids) == 0 {
		return measures, nil
	}
	wanted := map[string]bool{}
	for _, id := range ids {
		if i := slices.IndexFunc(rows(), func(r tableRow) bool { return r.id == id }); i >= 0 {
			id = rows()[i].measure
		}
		if _, known := measureOf(id); !known {
			return nil, fmt.Errorf("no measure or row %q, choose some of %s", id, strings.Join(measureIDs(), ", "))
		}
		wanted[id] = true
	}
	return slices.DeleteFunc(slices.Clone(measures), func(m measure) bool { return !wanted[m.id] }), nil
}

func measureIDs() (ids []string) {
	for _, m := range measures {
		ids = append(ids, m.id)
	}
	return ids
}
