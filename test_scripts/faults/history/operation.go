package history

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// kind says what an entry of a journal is.
type kind uint8

const (
	kindCreate   kind = iota + 1
	kindSequence      // create with a number appended
	kindSet
	kindDelete
	kindGet
	kindExists
	kindChildren
	kindOpenBank  // creates path and path2 in one multi
	kindTransfer  // sets path and path2 in one multi
	kindPair      // reads path and path2 in one multiRead
	kindFence     // sets path in one multi with a check that path2 exists
	kindEvent     // a watch fired
	kindExpired   // the client was told that its session has ended
	kindClosed    // the client was told that its session is closed
	kindConnected // a connection was established
	kindForgotten // a connection was established, without the watches of the one before
)

var kindNames = map[kind]string{
	kindCreate: "create", kindSequence: "create sequential", kindSet: "set", kindDelete: "delete", kindGet: "get",
	kindExists: "exists", kindChildren: "children", kindOpenBank: "create both", kindTransfer: "transfer", kindPair: "read both",
	kindFence: "set under lock", kindEvent: "event", kindExpired: "told expired", kindClosed: "told closed",
	kindConnected: "connected", kindForgotten: "connected without watches",
}

// writes reports whether k changes something.
func (k kind) writes() bool {
	switch k {
	case kindCreate, kindSequence, kindSet, kindDelete, kindOpenBank, kindTransfer, kindFence:
		return true
	}
	return false
}

// answerable reports whether k is a request of a client.
func (k kind) answerable() bool { return k < kindEvent }

// outcome is what a client knows of a request.
type outcome uint8

const (
	outcomeUnknown outcome = iota // it may have taken effect, or may do so later
	outcomeOK
	outcomeRefused // it had no effect, for the reason in code
)

// never is when a request without an answer returns.
const never = time.Duration(math.MaxInt64)

const anyVersion = -1

// node is a znode as a client saw it.
type node struct {
	present             bool
	value               string
	version, cversion   int32
	czxid, mzxid, pzxid int64
	owner               int64
	children            int32
	names               []string // of the children, sorted
}

// operation is an entry of a journal: a request, or something that happened to
// a client. It does not change once the client has gone on.
type operation struct {
	client  int
	session int64
	server  string
	part    *part // nil for what no model is about
	kind    kind
	path    string
	path2   string

	flags         wire.CreateFlags // of a create
	value, value2 string           // written
	version       int32            // asked for
	version2      int32
	synced        bool // a read behind everything answered before it was sent
	linearizable  bool // synced by the extension, not by sync
	watch         bool
	token         int64 // of a lock: the zxid that created the holder's node

	invoke, ret time.Duration
	outcome     outcome
	code        wire.ErrorCode
	event       wire.EventType
	zxid        int64 // of the answer; 0 where the client's library does not tell
	made        string
	got, got2   node
}

func (o *operation) ok() bool { return o.outcome == outcomeOK }

// possible reports whether it may have had an effect.
func (o *operation) possible() bool { return o.outcome != outcomeRefused }

// String tells an operation as the errors of Check show it.
func (o *operation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%.6f", o.invoke.Seconds())
	if o.ret == never {
		b.WriteString("..?")
	} else if o.ret != o.invoke {
		fmt.Fprintf(&b, "..%.6f", o.ret.Seconds())
	}
	fmt.Fprintf(&b, "] client %d session 0x%x at %s: %s", o.client, uint64(o.session), o.server, kindNames[o.kind])
	for _, p := range []string{o.path, o.path2} {
		if p != "" {
			b.WriteString(" " + p)
		}
	}
	o.describeRequest(&b)
	o.describeAnswer(&b)
	return b.String()
}

func (o *operation) describeRequest(b *strings.Builder) {
	switch o.kind {
	case kindSet, kindDelete:
		fmt.Fprintf(b, " version %d", o.version)
	case kindTransfer:
		fmt.Fprintf(b, " versions %d, %d to %q, %q", o.version, o.version2, o.value, o.value2)
	case kindFence:
		fmt.Fprintf(b, " token 0x%x", o.token)
	case kindEvent:
		fmt.Fprintf(b, " type %d", o.event)
	}
	if o.value != "" && o.kind != kindTransfer {
		fmt.Fprintf(b, " %q", o.value)
	}
	if o.synced {
		b.WriteString(" synced")
	}
	if o.watch {
		b.WriteString(" watched")
	}
}

func (o *operation) describeAnswer(b *strings.Builder) {
	if !o.kind.answerable() {
		return
	}
	switch o.outcome {
	case outcomeUnknown:
		b.WriteString(" -> unknown")
		return
	case outcomeRefused:
		b.WriteString(" -> " + o.code.Name())
	default:
		b.WriteString(" -> ok")
	}
	if o.zxid != 0 {
		fmt.Fprintf(b, " zxid 0x%x", o.zxid)
	}
	if o.made != "" {
		b.WriteString(" " + o.made)
	}
	for _, n := range []node{o.got, o.got2} {
		if n.present {
			fmt.Fprintf(b, " {%q version %d mzxid 0x%x", n.value, n.version, n.mzxid)
			if o.kind == kindChildren {
				fmt.Fprintf(b, " cversion %d %q", n.cversion, n.names)
			}
			if n.owner != 0 {
				fmt.Fprintf(b, " owner 0x%x", uint64(n.owner))
			}
			b.WriteString("}")
		}
	}
}
