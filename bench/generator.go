package bench

import (
	"math/rand/v2"

	"github.com/zabkeeper/zabkeeper/wire"
)

// generator makes the requests of one connection. It allocates nothing for a
// request.
type generator struct {
	work  Workload
	g     *ground
	rng   *rand.Rand
	first int // the connection's own nodes are first, first+step, ...
	step  int
	own   int
	reads float64
	next  []byte // the path of the next node to create; ends in digits
}

// createDigits is how many digits the name of a created node has.
const createDigits = 10

func newGenerator(g *ground, i int) *generator {
	o := g.o
	n := &generator{work: o.Workload, g: g, rng: rand.New(rand.NewPCG(uint64(i), 7)), step: o.Connections, reads: o.Reads}
	if len(g.paths) > 0 {
		n.first = i % len(g.paths)
		n.own = n.first
	}
	if o.Workload == Create {
		n.next = append([]byte(g.directory(i)), "/0000000000"...)
	}
	return n
}

// append appends the next request's frame and says whether it is a read.
func (n *generator) append(dst []byte, xid int32) (out []byte, read bool) {
	start := len(dst)
	dst = wire.BeginFrame(dst)
	switch {
	case n.work == Create:
		dst = n.create(dst, xid)
	case n.work == List:
		dst, read = n.list(dst, xid), true
	case n.work == Get || n.work == Mixed && n.rng.Float64() < n.reads:
		dst, read = n.get(dst, xid), true
	default:
		dst = n.set(dst, xid)
	}
	return wire.EndFrame(dst, start), read
}

func (n *generator) set(dst []byte, xid int32) []byte {
	q := wire.SetDataRequest{Path: n.g.paths[n.own], Data: n.g.value, Version: -1}
	if n.own += n.step; n.own >= len(n.g.paths) {
		n.own = n.first
	}
	return q.Append(wire.RequestHeader{Xid: xid, Op: wire.OpSetData}.Append(dst))
}

func (n *generator) get(dst []byte, xid int32) []byte {
	q := wire.PathWatchRequest{Path: n.g.paths[n.rng.IntN(len(n.g.paths))]}
	return q.Append(wire.RequestHeader{Xid: xid, Op: wire.OpGetData}.Append(dst))
}

func (n *generator) list(dst []byte, xid int32) []byte {
	dst = wire.RequestHeader{Xid: xid, Op: wire.OpGetChildren}.Append(dst)
	return wire.AppendBool(wire.AppendString(dst, n.g.root), false)
}

func (n *generator) create(dst []byte, xid int32) []byte {
	count(n.next[len(n.next)-createDigits:])
	q := wire.CreateRequest{Path: n.next, Data: n.g.value, ACL: openACL}
	return q.Append(wire.RequestHeader{Xid: xid, Op: wire.OpCreate}.Append(dst))
}

// count adds one to a number in decimal digits.
func count(digits []byte) {
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i]++; digits[i] <= '9' {
			return
		}
		digits[i] = '0'
	}
}
