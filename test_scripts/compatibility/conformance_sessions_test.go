package compatibility

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

var sessionRows = []row{
	{"S01", "", func(t *testing.T, s *Server) {
		load, u := connect(t, s), connect(t, s)
		path := home(t, load)
		go func() {
			var b []byte
			for i := range int32(5000) {
				b = AppendRequest(b, i+1, wire.OpSetData, setRecord(path, "x", -1))
			}
			_ = load.conn.Write(b)
		}()
		for range 20 {
			begin := time.Now()
			r := u.do2(wire.XidPing, wire.OpPing, nil)
			if d := time.Since(begin); r.Err != wire.OK || len(r.Body) != 0 || d > TickMs*time.Millisecond {
				t.Errorf("ping: %v, %d bytes, after %v", r.Err, len(r.Body), d)
			}
		}
		r := u.do(wire.OpExists, watchRecord("/", false))
		if err := u.conn.Request(77, wire.OpPing, nil); err != nil {
			t.Fatal(err)
		}
		if p := u.receive(); p.Xid != wire.XidPing || p.Zxid < r.Zxid {
			t.Errorf("a ping with xid 77: got %+v", p.ReplyHeader)
		}
	}},
	{"S02", "", func(t *testing.T, s *Server) {
		u := connectFor(t, s, MinSessionMs)
		for until := time.Now().Add(4 * MinSessionMs * time.Millisecond); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
			equal(t, "a read", u.read(wire.OpGetData, "/", false), wire.OK)
		}
	}},
	{"S03", "", func(t *testing.T, s *Server) {
		watcher := connect(t, s)
		path := home(t, watcher) + "/e"
		u := connectFor(t, s, MinSessionMs)
		u.made(path, "", wire.FlagEphemeral)
		watcher.read(wire.OpExists, path, true)
		last := time.Now()
		u.ends()
		if d := time.Since(last); d < (MinSessionMs-50)*time.Millisecond {
			t.Errorf("a session of %d ms ended after %v", MinSessionMs, d)
		}
		// ZooKeeper closes the socket before the ephemerals are gone.
		for until := time.Now().Add(10 * time.Second); watcher.read(wire.OpExists, path, false) == wire.OK && time.Now().Before(until); {
		}
		watcher.wantEvents("Deleted " + path)
	}},
	{"S05", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.made(path+"/e", "", wire.FlagEphemeral)
		u.read(wire.OpGetChildren, path, true)
		u.read(wire.OpGetData, path+"/e", true)
		r := u.do(wire.OpCloseSession, nil)
		equal(t, "reply", fmt.Sprint(r.Err, len(r.Body)), fmt.Sprint(wire.OK, 0))
		equal(t, "events before the reply", u.told, []string{"Deleted " + path + "/e", "ChildrenChanged " + path})
		u.ends()
		refused(t, s, &wire.ConnectRequest{TimeoutMs: 5000, SessionID: u.resp.SessionID, Password: u.resp.Password[:], HasReadOnly: true})
	}},
	{"S05b", "may refuse requests behind a closeSession aloud", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		b := AppendRequest(nil, 1, wire.OpCloseSession, nil)
		b = AppendRequest(b, 2, wire.OpExists, watchRecord("/", false))
		b = AppendRequest(b, 3, wire.OpCreate, createRecord(path+"/late", "", 0, openACL))
		if err := u.conn.Write(b); err != nil {
			t.Fatal(err)
		}
		equal(t, "reply", u.receive().Xid, 1)
		u.ends()
		equal(t, "children", connect(t, s).children(path), []string{})
	}},
	{"S06", "", func(t *testing.T, s *Server) {
		u := connectFor(t, s, 5000)
		path := home(t, u) + "/e"
		u.made(path, "", wire.FlagEphemeral)
		u.conn.Close()
		time.Sleep(1500 * time.Millisecond)
		equal(t, "owner", u.again().stat(path).EphemeralOwner, u.resp.SessionID)
	}},
	{"S09", "", func(t *testing.T, s *Server) {
		seen := map[int64]bool{}
		for range 300 {
			u := connect(t, s)
			id := u.resp.SessionID
			if id == 0 || id == -1<<63 || seen[id] {
				t.Fatalf("session id %x again, or reserved", id)
			}
			seen[id] = true
			u.conn.Close()
		}
	}},
	{"S10", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		v := u.again()
		u.ends()
		equal(t, "the second connection", v.read(wire.OpExists, "/", false), wire.OK)
	}},
	{"O01", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		var b []byte
		const n = 500
		for i := range int32(n) {
			p := fmt.Sprintf("%s/%d", path, i)
			b = AppendRequest(b, 4*i+1, wire.OpCreate, createRecord(p, "", 0, openACL))
			b = AppendRequest(b, 4*i+2, wire.OpExists, watchRecord(p, false))
			b = AppendRequest(b, 4*i+3, wire.OpSync, pathRecord(p))
			b = AppendRequest(b, 4*i+4, wire.OpDelete, pathVersion(p, -1))
		}
		if err := u.conn.Write(b); err != nil {
			t.Fatal(err)
		}
		for i := range int32(4 * n) {
			if r := u.receive(); r.Xid != i+1 || r.Err != wire.OK {
				t.Fatalf("reply %d: got xid %d, %v", i+1, r.Xid, r.Err)
			}
		}
	}},
	{"O04", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		for i := range 100 {
			u.set(path, fmt.Sprint(i), -1)
			v.do(wire.OpSync, pathRecord(path))
			if data, _ := v.get(path); string(data) != fmt.Sprint(i) {
				t.Fatalf("after sync: read %q, want %d", data, i)
			}
		}
	}},
}

