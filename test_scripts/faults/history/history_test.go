package history

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// script writes journals by hand: every entry is one millisecond behind the one
// before and takes one, unless told.
type script struct {
	clock    time.Duration
	zxid     int64
	journals [][]*operation
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// add appends an entry of a client, which is its session, too.
func (s *script) add(client int, o operation) *operation {
	o.client = client
	if o.session == 0 {
		o.session = int64(100 + client)
	}
	if o.ret == 0 {
		s.clock += ms(2)
		o.invoke, o.ret = s.clock, s.clock+ms(1)
		if !o.kind.answerable() {
			o.ret = o.invoke
		}
	}
	for len(s.journals) <= client {
		s.journals = append(s.journals, nil)
	}
	s.journals[client] = append(s.journals[client], &o)
	return &o
}

// ok appends an entry that was answered with success. A write gets the next zxid,
// a read the newest one.
func (s *script) ok(client int, o operation) *operation {
	o.outcome = outcomeOK
	if o.kind.writes() && o.zxid == 0 {
		s.zxid++
	}
	if o.zxid == 0 {
		o.zxid = s.zxid
	}
	return s.add(client, o)
}

func (s *script) refused(client int, code wire.ErrorCode, o operation) *operation {
	o.outcome, o.code = outcomeRefused, code
	if o.zxid == 0 {
		o.zxid = s.zxid
	}
	return s.add(client, o)
}

func (s *script) unknown(client int, o operation) *operation {
	s.clock += ms(2)
	o.invoke, o.ret = s.clock, never
	return s.add(client, o)
}

func at(value string, version int32, czxid, mzxid int64) node {
	return node{present: true, value: value, version: version, czxid: czxid, mzxid: mzxid}
}

func family3(cversion int32, pzxid int64, names ...string) node {
	return node{present: true, cversion: cversion, pzxid: pzxid, children: int32(len(names)), names: names}
}

func numbered(made string) operation {
	return operation{kind: kindSequence, path: "/r/s/n-", made: made, value: made}
}

func register1() *part { return &part{model: modelRegister, path: "/r/a"} }
func create(p *part, value string) operation {
	return operation{part: p, kind: kindCreate, path: p.path, value: value}
}
func set(p *part, value string, asked, got int32) operation {
	return operation{part: p, kind: kindSet, path: p.path, value: value, version: asked, got: node{present: true, version: got, value: value}}
}
func get(p *part, n node) operation {
	return operation{part: p, kind: kindGet, path: p.path, got: n}
}
func synced(o operation) operation  { o.synced = true; return o }
func watched(o operation) operation { o.watch = true; return o }

type scene struct {
	name string
	rule string // that is violated; empty for none
	play func(s *script)
}

func TestCheck(t *testing.T) {
	for _, group := range [][]scene{registerScenes(), bankScenes(), childrenScenes(), sequenceScenes(), sessionScenes(), sightScenes(), watchScenes(), lockScenes()} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				s := &script{zxid: 10}
				c.play(s)
				err := (&History{journals: s.journals}).Check(nil)
				switch {
				case c.rule == "" && err != nil:
					t.Errorf("a correct history is refused: %v", err)
				case c.rule != "" && (!errors.Is(err, ErrViolation) || !strings.Contains(err.Error(), c.rule)):
					t.Errorf("got %v, want %q", err, c.rule)
				case c.rule != "" && !strings.Contains(err.Error(), "\n\t["):
					t.Errorf("no operation is named: %v", err)
				}
			})
		}
	}
}

