package compatibility

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

type tokenKind int

const (
	literal tokenKind = iota
	zxidToken
	sessionToken
)

// token is a piece of what was seen: text that must be equal, or the server's own
// name for a transaction or a session, which must be renamed consistently.
type token struct {
	kind tokenKind
	text string
	id   int64
}

// tokens is an observation taken apart.
type tokens struct {
	list  []token
	times map[int64]int64 // time by zxid
}

func (t *tokens) say(format string, args ...any) {
	t.list = append(t.list, token{text: fmt.Sprintf(format, args...)})
}

func (t *tokens) zxid(name string, z int64) {
	t.say("%s", name)
	if z <= 0 {
		t.say("%d", z)
	} else {
		t.list = append(t.list, token{kind: zxidToken, id: z})
	}
}

func (t *tokens) session(name string, id int64) {
	t.say("%s", name)
	if id == 0 {
		t.say("0")
	} else {
		t.list = append(t.list, token{kind: sessionToken, id: id})
	}
}

func (t *tokens) stat(s *wire.Stat) {
	t.zxid("czxid", s.Czxid)
	t.zxid("mzxid", s.Mzxid)
	t.zxid("pzxid", s.Pzxid)
	t.say("version %d cversion %d aversion %d", s.Version, s.Cversion, s.Aversion)
	t.session("owner", s.EphemeralOwner)
	t.say("length %d children %d", s.DataLength, s.NumChildren)
	t.times[s.Czxid], t.times[s.Mzxid] = s.Ctime, s.Mtime
}

func (t *tokens) buffer(name string, b []byte) {
	if b == nil {
		t.say("%s null", name)
	} else {
		t.say("%s %q", name, b)
	}
}

func (t *tokens) sorted(name string, all wire.Strings) {
	var list []string
	for s := range all.All {
		list = append(list, string(s))
	}
	slices.Sort(list)
	t.say("%s %q", name, list)
}

func (t *tokens) acl(list wire.ACLs) {
	var entries []string
	for e := range list.All {
		entries = append(entries, fmt.Sprintf("%d %s %q", e.Perms, e.Scheme, e.ID))
	}
	slices.Sort(entries)
	t.say("acl %s", strings.Join(entries, ", "))
}

// take renders an observation.
func take(o *observation) tokens {
	t := tokens{times: map[int64]int64{}}
	t.say("%s", o.what)
	switch o.what {
	case "connected":
		t.session("session", o.resp.SessionID)
		t.say("timeout %d protocol %d read-only %v password %v bytes %d", o.resp.TimeoutMs, o.resp.ProtocolVersion,
			o.resp.ReadOnly, o.resp.Password != [wire.PasswordBytes]byte{}, o.size)
	case "event":
		var ev wire.WatcherEvent
		r := wire.NewReader(o.reply.Body)
		ev.Decode(&r)
		t.say("%s", eventText(&ev))
		t.end(&r)
	case "reply":
		t.reply(o)
	}
	return t
}

func eventText(ev *wire.WatcherEvent) string {
	names := map[wire.EventType]string{1: "Created", 2: "Deleted", 3: "DataChanged", 4: "ChildrenChanged"}
	return fmt.Sprintf("%s(%s) state %d", names[ev.Type], ev.Path, ev.State)
}

func (t *tokens) end(r *wire.Reader) {
	if !r.OK() || len(r.Rest()) > 0 {
		t.say("undecodable, %d bytes left", len(r.Rest()))
	}
}

func (t *tokens) reply(o *observation) {
	t.say("to %s xid %d err %s", o.req.op, o.reply.Xid, o.reply.Err.Name())
	r := wire.NewReader(o.reply.Body)
	if o.reply.Zxid <= 0 {
		t.say("zxid %d", o.reply.Zxid)
	} else if o.writes() {
		t.zxid("zxid", o.reply.Zxid)
	}
	if o.reply.Err == wire.OK {
		t.body(o.req.op, &r)
	}
	t.end(&r)
}

// writes reports whether the observation is the reply to a write that happened,
// whose header must then carry the write's own zxid.
func (o *observation) writes() bool {
	if o.what != "reply" || o.req.op.Class() != wire.ClassWrite || o.reply.Err != wire.OK {
		return false
	}
	failed := false
	if o.req.op == wire.OpMulti {
		_ = wire.DecodeMultiResponse(o.reply.Body, func(res *wire.MultiResult) { failed = failed || res.Type == wire.OpError })
	}
	return !failed
}

func (t *tokens) body(op wire.OpCode, r *wire.Reader) {
	var stat wire.Stat
	switch op {
	case wire.OpCreate, wire.OpSync:
		t.buffer("path", r.Buffer())
	case wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL:
		t.buffer("path", r.Buffer())
		stat.Decode(r)
		t.stat(&stat)
	case wire.OpExists, wire.OpSetData, wire.OpSetACL:
		stat.Decode(r)
		t.stat(&stat)
	case wire.OpGetData:
		t.buffer("data", r.Buffer())
		stat.Decode(r)
		t.stat(&stat)
	case wire.OpGetACL:
		t.acl(r.ACLs())
		stat.Decode(r)
		t.stat(&stat)
	case wire.OpGetChildren, wire.OpGetEphemerals:
		t.sorted("names", r.Strings())
	case wire.OpGetChildren2:
		t.sorted("names", r.Strings())
		stat.Decode(r)
		t.stat(&stat)
	case wire.OpGetAllChildrenNumber, wire.OpAddWatch:
		t.say("number %d", r.Int())
	case wire.OpWhoAmI:
		t.whoAmI(r)
	case wire.OpMulti, wire.OpMultiRead:
		t.multi(r)
	}
}

func (t *tokens) whoAmI(r *wire.Reader) {
	var w wire.WhoAmIResponse
	w.Decode(r)
	var list []string
	for _, c := range w.Clients {
		list = append(list, c.Scheme+":"+c.ID)
	}
	slices.Sort(list)
	t.say("clients %q", list)
}

func (t *tokens) multi(r *wire.Reader) {
	m := wire.NewMultiReader(r.Rest())
	for {
		var h wire.MultiHeader
		h.Decode(&m.Reader)
		t.say("[%d %v %d]", h.Type, h.Done, h.Err)
		if h.Done || !m.OK() {
			break
		}
		switch h.Type {
		case wire.OpCreate2:
			var stat wire.Stat
			t.buffer("path", m.Buffer())
			stat.Decode(&m.Reader)
			t.stat(&stat)
		case wire.OpError:
			t.say("%s", wire.ErrorCode(m.Int()).Name())
		case wire.OpDelete, wire.OpCheck:
		case wire.OpCreate, wire.OpSetData, wire.OpGetData, wire.OpGetChildren:
			t.body(h.Type, &m.Reader)
		default:
			m.Fail()
		}
	}
	*r = m.Reader
}

// String renders the tokens, with the server's own names.
func (t *tokens) String() string {
	var b strings.Builder
	for _, k := range t.list {
		switch k.kind {
		case literal:
			b.WriteString(k.text)
		case zxidToken:
			fmt.Fprintf(&b, "0x%x", k.id)
		case sessionToken:
			fmt.Fprintf(&b, "#%x", k.id)
		}
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String())
}
