package compatibility

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

// request returns one request of any kind that leaves the connection open. Only
// one that is sent alone may be a setACL: ZooKeeper judges what is right behind it
// by the old ACL.
func (g *generator) request(slot int, alone bool) request {
	var r request
	switch k := g.IntN(100); {
	case k < 22:
		r = g.create()
	case k < 30:
		r = g.delete()
	case k < 40:
		r = g.setData()
	case k < 45 && alone:
		r = g.setACL()
	case k < 62:
		r = g.read(slot)
	case k < 72:
		r = g.multi()
	case k < 76:
		r = g.multiRead()
	case k < 88:
		r = g.watchRequest(slot)
	default:
		r = g.plain()
	}
	r.xid = g.nextXid()
	if g.IntN(40) == 0 && len(r.body) > 0 && r.relative == relativeNone {
		r.body = r.body[:g.IntN(len(r.body))]
		r.text += fmt.Sprintf(" (cut to %d bytes)", len(r.body))
		r.tags |= tagTruncated
	} else if g.IntN(50) == 0 && len(r.body) >= 4 && r.relative == relativeNone && r.op != wire.OpAddWatch {
		// Not addWatch: a watch without a path keeps ZooKeeper from ever closing the connection.
		first := []int32{-1, -1, -2, math.MinInt32, math.MaxInt32, 1 << 20}[g.IntN(6)]
		binary.BigEndian.PutUint32(r.body, uint32(first))
		r.text += fmt.Sprintf(" (beginning with %d)", first)
	} else if g.IntN(50) == 0 {
		r.body = append(r.body, make([]byte, 1+g.IntN(9))...)
		r.text += " (with bytes behind)"
	}
	return r
}

func (g *generator) createRecord() (op wire.OpCode, c wire.CreateRequest, text string) {
	ops := []wire.OpCode{wire.OpCreate, wire.OpCreate, wire.OpCreate2, wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL}
	op = ops[g.IntN(len(ops))]
	path := g.anyPath()
	if g.IntN(3) == 0 { // in a place that most likely is there
		path = base + "/" + names[g.IntN(3)]
	}
	flags := []wire.CreateFlags{0, 0, 0, 0, 1, 1, 2, 3}[g.IntN(8)]
	switch op {
	case wire.OpCreateContainer:
		flags = []wire.CreateFlags{4, 4, 4, 0}[g.IntN(4)]
	case wire.OpCreateTTL:
		flags = []wire.CreateFlags{5, 5, 6}[g.IntN(3)]
		c.TTLMs = []int64{20_000_000, 1<<40 - 1, 1 << 40, 0, -1, math.MinInt64, math.MaxInt64}[g.IntN(7)]
	}
	if g.IntN(25) == 0 && op != wire.OpCreateTTL {
		flags = []wire.CreateFlags{7, -1, 5, 6, 8, math.MaxInt32}[g.IntN(6)]
	}
	if flags.Sequential() {
		path = g.sequentialPath(path)
	}
	c.Path, c.Data, c.Flags = []byte(path), g.data(), flags
	var acl string
	c.ACL, acl = g.acl(path)
	return op, c, fmt.Sprintf("%s %q %q flags %d ttl %d %s", op, path, c.Data, flags, c.TTLMs, acl)
}

// sequentialPath makes sure that the number does not make a name beside the base.
func (g *generator) sequentialPath(path string) string {
	if !strings.HasPrefix(path, base+"/") {
		path = base + "/" + names[g.IntN(len(names))]
	}
	return path + []string{"/q-", "/q-", "/", "-", ""}[g.IntN(5)]
}

func (g *generator) create() request {
	op, c, text := g.createRecord()
	r := request{op: op, text: text, body: c.Append(nil)}
	if op == wire.OpCreateTTL {
		r.body = c.AppendTTL(nil)
	}
	return r
}

func (g *generator) delete() request {
	p := wire.PathVersionRequest{Path: []byte(g.anyPath()), Version: g.version()}
	if string(p.Path) == base {
		p.Path = []byte(base + "/a")
	}
	return request{op: wire.OpDelete, body: p.Append(nil), text: fmt.Sprintf("delete %q version %d", p.Path, p.Version)}
}

func (g *generator) setData() request {
	p := wire.SetDataRequest{Path: []byte(g.writePath()), Data: g.data(), Version: g.version()}
	return request{op: wire.OpSetData, body: p.Append(nil), text: fmt.Sprintf("setData %q %q version %d", p.Path, p.Data, p.Version)}
}