func registerScenes() []scene {
	p := register1()
	notLinear := "is not linearizable"
	return []scene{
		{"register", "", func(s *script) {
			s.refused(0, wire.ErrNoNode, synced(get(p, node{})))
			s.ok(0, create(p, "a"))
			s.refused(1, wire.ErrNodeExists, create(p, "b"))
			s.ok(1, set(p, "c", 0, 1))
			s.refused(0, wire.ErrBadVersion, set(p, "d", 0, 0))
			s.ok(0, synced(get(p, at("c", 1, 11, 12))))
			s.ok(0, operation{part: p, kind: kindDelete, path: p.path, version: 1})
			s.refused(1, wire.ErrNoNode, synced(operation{part: p, kind: kindExists, path: p.path}))
		}},
		{"unknown write that took effect, and one that did not", "", func(s *script) {
			s.ok(0, create(p, "a"))
			s.unknown(1, set(p, "b", anyVersion, 0))
			s.unknown(2, set(p, "c", anyVersion, 0))
			s.zxid++
			s.ok(0, synced(get(p, at("b", 1, 11, 12))))
			s.ok(0, set(p, "d", 1, 2))
		}},
		{"unknown write that took effect twice", notLinear, func(s *script) {
			s.ok(0, create(p, "a"))
			s.unknown(1, set(p, "b", anyVersion, 0))
			s.zxid += 2
			s.ok(0, synced(get(p, at("b", 2, 11, 13))))
		}},
		{"lost write", notLinear, func(s *script) {
			s.ok(0, create(p, "a"))
			s.ok(0, set(p, "b", anyVersion, 1))
			s.ok(1, set(p, "c", anyVersion, 1))
		}},
		{"lost creation", notLinear, func(s *script) {
			s.ok(0, create(p, "a"))
			s.ok(1, create(p, "b"))
		}},
		{"refusal without a reason", notLinear, func(s *script) {
			s.ok(0, create(p, "a"))
			s.refused(0, wire.ErrBadVersion, set(p, "b", 0, 0))
		}},
		{"stale synced read, by its zxid", "older than a write that was answered before", func(s *script) {
			s.ok(0, create(p, "a"))
			s.ok(0, set(p, "b", anyVersion, 1))
			o := synced(get(p, at("a", 0, 11, 11)))
			o.zxid = 11
			s.ok(1, o)
		}},
		{"stale synced read, of a library that does not tell zxids", notLinear, func(s *script) {
			s.ok(0, create(p, "a"))
			s.ok(0, set(p, "b", anyVersion, 1))
			s.add(1, operation{part: p, kind: kindGet, path: p.path, synced: true, outcome: outcomeOK, got: at("a", 0, 11, 11)})
		}},
		{"lost update", "an update is lost", func(s *script) {
			c := &part{model: modelCounter, path: "/r/counter"}
			s.ok(0, create(c, "0 x"))
			s.ok(0, set(c, "1 y", 0, 1))
			s.ok(1, set(c, "1 z", 0, 1))
		}},
		{"write out of order", "smaller zxid than one that was answered before", func(s *script) {
			s.ok(0, operation{kind: kindCreate, path: "/r/x", value: "1", zxid: 40})
			s.ok(1, operation{kind: kindCreate, path: "/r/y", value: "2", zxid: 30})
		}},
		{"one zxid for two writes", "two writes have one zxid", func(s *script) {
			s.ok(0, operation{kind: kindCreate, path: "/r/x", value: "1", zxid: 40})
			s.ok(1, operation{kind: kindCreate, path: "/r/y", value: "2", zxid: 40})
		}},
	}
}

