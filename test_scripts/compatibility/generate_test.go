package compatibility

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

// generator makes programs out of a seed.
type generator struct {
	*rand.Rand
	seed    uint64
	xid     int32
	batches bool // several requests at once
	restart bool
	live    [slots]bool // as far as the generator can know
	ended   [slots]bool // the session was closed
}

// newProgram returns the steps of a seed. Some seeds send requests one at a time,
// others send many at once, and some restart the server in between.
func newProgram(seed uint64) []step {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 20261121)), seed: seed}
	g.batches = g.IntN(3) == 0
	g.restart = g.IntN(12) == 0
	program := g.prologue()
	n := 40 + g.IntN(80)
	restartAt := g.IntN(n)
	expireAt := -1
	if g.IntN(20) == 0 {
		expireAt = g.IntN(n)
	}
	for i := range n {
		switch {
		case g.restart && i == restartAt:
			program = append(program, step{kind: stepRestart}, step{kind: stepDump, slot: controlSlot})
			for s := range controlSlot {
				program = append(program, step{kind: stepReconnect, slot: s, timeoutMs: 20000})
			}
		case i == expireAt:
			program = append(program, step{kind: stepExpire, slot: g.IntN(controlSlot), unordered: true})
		}
		program = append(program, g.step()...)
	}
	program = append(program, step{kind: stepDump, slot: controlSlot})
	if seed%*differentialKills == 0 {
		program = append(program, g.aftermath()...)
	}
	return program
}

// aftermath kills both servers with everything in place, compares the whole trees
// that they read from their disks, and what their sessions still have.
func (g *generator) aftermath() []step {
	steps := []step{{kind: stepKill}, {kind: stepDump, slot: controlSlot}}
	for s := range controlSlot {
		steps = append(steps, step{kind: stepReconnect, slot: s, timeoutMs: 20000},
			step{kind: stepSend, slot: s, requests: []request{g.setWatches(s)}, unordered: true})
	}
	for range 10 {
		s := g.IntN(controlSlot) // watches go by the client that asks
		steps = append(steps, step{kind: stepSend, slot: s, requests: []request{g.request(s, true)}})
	}
	for s := range controlSlot { // the ephemerals of a session that was there before the kill
		steps = append(steps, step{kind: stepReconnect, slot: s, timeoutMs: 20000},
			step{kind: stepSend, slot: s, requests: []request{{xid: 1, op: wire.OpCloseSession, text: "closeSession"}}, unordered: true})
	}
	return append(steps, step{kind: stepDump, slot: controlSlot})
}

// prologue makes the base and connects everybody.
func (g *generator) prologue() []step {
	p := []step{{kind: stepConnect, slot: controlSlot, timeoutMs: 30000}}
	auth := wire.AuthPacket{Scheme: []byte("digest"), Auth: []byte(SuperPassword)}
	create := wire.CreateRequest{Path: []byte(base), Data: []byte("base"), ACL: openACL}
	p = append(p, step{kind: stepSend, slot: controlSlot, requests: []request{
		{xid: -4, op: wire.OpAuth, body: auth.Append(nil), text: "auth super"}}})
	p = append(p, step{kind: stepSend, slot: controlSlot, requests: []request{
		{xid: 1, op: wire.OpCreate, body: create.Append(nil), text: "create base"}}})
	if g.IntN(4) == 0 {
		p = append(p, g.quota()...)
	}
	for s := range controlSlot {
		p = append(p, step{kind: stepConnect, slot: s, timeoutMs: 20000})
		g.live[s] = true
	}
	// Some nodes to begin with, or most requests would meet none.
	for _, name := range []string{"/a", "/b", "/a/a", "/a/b", "/b/s1", "/s1", "/s1/a", "/a/a/b"} {
		if g.IntN(3) > 0 {
			path := base + name
			acl, text := g.acl(path)
			c := wire.CreateRequest{Path: []byte(path), Data: g.data(), ACL: acl}
			p = append(p, step{kind: stepSend, slot: g.IntN(controlSlot), requests: []request{
				{xid: g.nextXid(), op: wire.OpCreate2, body: c.Append(nil), text: fmt.Sprintf("create2 %q %s", path, text)}}})
		}
	}
	return p
}