// TestRestart is rows S08, Q05 and O05 for one server: it is killed, and comes
// back with sessions, ephemerals, sequence numbers and everything answered.
//
// covers: S08, Q05, O05
func TestRestart(t *testing.T) {
	s := startZabkeeper(t)
	u := connectFor(t, s, MaxSessionMs)
	path := home(t, u)
	u.made(path+"/e", "x", wire.FlagEphemeral)
	u.made(path+"/ttl", "", 0)
	for i := range 20 {
		equal(t, "name", u.made(path+"/s-", "", wire.FlagPersistentSequential), fmt.Sprintf("%s/s-%010d", path, i+2))
	}
	u.delete(path+"/s-0000000021", -1)
	// A container that had a child is removed at the next check, a day from now,
	// and not because a server starts.
	u.do(wire.OpCreateContainer, createRecord(path+"/container", "", wire.FlagContainer, openACL))
	u.made(path+"/container/x", "", 0)
	u.delete(path+"/container/x", -1)
	before, children := u.stat(path), u.children(path)
	for range 3 {
		s.Kill()
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
	}
	v := u.again()
	equal(t, "Stat", v.stat(path), before)
	equal(t, "children", v.children(path), children)
	equal(t, "owner", v.stat(path+"/e").EphemeralOwner, u.resp.SessionID)
	equal(t, "next name", v.made(path+"/s-", "", wire.FlagPersistentSequential), path+"/s-0000000023")
	v.do(wire.OpCloseSession, nil)
	if code := connect(t, s).read(wire.OpExists, path+"/e", false); code != wire.ErrNoNode {
		t.Errorf("the ephemeral after closeSession: %v", code)
	}
}

// TestHostileInputLeavesTheServerServing sends what no client sends.
func TestHostileInputLeavesTheServerServing(t *testing.T) {
	s := startZabkeeper(t)
	for _, b := range [][]byte{{}, {0}, {0, 0, 0, 0}, {0, 0, 0, 1, 7}, {0x7f, 0xff, 0xff, 0xff}, []byte("GET / HTTP/1.1\r\n\r\n"),
		framed(make([]byte, 44)), framed(make([]byte, 28)), framed(make([]byte, 1<<19))} {
		c := dial(t, s)
		_ = c.Write(b)
		c.Close()
	}
	u := connect(t, s)
	for _, o := range []op{{wire.OpCreateSession, []byte{0, 0, 0, 9}}, {wire.OpDeleteContainer, pathRecord("/zookeeper/quota")},
		{wire.OpError, []byte{0, 0, 0, 9}}, {wire.OpCheck, pathVersion("/", -1)}} {
		v := connect(t, s)
		equal(t, fmt.Sprint("operation ", o.code), v.do(o.code, o.body).Err, wire.ErrUnimplemented)
		v.ends()
	}
	equal(t, "createTTL without a TTL flag", u.do(wire.OpCreateTTL, ttlRecord("/t", 0, -1)).Err, wire.ErrBadArguments)
	equal(t, "an empty multi", len(u.multi(wire.OpMulti)), 0)
	s.Kill()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	equal(t, "after a restart", u.again().read(wire.OpExists, "/zookeeper/quota", false), wire.OK)
	if _, err := os.Stat(s.log); errors.Is(err, os.ErrNotExist) {
		t.Error("the server has no log")
	}
}
