package compatibility

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

// slots is how many clients a program has. Slot controlSlot belongs to the
// program's frame: it makes the base node, and looks at everything in the end.
const (
	slots       = 4
	controlSlot = 3
)

// base is the node below which programs work.
const base = "/d"

// quotaBase is where the quotas of the base are kept.
const quotaBase = "/zookeeper/quota" + base

type stepKind int

const (
	stepConnect   stepKind = iota // a new session
	stepReconnect                 // the slot's session, on a new connection
	stepSteal                     // likewise, while the old connection is open
	stepWrongPassword
	stepFuture  // reconnect with a zxid that no server has reached
	stepProbe   // a session that lives for the handshake only
	stepDrop    // close the connection, keep the session
	stepExpire  // let the slot's session expire
	stepSend    // requests, all at once
	stepRestart // of zabkeeper alone
	stepKill    // of both servers, at once, and a start from what is on disk
	stepDump    // read everything below the base, as super user
)

// step is one thing that happens. What depends on the server's answers (session
// ids, zxids) is named here and looked up when the step is carried out.
type step struct {
	kind      stepKind
	slot      int
	timeoutMs int32
	session   int64  // of stepProbe
	password  []byte // likewise
	short     bool   // likewise: without the read-only byte
	requests  []request
	unordered bool // events come in no particular order
}

type relativeZxid int

const (
	relativeNone relativeZxid = iota
	relativeZero
	relativeSeen // what the session had seen when its last connection ended
)

// request is one request of a step.
type request struct {
	xid      int32
	op       wire.OpCode
	body     []byte
	relative relativeZxid // replaces the first eight bytes of body
	text     string
	ends     bool // the connection is dropped afterwards, whatever the server does
	tags     tag
}

// tag marks a request that the servers are meant to answer differently.
type tag int

const (
	tagEmptyPath tag = 1 << iota
	tagTruncated
	tagBadWatchPath
	tagMisplacedTTL
	tagUnanswered // ZooKeeper may say nothing at all
)

func (s *step) String() string {
	names := map[stepKind]string{stepConnect: "connect", stepReconnect: "reconnect", stepSteal: "steal", stepWrongPassword: "wrong password",
		stepFuture: "future zxid", stepProbe: "probe", stepDrop: "drop", stepExpire: "expire", stepRestart: "restart", stepKill: "kill and start", stepDump: "dump"}
	if s.kind != stepSend {
		return fmt.Sprintf("client %d: %s %d", s.slot, names[s.kind], s.timeoutMs)
	}
	var b strings.Builder
	for i := range s.requests {
		r := &s.requests[i]
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s", r.text)
		if r.xid <= 0 {
			fmt.Fprintf(&b, " xid %d", r.xid)
		}
	}
	return fmt.Sprintf("client %d: %s", s.slot, b.String())
}

// writes reports whether the step may change anything that others see.
func (s *step) writes() bool {
	if s.kind != stepSend {
		return true
	}
	for i := range s.requests {
		switch s.requests[i].op.Class() {
		case wire.ClassRead, wire.ClassWatch, wire.ClassSync:
		default:
			return true
		}
	}
	return false
}

// has reports whether the step sends one of these operations.
func (s *step) has(ops ...wire.OpCode) bool {
	return slices.ContainsFunc(s.requests, func(r request) bool { return slices.Contains(ops, r.op) })
}
