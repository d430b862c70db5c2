// Package network is what the servers of a cluster under test reach each other
// over, and what goes wrong on it.
//
// Proxies need nothing: every row of the node table points at a proxy in this
// process, and each server listens behind its proxies. A proxy reads the first
// frame of a connection, which says who dials.
//
// Namespaces need root: one network namespace a server, joined by a bridge, with
// nftables in each. Where packets have to be late there is a switch in this
// process instead of the bridge, which holds frames back: a stock kernel may lack
// netem, and a delay of packets, unlike one of a proxy, has TCP's own
// retransmissions and windows work at the longer round trip.
//
// What exists is named after the process that made it, is removed at the end of
// the test, and what an aborted run left is removed by the next one.
package network

import "github.com/zabkeeper/zabkeeper/test_scripts/processes"

// Port says which of the two ports of a server a cut concerns.
type Port int

// The ports of a server for others.
const (
	BothPorts Port = iota
	ServerPort
	LeaderPort
)

// Clients stands for all clients where a server's number is asked for.
const Clients = 0

// Cut is a direction in which nothing arrives: what server From sends to server
// To, on connections to one of their ports or to both.
type Cut struct {
	From, To int
	Port     Port
}

// Network is what servers reach each other over.
type Network interface {
	// Seats are where the servers run, by number.
	Seats() []processes.Seat
	// Set makes these the cuts that there are; without any, all is well again.
	Set(cuts ...Cut)
}

// Between cuts two servers from each other.
func Between(a, b int) []Cut { return []Cut{{From: a, To: b}, {From: b, To: a}} }

// Around cuts a server from all others of n.
func Around(id, n int) []Cut {
	var cuts []Cut
	for other := 1; other <= n; other++ {
		if other != id {
			cuts = append(cuts, Between(id, other)...)
		}
	}
	return cuts
}

// Except cuts every pair of n servers but those that stay linked.
func Except(n int, linked func(a, b int) bool) []Cut {
	var cuts []Cut
	for a := 1; a <= n; a++ {
		for b := a + 1; b <= n; b++ {
			if !linked(a, b) {
				cuts = append(cuts, Between(a, b)...)
			}
		}
	}
	return cuts
}