func bankScenes() []scene {
	p := &part{model: modelBank, path: "/r/bank"}
	open := operation{part: p, kind: kindOpenBank, path: p.path, path2: p.second(), value: "500 a", value2: "500 b"}
	transfer := func(v, w string, asked, got int32) operation {
		return operation{part: p, kind: kindTransfer, path: p.path, path2: p.second(), value: v, value2: w, version: asked, version2: asked,
			got: at(v, got, 0, 0), got2: at(w, got, 0, 0)}
	}
	pair := func(a, b node) operation {
		return operation{part: p, kind: kindPair, path: p.path, path2: p.second(), got: a, got2: b}
	}
	return []scene{
		{"bank", "", func(s *script) {
			s.ok(0, pair(node{}, node{}))
			s.ok(0, open)
			s.refused(1, wire.ErrNodeExists, open)
			s.ok(1, transfer("400 c", "600 d", 0, 1))
			s.refused(1, wire.ErrBadVersion, transfer("300 e", "700 f", 0, 0))
			s.ok(0, synced(pair(at("400 c", 1, 11, 12), at("600 d", 1, 11, 12))))
		}},
		{"broken sum", "the sum of two accounts was seen to change", func(s *script) {
			s.ok(0, open)
			s.unknown(1, transfer("400 c", "600 d", 0, 1))
			s.zxid++
			s.ok(0, pair(at("400 c", 1, 11, 12), at("500 b", 0, 11, 11)))
		}},
		{"half a bank", "seen halfway", func(s *script) {
			s.unknown(0, open)
			s.zxid++
			s.ok(1, pair(at("500 a", 0, 11, 11), node{}))
		}},
		{"lost transfer", "is not linearizable", func(s *script) {
			s.ok(0, open)
			s.ok(0, transfer("400 c", "600 d", 0, 1))
			s.ok(1, transfer("300 e", "700 f", 0, 1))
		}},
	}
}

func childrenScenes() []scene {
	p := &part{model: modelChildren, path: "/r/parent"}
	child := func(k kind, name string) operation {
		return operation{part: p, kind: k, path: p.path + "/" + name, value: name, version: anyVersion}
	}
	list := func(n node) operation { return operation{part: p, kind: kindChildren, path: p.path, got: n} }
	return []scene{
		{"children", "", func(s *script) {
			s.ok(0, child(kindCreate, "k1"))
			s.ok(1, child(kindCreate, "k2"))
			s.ok(0, synced(list(family3(2, 12, "k1", "k2"))))
			s.ok(0, child(kindDelete, "k1"))
			s.refused(1, wire.ErrNoNode, child(kindDelete, "k1"))
			s.ok(1, synced(list(family3(3, 13, "k2"))))
		}},
		{"lost child", "is not linearizable", func(s *script) {
			s.ok(0, child(kindCreate, "k1"))
			s.ok(0, synced(list(family3(1, 11))))
		}},
		{"cversion", "is not linearizable", func(s *script) {
			s.ok(0, child(kindCreate, "k1"))
			s.ok(0, synced(list(family3(2, 11, "k1"))))
		}},
		{"local list lacks a child", "lacks a change that is older than its zxid", func(s *script) {
			s.ok(0, child(kindCreate, "k1"))
			s.ok(0, child(kindCreate, "k2"))
			s.ok(1, list(family3(1, 11, "k1")))
		}},
	}
}

func sequenceScenes() []scene {
	p := &part{model: modelSequence, path: "/r/s"}
	in := func(o operation) operation { o.part = p; return o }
	return []scene{
		{"sequence with a gap", "", func(s *script) {
			s.ok(0, in(numbered("/r/s/n-0000000000")))
			s.ok(1, in(numbered("/r/s/n-0000000003")))
		}},
		{"duplicate number", "is not linearizable", func(s *script) {
			s.ok(0, in(numbered("/r/s/n-0000000001")))
			s.ok(1, in(numbered("/r/s/n-0000000001")))
		}},
		{"number goes back", "is not linearizable", func(s *script) {
			s.ok(0, in(numbered("/r/s/n-0000000002")))
			s.ok(1, in(numbered("/r/s/n-0000000001")))
		}},
	}
}