// quota limits a subtree of the base, softly: ZooKeeper judges hard limits without
// the requests that are under way.
func (g *generator) quota() []step {
	limits := []string{"count=3,bytes=20", "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=-1", "count=2,bytes=5=;byteHardLimit=1000000;countHardLimit=30000"}
	path := quotaBase
	nodes := []struct{ path, data string }{{path, ""}}
	if g.IntN(2) == 0 {
		path += "/a"
		nodes = append(nodes, struct{ path, data string }{path, ""})
	}
	if g.IntN(4) > 0 {
		nodes = append(nodes, struct{ path, data string }{path + "/zookeeper_limits", limits[g.IntN(len(limits))]})
	}
	nodes = append(nodes, struct{ path, data string }{path + "/zookeeper_stats", "count=0,bytes=0"})
	var steps []step
	for _, n := range nodes {
		c := wire.CreateRequest{Path: []byte(n.path), Data: []byte(n.data), ACL: openACL}
		steps = append(steps, step{kind: stepSend, slot: controlSlot, requests: []request{
			{xid: g.nextXid(), op: wire.OpCreate, body: c.Append(nil), text: fmt.Sprintf("create %q %q", n.path, n.data)}}})
	}
	return steps
}

func (g *generator) step() []step {
	s := g.IntN(controlSlot)
	if !g.live[s] {
		return g.revive(s)
	}
	if g.IntN(14) == 0 {
		return g.sessionStep(s)
	}
	if g.IntN(60) == 0 {
		g.live[s] = false
		r := g.closer()
		r.ends = true
		return []step{{kind: stepSend, slot: s, requests: []request{r}}}
	}
	if g.IntN(25) == 0 {
		return []step{{kind: stepSend, slot: s, requests: []request{g.auth()}}}
	}
	n := 1
	if g.batches && g.IntN(2) == 0 {
		n = 2 + g.IntN(12)
	}
	var requests []request
	for range n {
		requests = append(requests, g.request(s, n == 1))
	}
	return []step{{kind: stepSend, slot: s, requests: requests}}
}

func (g *generator) revive(s int) []step {
	g.live[s] = true
	switch {
	case g.ended[s] && g.IntN(3) == 0: // the session is gone: refused
		g.live[s] = false
		return []step{{kind: stepReconnect, slot: s, timeoutMs: 20000}}
	case g.ended[s]:
		g.ended[s] = false
		return []step{{kind: stepConnect, slot: s, timeoutMs: 20000}}
	case g.IntN(6) == 0:
		g.live[s] = false
		return []step{{kind: stepWrongPassword, slot: s, timeoutMs: 20000}}
	case g.IntN(8) == 0:
		g.live[s] = false
		return []step{{kind: stepFuture, slot: s, timeoutMs: 20000}}
	}
	steps := []step{{kind: stepReconnect, slot: s, timeoutMs: 15000 + g.Int32N(20000)}}
	if g.IntN(2) == 0 {
		steps = append(steps, step{kind: stepSend, slot: s, requests: []request{g.setWatches(s)}})
	}
	return steps
}

func (g *generator) sessionStep(s int) []step {
	switch g.IntN(8) {
	case 0, 1, 2:
		g.live[s] = false
		return []step{{kind: stepDrop, slot: s}}
	case 3:
		steps := []step{{kind: stepSteal, slot: s, timeoutMs: 20000}}
		return append(steps, step{kind: stepSend, slot: s, requests: []request{g.setWatches(s)}})
	case 4:
		passwords := [][]byte{nil, {}, {1, 2}, make([]byte, 16), make([]byte, 40)}
		timeouts := []int32{0, 1, -5, 700, 29_999, 30_001, 1_000_000, math.MaxInt32, math.MinInt32}
		sessions := []int64{0, 0, 0, 0x1234, -1, math.MinInt64}
		return []step{{kind: stepProbe, slot: s, timeoutMs: timeouts[g.IntN(len(timeouts))], session: sessions[g.IntN(len(sessions))],
			password: passwords[g.IntN(len(passwords))], short: g.IntN(2) == 0}}
	default:
		g.live[s], g.ended[s] = false, true
		requests := []request{{xid: g.nextXid(), op: wire.OpCloseSession, text: "closeSession"}}
		if g.batches {
			requests = append([]request{g.request(s, false)}, requests...)
			if g.IntN(2) == 0 { // nothing behind a closeSession is answered or done
				requests = append(requests, g.request(s, false))
			}
		}
		return []step{{kind: stepSend, slot: s, requests: requests, unordered: true}}
	}
}