// writePath keeps away from the nodes above the base, which outlive a program,
// and from the configuration, which nobody can write here.
func (g *generator) writePath() string {
	for {
		if p := g.anyPath(); p != "/" && p != "/zookeeper" && p != "/zookeeper/quota" && p != "/zookeeper/config" {
			return p
		}
	}
}

func (g *generator) setACL() request {
	path := g.writePath()
	if path == base {
		path = base + "/a"
	}
	acl, text := g.acl(path)
	p := wire.SetACLRequest{Path: []byte(path), ACL: acl, Version: g.version()}
	return request{op: wire.OpSetACL, body: p.Append(nil), text: fmt.Sprintf("setACL %q version %d %s", path, p.Version, text)}
}

func (g *generator) read(slot int) request {
	ops := []wire.OpCode{wire.OpExists, wire.OpExists, wire.OpGetData, wire.OpGetData, wire.OpGetChildren, wire.OpGetChildren2}
	op := ops[g.IntN(len(ops))]
	p := wire.PathWatchRequest{Path: []byte(g.anyPath()), Watch: g.IntN(2) == 0}
	var tags tag
	if g.IntN(50) == 0 {
		p.Path, p.Watch, tags = []byte{}, false, tagEmptyPath
	}
	if path := string(p.Path); g.watchMode(slot, path) > 2 || op == wire.OpExists && secret(path) {
		p.Watch = false
	}
	return request{op: op, body: p.Append(nil), text: fmt.Sprintf("%s %q watch %v", op, p.Path, p.Watch), tags: tags}
}

func (g *generator) plain() request {
	switch g.IntN(8) {
	case 0:
		return request{op: wire.OpPing, text: "ping"}
	case 1:
		return request{op: wire.OpWhoAmI, text: "whoAmI"}
	case 2:
		paths := []string{"", " ", "/", " / ", base, base + "/a", base + "/e", "d"}
		p := wire.PathRequest{Path: []byte(paths[g.IntN(len(paths))])}
		if g.IntN(8) == 0 {
			p.Path = nil
		}
		return request{op: wire.OpGetEphemerals, body: p.Append(nil), text: fmt.Sprintf("getEphemerals %q", p.Path)}
	case 3:
		p := wire.PathRequest{Path: []byte(g.anyPath())}
		return request{op: wire.OpGetAllChildrenNumber, body: p.Append(nil), text: fmt.Sprintf("getAllChildrenNumber %q", p.Path)}
	case 4:
		p := wire.PathRequest{Path: []byte(g.anyPath())}
		return request{op: wire.OpSync, body: p.Append(nil), text: fmt.Sprintf("sync %q", p.Path)}
	case 5:
		p := wire.ReconfigRequest{Joining: []byte("server.2=x"), ConfigID: -1}
		return request{op: wire.OpReconfig, body: p.Append(nil), text: "reconfig"}
	}
	p := wire.PathRequest{Path: []byte(g.anyPath())}
	return request{op: wire.OpGetACL, body: p.Append(nil), text: fmt.Sprintf("getACL %q", p.Path)}
}

func (g *generator) watchRequest(slot int) request {
	path := g.path()
	mode := g.watchMode(slot, path)
	switch g.IntN(5) {
	case 0:
		return g.setWatches(slot)
	case 1, 2:
		p := wire.PathModeRequest{Path: []byte(path), Mode: int32(mode - 3)}
		var tags tag
		switch {
		case g.IntN(12) == 0:
			p.Mode = []int32{2, -1, math.MaxInt32}[g.IntN(3)]
		case g.IntN(20) == 0:
			p.Path, p.Mode, tags = []byte([]string{"a", base + "/", base + "//a", ""}[g.IntN(4)]), 0, tagBadWatchPath
		case mode < 3:
			return g.read(slot)
		}
		return request{op: wire.OpAddWatch, body: p.Append(nil), text: fmt.Sprintf("addWatch %q mode %d", p.Path, p.Mode), tags: tags}
	}
	op := []wire.OpCode{wire.OpCheckWatches, wire.OpRemoveWatches}[g.IntN(2)]
	kind := []int32{1, 2, 3, 1, 2, 3, 0, 6, -1}[g.IntN(9)]
	if mode >= 3 && kind < 3 && kind > 0 {
		kind = 3
	}
	p := wire.PathModeRequest{Path: []byte(path), Mode: kind}
	return request{op: op, body: p.Append(nil), text: fmt.Sprintf("%s %q type %d", op, path, kind)}
}