func sessionScenes() []scene {
	p := &part{model: modelEphemerals, path: "/r/e"}
	mine := operation{part: p, kind: kindCreate, path: "/r/e/1", value: "v", flags: wire.FlagEphemeral}
	look := synced(operation{part: p, kind: kindGet, path: "/r/e/1"})
	there := look
	there.got = node{present: true, value: "v", czxid: 11, mzxid: 11, owner: 100}
	return []scene{
		{"ephemeral of a session that lives, and then expires", "", func(s *script) {
			s.ok(0, mine)
			s.ok(1, there)
			s.zxid++
			s.refused(1, wire.ErrNoNode, look) // it has expired already
			s.ok(0, operation{kind: kindExpired})
			s.refused(1, wire.ErrNoNode, look)
		}},
		{"ephemeral after expiry", "is there after its client was told", func(s *script) {
			s.ok(0, mine)
			s.ok(0, operation{kind: kindExpired})
			s.ok(1, there)
		}},
		{"vanished ephemeral", "its session lives on", func(s *script) {
			s.ok(0, mine)
			s.refused(1, wire.ErrNoNode, look)
			s.ok(0, operation{kind: kindExists, path: "/r/other", got: at("v", 0, 11, 11)})
		}},
		{"deleted ephemeral", "", func(s *script) {
			s.ok(0, mine)
			s.ok(0, operation{part: p, kind: kindDelete, path: "/r/e/1", version: anyVersion})
			s.refused(1, wire.ErrNoNode, look)
			s.refused(0, wire.ErrNoNode, look)
		}},
	}
}

func sightScenes() []scene {
	p := register1()
	return []scene{
		{"session goes back", "an older zxid after a newer one", func(s *script) {
			s.ok(0, create(p, "a"))
			s.ok(0, set(p, "b", anyVersion, 1))
			s.ok(1, get(p, at("b", 1, 11, 12)))
			o := get(p, at("a", 0, 11, 11))
			o.zxid = 11
			s.ok(1, o)
		}},
		{"another session may be behind", "", func(s *script) {
			s.ok(0, create(p, "a"))
			s.ok(0, set(p, "b", anyVersion, 1))
			s.ok(1, get(p, at("b", 1, 11, 12)))
			o := get(p, at("a", 0, 11, 11))
			o.zxid = 11
			s.ok(2, o)
		}},
		{"znode goes back", "a znode go back", func(s *script) {
			s.add(0, operation{part: p, kind: kindCreate, path: p.path, value: "a", outcome: outcomeOK, zxid: 0})
			s.unknown(1, set(p, "b", anyVersion, 0))
			s.zxid = 12
			s.ok(2, get(p, at("b", 1, 11, 12)))
			s.ok(2, get(p, at("a", 0, 11, 11)))
		}},
		{"version goes back", "a version go back", func(s *script) {
			s.unknown(0, create(p, "a"))
			s.unknown(1, set(p, "b", anyVersion, 0))
			s.unknown(1, set(p, "c", anyVersion, 0))
			s.zxid = 13
			s.ok(2, get(p, at("b", 2, 11, 12)))
			s.ok(2, get(p, at("c", 1, 11, 13)))
		}},
		{"local read lacks a write", "lacks a write that is older", func(s *script) {
			s.ok(0, create(p, "a"))
			s.ok(0, set(p, "b", anyVersion, 1))
			s.ok(1, get(p, at("a", 0, 11, 11)))
		}},
		{"local read lacks a node", "a znode that nobody deleted", func(s *script) {
			s.ok(0, create(p, "a"))
			s.refused(1, wire.ErrNoNode, get(p, node{}))
		}},
		{"change newer than the answer", "newer than itself", func(s *script) {
			s.unknown(0, create(p, "a"))
			s.ok(1, get(p, at("a", 0, 11, 11)))
		}},
		{"value that nobody wrote", "a value that nobody wrote", func(s *script) {
			s.ok(0, create(p, "a"))
			s.ok(1, get(p, at("z", 0, 11, 11)))
		}},
		{"value of a refused write", "whose write was refused", func(s *script) {
			s.ok(0, create(p, "a"))
			s.refused(0, wire.ErrBadVersion, set(p, "b", 7, 0))
			s.zxid++
			s.ok(1, get(p, at("b", 1, 11, 12)))
		}},
		{"value from the future", "written later", func(s *script) {
			s.unknown(0, create(p, "a"))
			s.zxid++
			s.ok(1, get(p, at("b", 1, 11, 11)))
			s.ok(0, set(p, "b", anyVersion, 1))
		}},
		{"value under another zxid", "another zxid than that of its write", func(s *script) {
			s.ok(0, create(p, "a"))
			s.zxid++
			s.ok(1, get(p, at("a", 0, 11, 12)))
		}},
		{"value under another version", "another version than its write", func(s *script) {
			s.unknown(2, create(p, "a"))
			s.zxid++
			s.ok(0, set(p, "b", anyVersion, 1))
			s.ok(1, get(p, at("b", 2, 11, 12)))
		}},
	}
}

