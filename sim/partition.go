package sim

import (
	"math/rand/v2"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// shape is how a partition separates servers.
type shape int

const (
	oneAlone  shape = iota
	twoHalves       // any two groups
	hub             // everybody reaches one server, and nobody else
	chain           // everybody reaches the next
	ring            // the chain, closed
	bridge          // two halves with one server that reaches both
	oneWayOne       // one single direction
)

const shapes = int(oneWayOne) + 1

// partition cuts the network in one of several shapes, on one port or both.
func (n *network) partition(r *rand.Rand) {
	n.heal()
	which := []port{electionPort, leaderPort}
	switch r.IntN(4) {
	case 0:
		which = which[:1]
	case 1:
		which = which[1:]
	default: // both
	}
	count := zxid.ServerID(len(n.w.servers))
	cutter := cutter{shape: shape(r.IntN(shapes)), oneWay: r.IntN(3) == 0, count: count,
		lone: 1 + zxid.ServerID(r.IntN(int(count))), other: 1 + zxid.ServerID(r.IntN(int(count)))}
	for range count + 1 {
		cutter.group = append(cutter.group, r.IntN(2) == 0)
	}
	for a := zxid.ServerID(1); a <= count; a++ {
		for b := zxid.ServerID(1); b <= count; b++ {
			if a == b || !cutter.cuts(a, b) {
				continue
			}
			for _, p := range which {
				n.cut[p][way{a, b}] = true
			}
		}
	}
}

type cutter struct {
	shape       shape
	oneWay      bool
	count       zxid.ServerID
	lone, other zxid.ServerID
	group       []bool
}

// cuts reports whether messages from a to b are lost.
func (c *cutter) cuts(a, b zxid.ServerID) bool {
	apart := c.group[a] && !c.group[b] || !c.oneWay && c.group[b] && !c.group[a]
	switch c.shape {
	case oneAlone:
		return a == c.lone || b == c.lone && !c.oneWay
	case twoHalves:
		return apart
	case hub:
		return a != c.lone && b != c.lone
	case chain:
		return a != b+1 && b != a+1
	case ring:
		return a%c.count+1 != b && b%c.count+1 != a
	case bridge:
		return apart && a != c.lone && b != c.lone
	case oneWayOne:
		return a == c.lone && b == c.other
	}
	return false
}