// setWatches registers a few paths, each in the list that fits its mode.
func (g *generator) setWatches(slot int) request {
	var lists [5][]string
	for range g.IntN(8) {
		path := g.path()
		i := g.IntN(3)
		if mode := g.watchMode(slot, path); mode >= 3 {
			i = mode
		}
		lists[i] = append(lists[i], path)
	}
	s := wire.SetWatches{Data: wire.NewStrings(lists[0]...), Exist: wire.NewStrings(lists[1]...), Child: wire.NewStrings(lists[2]...),
		Persistent: wire.NewStrings(lists[3]...), Recursive: wire.NewStrings(lists[4]...)}
	r := request{xid: wire.XidSetWatches, op: wire.OpSetWatches2, relative: relativeSeen, text: fmt.Sprintf("setWatches2 %q", lists)}
	if g.IntN(5) == 0 {
		r.relative = relativeZero
		r.text += " since 0"
	}
	r.body = s.AppendPersistent(nil)
	if len(lists[3])+len(lists[4]) == 0 && g.IntN(2) == 0 {
		r.op, r.body = wire.OpSetWatches, s.Append(nil)
	}
	return r
}

func (g *generator) multi() request {
	var body []byte
	text := "multi"
	var tags tag
	for i := range []int{0, 1, 1, 2, 2, 3, 4, 5}[g.IntN(8)] {
		op, b, t, ttl := g.subRequest()
		if ttl && i > 0 {
			// ZooKeeper forgets to take back what the operations before it did.
			continue
		} else if ttl {
			tags = tagMisplacedTTL
		}
		body = append(wire.AppendMultiOp(body, op), b...)
		text += " [" + t + "]"
	}
	if g.IntN(12) == 0 {
		ops := []wire.OpCode{wire.OpGetData, wire.OpSetACL, wire.OpExists, 99, wire.OpCloseSession, wire.OpMulti, wire.OpGetChildren}
		op := ops[g.IntN(len(ops))]
		p := wire.PathWatchRequest{Path: []byte(base)}
		body = p.Append(wire.AppendMultiOp(body, op))
		text += fmt.Sprintf(" [%s]", op)
	}
	return request{op: wire.OpMulti, body: wire.AppendMultiEnd(body), text: text, tags: tags}
}

// subRequest returns an operation of a multi, and whether it is a create that
// has a TTL flag and no time to live.
func (g *generator) subRequest() (op wire.OpCode, body []byte, text string, misplaced bool) {
	switch g.IntN(6) {
	case 0, 1, 2:
		for {
			op, c, text := g.createRecord()
			if !c.Flags.Valid() { // refused as a whole by one, in its place by the other
				continue
			}
			if op == wire.OpCreateTTL {
				return op, c.AppendTTL(nil), text, false
			}
			return op, c.Append(nil), text, c.Flags.TTL()
		}
	case 3:
		r := g.delete()
		return r.op, r.body, r.text, false
	case 4:
		r := g.setData()
		return r.op, r.body, r.text, false
	}
	p := wire.PathVersionRequest{Path: []byte(g.anyPath()), Version: g.version()}
	return wire.OpCheck, p.Append(nil), fmt.Sprintf("check %q version %d", p.Path, p.Version), false
}

func (g *generator) multiRead() request {
	var body []byte
	text := "multiRead"
	ops := []wire.OpCode{wire.OpGetData, wire.OpGetChildren}
	for range g.IntN(5) {
		op := ops[g.IntN(2)]
		p := wire.PathWatchRequest{Path: []byte(g.anyPath()), Watch: g.IntN(2) == 0}
		body = p.Append(wire.AppendMultiOp(body, op))
		text += fmt.Sprintf(" [%s %q]", op, p.Path)
	}
	if g.IntN(12) == 0 {
		op := []wire.OpCode{wire.OpExists, wire.OpGetChildren2, wire.OpDelete, wire.OpGetACL, 99}[g.IntN(5)]
		p := wire.PathVersionRequest{Path: []byte("/nowhere/x"), Version: 0}
		body = p.Append(wire.AppendMultiOp(body, op))
		text += fmt.Sprintf(" [%s]", op)
	}
	return request{op: wire.OpMultiRead, body: wire.AppendMultiEnd(body), text: text}
}