func watchScenes() []scene {
	p := register1()
	changed := operation{kind: kindEvent, path: p.path, event: wire.EventNodeDataChanged, outcome: outcomeOK, zxid: -1}
	arm := watched(get(p, at("a", 0, 11, 11)))
	return []scene{
		{"watch", "", func(s *script) {
			s.ok(0, create(p, "a"))
			s.ok(1, arm)
			s.ok(0, set(p, "b", anyVersion, 1))
			s.add(1, changed)
			s.ok(1, get(p, at("b", 1, 11, 12)))
		}},
		{"watch twice", "that was not set, or had fired", func(s *script) {
			s.ok(0, create(p, "a"))
			s.ok(1, arm)
			s.ok(0, set(p, "b", anyVersion, 1))
			s.add(1, changed)
			s.add(1, changed)
		}},
		{"watch without a change", "without a change", func(s *script) {
			s.ok(0, create(p, "a"))
			s.ok(1, arm)
			s.add(1, changed)
		}},
		{"watch after the newer data", "before the watch for it fired", func(s *script) {
			s.ok(0, create(p, "a"))
			s.ok(1, arm)
			s.ok(0, set(p, "b", anyVersion, 1))
			s.ok(1, get(p, at("b", 1, 11, 12)))
			s.add(1, changed)
		}},
		{"watch of a missing node, over a reconnection that hid the change", "", func(s *script) {
			s.refused(1, wire.ErrNoNode, watched(operation{part: p, kind: kindExists, path: p.path}))
			s.ok(0, create(p, "a"))
			s.ok(0, operation{part: p, kind: kindDelete, path: p.path, version: anyVersion})
			s.add(1, operation{kind: kindConnected, outcome: outcomeOK})
			s.refused(1, wire.ErrNoNode, get(p, node{}))
		}},
		{"watch lost over a reconnection", "before the watch for it fired", func(s *script) {
			s.ok(0, create(p, "a"))
			s.ok(1, arm)
			s.ok(0, set(p, "b", anyVersion, 1))
			s.add(1, operation{kind: kindConnected, outcome: outcomeOK})
			s.ok(1, get(p, at("b", 1, 11, 12)))
		}},
		{"watch forgotten on purpose", "", func(s *script) {
			s.ok(0, create(p, "a"))
			s.ok(1, arm)
			s.ok(0, set(p, "b", anyVersion, 1))
			s.add(1, operation{kind: kindForgotten, outcome: outcomeOK})
			s.ok(1, get(p, at("b", 1, 11, 12)))
		}},
	}
}

func lockScenes() []scene {
	p := &part{model: modelLock, path: "/r/lock"}
	use := func(token, zxid int64, value string) operation {
		return operation{part: p, kind: kindFence, path: p.second(), path2: "/r/lock/n", token: token, value: value, zxid: zxid}
	}
	return []scene{
		{"tokens", "", func(s *script) {
			s.ok(0, use(1, 20, "a"))
			s.ok(0, use(1, 21, "b"))
			s.ok(1, use(5, 22, "c"))
		}},
		{"older token after newer", "an older holder of a lock came after a newer one", func(s *script) {
			s.ok(1, use(5, 20, "a"))
			s.ok(0, use(1, 21, "b"))
		}},
		{"older token with a newer zxid", "an older holder of a lock has a newer zxid", func(s *script) {
			a, b := use(5, 20, "a"), use(1, 21, "b")
			a.invoke, a.ret, b.invoke, b.ret = ms(1), ms(9), ms(2), ms(8)
			s.ok(1, a)
			s.ok(0, b)
		}},
	}
}