func (g *generator) nextXid() int32 {
	if g.IntN(40) == 0 {
		odd := []int32{0, -77, -2, -3, -4, -8, -9, math.MinInt32, math.MaxInt32}
		return odd[g.IntN(len(odd))]
	}
	g.xid++
	return g.xid
}

// closer returns a request after which a server closes the connection, or may.
func (g *generator) closer() request {
	unknown := []wire.OpCode{wire.OpNotification, 10, 23, 24, 99, 108, 109, 999, -2, -12, math.MaxInt32, math.MinInt32}
	switch g.IntN(5) {
	case 0:
		p := wire.AuthPacket{Scheme: []byte("nonesuch"), Auth: []byte("x")}
		return request{xid: -4, op: wire.OpAuth, body: p.Append(nil), text: "auth nonesuch"}
	case 1:
		p := wire.PathRequest{Path: []byte("/nowhere/at/all")}
		return request{xid: g.nextXid(), op: wire.OpDeleteContainer, body: p.Append(nil), text: "deleteContainer", tags: tagUnanswered}
	}
	op := unknown[g.IntN(len(unknown))]
	return request{xid: g.nextXid(), op: op, body: make([]byte, g.IntN(30)), text: fmt.Sprintf("operation %d", op)}
}

func (g *generator) auth() request {
	type credentials struct{ scheme, data string }
	all := []credentials{{"digest", "bob:pw"}, {"digest", "al:x"}, {"digest", "nocolon"}, {"digest", "a:b:c"}, {"digest", ""},
		{"digest", "bob:pw"}, {"ip", ""}, {"digest", SuperPassword}, {"digest", ":"}}
	c := all[g.IntN(len(all))]
	p := wire.AuthPacket{Type: int32(g.IntN(2)), Scheme: []byte(c.scheme), Auth: []byte(c.data)}
	return request{xid: wire.XidAuth, op: wire.OpAuth, body: p.Append(nil), text: fmt.Sprintf("auth %s %q", c.scheme, c.data)}
}

// names make a small tree, so that requests meet. Those that begin with s may be
// unreadable for some.
var names = []string{"a", "b", "c", "s1", "q-0000000000", "a", "b", "a", "b", "s1"}

func (g *generator) path() string {
	p := base
	for range []int{0, 1, 1, 1, 1, 2, 2, 3}[g.IntN(8)] {
		p += "/" + names[g.IntN(len(names))]
	}
	return p
}

var badPaths = []string{"a", base + "/", base + "//a", base + "/./a", base + "/a/..", base + "/a\x00b", base + "/\x01", base + "/\u0085",
	base + "/\U0001F600", base + "/\ue000", base + "/\ufff0", base + "/\uf900", "/nowhere/x", "/zookeeper", "/zookeeper/quota",
	"/zookeeper/config", "/", "//", base + "/.", base + "/...", base + "/a b", base + "/a/", "/\u009f", base + "/\x7f", "x/y", "./d"}

// anyPath is a path that may be bad.
func (g *generator) anyPath() string {
	if g.IntN(12) == 0 {
		return badPaths[g.IntN(len(badPaths))]
	}
	return g.path()
}

// secret paths may have an ACL without READ for everybody: exists does not ask
// for READ in 3.8.0, and events are not filtered.
func secret(path string) bool { return strings.Contains(path, "/s") }

