package compatibility

import (
	"fmt"
	"slices"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

// user is a session whose every answer must come; what fails ends the test.
type user struct {
	t      *testing.T
	s      *Server
	seen   int64 // the highest zxid of a reply
	conn   *RawConn
	resp   wire.ConnectResponse
	xid    int32
	last   Reply    // the last reply
	told   []string // events that came in, as "Created /a"
	zxids  []int64  // of their headers
	closed bool
}

// connect opens a session.
func connect(t *testing.T, s *Server) *user { return connectFor(t, s, 20_000) }

func connectFor(t *testing.T, s *Server, timeoutMs int32) *user {
	t.Helper()
	return attach(t, s, &wire.ConnectRequest{TimeoutMs: timeoutMs, Password: make([]byte, 16), HasReadOnly: true})
}

// attach connects with a request of any kind, which must be granted.
func attach(t *testing.T, s *Server, req *wire.ConnectRequest) *user {
	t.Helper()
	conn, err := Dial(s.next())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	u := &user{t: t, s: s, conn: conn}
	if u.resp, err = conn.Connect(req); err != nil {
		t.Fatalf("connect: %v", err)
	}
	if u.resp.SessionID == 0 {
		t.Fatal("the session was refused")
	}
	return u
}

// again attaches u's session to another connection.
func (u *user) again() *user {
	u.t.Helper()
	return attach(u.t, u.s, &wire.ConnectRequest{TimeoutMs: u.resp.TimeoutMs, SessionID: u.resp.SessionID, Password: u.resp.Password[:],
		HasReadOnly: true})
}

func (u *user) send(op wire.OpCode, body []byte) int32 {
	u.t.Helper()
	u.xid++
	if err := u.conn.Request(u.xid, op, body); err != nil {
		u.t.Fatalf("%v: %v", op, err)
	}
	return u.xid
}

// receive returns the next reply and keeps the events before it.
func (u *user) receive() Reply {
	u.t.Helper()
	for {
		r, err := u.conn.ReadReply()
		if err != nil {
			u.t.Fatalf("no reply: %v", err)
		}
		if r.Xid != wire.XidEvent {
			u.last = r
			u.seen = max(u.seen, r.Zxid)
			u.s.reached(r.Zxid)
			return r
		}
		var ev wire.WatcherEvent
		body := wire.NewReader(r.Body)
		if ev.Decode(&body); !body.OK() || ev.State != wire.StateSyncConnected || len(body.Rest()) > 0 {
			u.t.Fatalf("an event %x", r.Body)
		}
		names := map[wire.EventType]string{1: "Created ", 2: "Deleted ", 3: "DataChanged ", 4: "ChildrenChanged "}
		u.told = append(u.told, names[ev.Type]+string(ev.Path))
		u.zxids = append(u.zxids, r.Zxid)
	}
}

// do sends a request and returns its reply.
func (u *user) do(op wire.OpCode, body []byte) Reply {
	u.t.Helper()
	u.catchUp()
	xid := u.send(op, body)
	if r := u.receive(); r.Xid != xid {
		u.t.Fatalf("%v: reply to xid %d, want %d", op, r.Xid, xid)
	}
	if u.last.Err != wire.OK && len(u.last.Body) > 0 && op != wire.OpMultiRead && op != wire.OpMulti {
		u.t.Errorf("%v: an error with a body of %d bytes", op, len(u.last.Body))
	}
	return u.last
}

// catchUp makes the user's server as new as what the row has seen anywhere: reads
// are local, and a row may have written through another server.
func (u *user) catchUp() {
	u.t.Helper()
	if u.seen >= u.s.latest.Load() {
		return
	}
	const xid = 1<<31 - 2
	if err := u.conn.Request(xid, wire.OpSync, pathRecord("/")); err != nil {
		u.t.Fatal(err)
	}
	if r := u.receive(); r.Xid != xid || r.Err != wire.OK {
		u.t.Fatalf("sync: got %+v", r.ReplyHeader)
	}
}

// events returns what came in until now, everything included that happened
// before the call.
func (u *user) events() []string {
	u.t.Helper()
	if !u.closed {
		u.do2(wire.XidPing, wire.OpPing, nil)
	}
	told := u.told
	u.told, u.zxids = nil, nil
	return told
}

// do2 is do with an xid of one's own.
func (u *user) do2(xid int32, op wire.OpCode, body []byte) Reply {
	u.t.Helper()
	u.catchUp()
	if err := u.conn.Request(xid, op, body); err != nil {
		u.t.Fatal(err)
	}
	if r := u.receive(); r.Xid != xid {
		u.t.Fatalf("%v: reply to xid %d, want %d", op, r.Xid, xid)
	}
	return u.last
}

func (u *user) wantEvents(want ...string) {
	u.t.Helper()
	if got := u.events(); !slices.Equal(got, want) {
		u.t.Errorf("events: got %q, want %q", got, want)
	}
}

// ends checks that nothing comes any more and the server closes.
func (u *user) ends() {
	u.t.Helper()
	if r, err := u.conn.ReadReply(); ending(err) != "closed" {
		u.t.Errorf("got %+v, %v; want the connection closed", r, err)
	}
	u.closed = true
}

func createRecord(path, data string, flags wire.CreateFlags, acl wire.ACLs) []byte {
	c := wire.CreateRequest{Path: []byte(path), Data: []byte(data), Flags: flags, ACL: acl}
	return c.Append(nil)
}

func ttlRecord(path string, flags wire.CreateFlags, ttlMs int64) []byte {
	c := wire.CreateRequest{Path: []byte(path), Flags: flags, ACL: openACL, TTLMs: ttlMs}
	return c.AppendTTL(nil)
}

// create makes a node with an open ACL and returns its name.
func (u *user) create(path, data string, flags wire.CreateFlags) (string, wire.ErrorCode) {
	u.t.Helper()
	reply := u.do(wire.OpCreate, createRecord(path, data, flags, openACL))
	r := wire.NewReader(reply.Body)
	return string(r.Buffer()), reply.Err
}

func (u *user) made(path, data string, flags wire.CreateFlags) string {
	u.t.Helper()
	name, code := u.create(path, data, flags)
	if code != wire.OK {
		u.t.Fatalf("create %s: %v", path, code)
	}
	return name
}

// madeFor makes a node with an ACL.
func (u *user) madeFor(path string, acl ...wire.ACL) {
	u.t.Helper()
	if code := u.do(wire.OpCreate, createRecord(path, "", 0, wire.NewACLs(acl...))).Err; code != wire.OK {
		u.t.Fatalf("create %s: %v", path, code)
	}
}

func pathVersion(path string, version int32) []byte {
	p := wire.PathVersionRequest{Path: []byte(path), Version: version}
	return p.Append(nil)
}

func (u *user) delete(path string, version int32) wire.ErrorCode {
	u.t.Helper()
	return u.do(wire.OpDelete, pathVersion(path, version)).Err
}

func setRecord(path, data string, version int32) []byte {
	p := wire.SetDataRequest{Path: []byte(path), Data: []byte(data), Version: version}
	return p.Append(nil)
}

func (u *user) set(path, data string, version int32) wire.ErrorCode {
	u.t.Helper()
	return u.do(wire.OpSetData, setRecord(path, data, version)).Err
}

func watchRecord(path string, watch bool) []byte {
	p := wire.PathWatchRequest{Path: []byte(path), Watch: watch}
	return p.Append(nil)
}

func pathRecord(path string) []byte {
	p := wire.PathRequest{Path: []byte(path)}
	return p.Append(nil)
}

func modeRecord(path string, mode int32) []byte {
	p := wire.PathModeRequest{Path: []byte(path), Mode: mode}
	return p.Append(nil)
}

func (u *user) read(op wire.OpCode, path string, watch bool) wire.ErrorCode {
	u.t.Helper()
	return u.do(op, watchRecord(path, watch)).Err
}

func (u *user) get(path string) (data []byte, stat wire.Stat) {
	u.t.Helper()
	reply := u.do(wire.OpGetData, watchRecord(path, false))
	var d wire.DataResponse
	r := wire.NewReader(reply.Body)
	if d.Decode(&r); reply.Err != wire.OK || !r.OK() || len(r.Rest()) > 0 {
		u.t.Fatalf("getData %s: %v, %x", path, reply.Err, reply.Body)
	}
	return d.Data, d.Stat
}

func (u *user) stat(path string) wire.Stat {
	u.t.Helper()
	_, stat := u.get(path)
	return stat
}

// strings decodes the names in the last reply, sorted.
func (u *user) strings() []string {
	u.t.Helper()
	r := wire.NewReader(u.last.Body)
	list := []string{}
	for name := range r.Strings().All {
		list = append(list, string(name))
	}
	slices.Sort(list)
	return list
}

func (u *user) children(path string) []string {
	u.t.Helper()
	if code := u.read(wire.OpGetChildren, path, false); code != wire.OK {
		u.t.Fatalf("getChildren %s: %v", path, code)
	}
	return u.strings()
}

func (u *user) auth(scheme, data string) wire.ErrorCode {
	u.t.Helper()
	p := wire.AuthPacket{Scheme: []byte(scheme), Auth: []byte(data)}
	r := u.do2(wire.XidAuth, wire.OpAuth, p.Append(nil))
	if r.Zxid != 0 {
		u.t.Errorf("auth: zxid %d", r.Zxid)
	}
	return r.Err
}

func (u *user) setACL(path string, version int32, acl ...wire.ACL) wire.ErrorCode {
	u.t.Helper()
	p := wire.SetACLRequest{Path: []byte(path), ACL: wire.NewACLs(acl...), Version: version}
	return u.do(wire.OpSetACL, p.Append(nil)).Err
}

// acl returns a node's ACL as text.
func (u *user) acl(path string) []string {
	u.t.Helper()
	reply := u.do(wire.OpGetACL, pathRecord(path))
	if reply.Err != wire.OK {
		return []string{reply.Err.Name()}
	}
	r := wire.NewReader(reply.Body)
	var list []string
	for e := range r.ACLs().All {
		list = append(list, fmt.Sprintf("%d %s:%s", e.Perms, e.Scheme, e.ID))
	}
	return list
}

// op is one operation of a multi.
type op struct {
	code wire.OpCode
	body []byte
}

func multiRecord(ops ...op) []byte {
	var b []byte
	for _, o := range ops {
		b = append(wire.AppendMultiOp(b, o.code), o.body...)
	}
	return wire.AppendMultiEnd(b)
}

// multi returns the results as text: "1 /a", "2", "-101".
func (u *user) multi(code wire.OpCode, ops ...op) []string {
	u.t.Helper()
	reply := u.do(code, multiRecord(ops...))
	if reply.Err != wire.OK {
		return []string{reply.Err.Name()}
	}
	list := []string{}
	err := wire.DecodeMultiResponse(reply.Body, func(r *wire.MultiResult) {
		switch r.Type {
		case wire.OpError:
			list = append(list, fmt.Sprintf("%d", r.Err))
		case wire.OpCreate, wire.OpCreate2:
			list = append(list, fmt.Sprintf("%d %s", r.Type, r.Path))
		case wire.OpGetData:
			list = append(list, fmt.Sprintf("4 %s", r.Data))
		case wire.OpGetChildren:
			list = append(list, fmt.Sprintf("8 of %d", r.Children.Len()))
		default:
			list = append(list, fmt.Sprint(int32(r.Type)))
		}
	})
	if err != nil {
		u.t.Errorf("multi: %v", err)
	}
	return list
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