// watchMode is how a client watches a path all through a program: in 3.8.0 the
// modes do not live side by side.
func (g *generator) watchMode(slot int, path string) int {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %d %s", g.seed, slot, path)
	return int(h.Sum64()>>7) % 5 // 3: persistent, 4: recursive, else one-shot
}

func (g *generator) version() int32 {
	all := []int32{-1, -1, -1, 0, 0, 1, 1, 2, 3, -2, math.MaxInt32, math.MinInt32}
	return all[g.IntN(len(all))]
}

func (g *generator) data() []byte {
	switch g.IntN(6) {
	case 0:
		return nil
	case 1:
		return []byte{}
	}
	return []byte(strings.Repeat("x", g.IntN(9)) + fmt.Sprint(g.xid))
}

var openACL = wire.NewACLs(wire.WorldAnyone(wire.PermAll))

const (
	bobDigest = "bob:ikIaKsbtGweaHnb/jKn7OHqbunM="
)

func entry(perms wire.Perms, scheme, id string) wire.ACL {
	return wire.ACL{Perms: perms, ID: wire.ID{Scheme: scheme, ID: id}}
}

// acl returns a list that is mostly open, sometimes narrow, sometimes invalid.
// Only secret paths may be unreadable.
func (g *generator) acl(path string) (wire.ACLs, string) {
	read := []wire.ACL{wire.WorldAnyone(wire.PermRead)}
	if secret(path) {
		read = nil
	}
	perms := wire.Perms(g.IntN(32))
	kinds := 24
	if secret(path) {
		kinds = 9
	}
	switch g.IntN(kinds) {
	case 0:
		return wire.NewACLs(append(read, entry(perms, "digest", bobDigest))...), fmt.Sprintf("bob %d", perms)
	case 1:
		return wire.NewACLs(append(read, entry(perms, "auth", ""))...), fmt.Sprintf("auth %d", perms)
	case 2:
		return wire.NewACLs(append(read, wire.WorldAnyone(perms))...), fmt.Sprintf("world %d", perms)
	case 3:
		return wire.NewACLs(append(read, entry(perms, "ip", "127.0.0.1"), entry(31, "ip", "10.0.0.0/8"))...), fmt.Sprintf("ip %d", perms)
	case 4:
		return wire.NewACLs(append(read, wire.WorldAnyone(31), wire.WorldAnyone(31), entry(255, "digest", "x:y"))...), "duplicates"
	case 5:
		bad := [][]wire.ACL{{}, {entry(31, "nonesuch", "x")}, {entry(31, "world", "bob")}, {entry(31, "digest", "a:b:c")},
			{entry(31, "digest", "nocolon")}, {entry(31, "ip", "1.2.3.4/33")}, {entry(31, "ip", "1.2.3")}, {entry(31, "super", "")},
			{entry(31, "", "")}, {entry(31, "world", "")}, {wire.WorldAnyone(31), entry(1, "sasl", "x")}, {entry(31, "x509", "CN=x")},
			{entry(31, "digest", "a:")}, {entry(31, "digest", ":b")}, {entry(31, "ip", "1.2.3.4/")}, {entry(31, "ip", "1.2.3.4/-1")},
			{entry(31, "ip", "")}, {entry(31, "digest", "")}, {entry(31, "ip", "1.2.3.256")}, {entry(31, "ip", "01.2.3.4")},
			{entry(31, "ip", "1.2.3.4/8/8")}, {entry(31, "ip", "host")}, {entry(31, "ip", "1.2.3.4/+8")}, {entry(31, "ip", "1.2.3.4/08")}}
		b := bad[g.IntN(len(bad))]
		if len(b) > 0 { // some of them are valid
			b = append(b, read...)
		}
		return wire.NewACLs(b...), fmt.Sprintf("acl %v", b)
	case 6:
		return wire.ACLs{}, "null acl"
	case 7:
		return wire.NewACLs(append(read, wire.WorldAnyone(31), entry(31, "ip", "127.0.0.0/8"))...), "ip net"
	}
	return openACL, ""
}
