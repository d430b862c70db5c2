package compatibility

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

func newSession() *wire.ConnectRequest {
	return &wire.ConnectRequest{TimeoutMs: 20_000, Password: make([]byte, 16), HasReadOnly: true}
}

func framed(payload []byte) []byte {
	return wire.EndFrame(append(wire.BeginFrame(nil), payload...), 0)
}

// dial opens a connection that has no session yet.
func dial(t *testing.T, s *Server) *RawConn {
	t.Helper()
	c, err := Dial(s.next())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// wantClosed checks that the server closes without a word.
func wantClosed(t *testing.T, what string, c *RawConn) {
	t.Helper()
	if b, err := c.ReadFrame(); ending(err) != "closed" {
		t.Errorf("%s: got %x, %v; want the connection closed", what, b, err)
	}
}

// refused checks that a handshake is answered by zeros and a closed connection.
func refused(t *testing.T, s *Server, req *wire.ConnectRequest) {
	t.Helper()
	c := dial(t, s)
	resp, err := c.Connect(req)
	if err != nil || resp != (wire.ConnectResponse{HasReadOnly: true}) {
		t.Errorf("got %+v, %v; want zeros", resp, err)
	}
	wantClosed(t, "after the refusal", c)
}

var connectionRows = []row{
	{"C01", "", func(t *testing.T, s *Server) {
		c := dial(t, s)
		for _, b := range framed(newSession().Append(nil)) {
			if err := c.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		if b, err := c.ReadFrame(); err != nil || len(b) != 37 {
			t.Fatalf("answer %x, %v", b, err)
		}
		two := AppendRequest(AppendRequest(nil, 1, wire.OpExists, watchRecord("/", false)), 2, wire.OpPing, nil)
		for _, cut := range []int{1, 3, 9, len(two) - 1, len(two)} {
			_, _ = c.Write(two[:cut]), c.Write(two[cut:])
			for _, want := range []int32{1, wire.XidPing} {
				if r, err := c.ReadReply(); err != nil || r.Xid != want || r.Err != wire.OK {
					t.Fatalf("cut at %d: got %+v, %v; want xid %d", cut, r, err, want)
				}
			}
		}
	}},
	{"C02", "", func(t *testing.T, s *Server) {
		c := dial(t, s)
		_ = c.Send(newSession().Append(nil))
		b, err := c.ReadFrame()
		if err != nil || len(b) != 37 || b[36] != 0 || binary.BigEndian.Uint32(b) != 0 || binary.BigEndian.Uint32(b[4:]) != 20_000 ||
			binary.BigEndian.Uint64(b[8:]) == 0 || binary.BigEndian.Uint32(b[16:]) != 16 {
			t.Errorf("got %x, %v", b, err)
		}
	}},
	{"C03", "", func(t *testing.T, s *Server) {
		c, old := dial(t, s), newSession()
		old.HasReadOnly = false
		_ = c.Send(old.Append(nil))
		if b, err := c.ReadFrame(); err != nil || len(b) != 36 {
			t.Errorf("got %x, %v; want 36 bytes", b, err)
		}
	}},
	{"C04", "", func(t *testing.T, s *Server) {
		for _, password := range [][]byte{nil, {}, {1, 2, 3}} {
			req := newSession()
			req.Password = password
			if resp := attach(t, s, req).resp; resp.Password == [wire.PasswordBytes]byte{} {
				t.Errorf("password %v: got %+v", password, resp)
			}
		}
	}},
	{"C05", "", func(t *testing.T, s *Server) {
		for asked, want := range map[int32]int32{1: MinSessionMs, -5: MinSessionMs, 1_000_000: MaxSessionMs, 7000: 7000, 0: MinSessionMs} {
			if got := connectFor(t, s, asked).resp.TimeoutMs; got != want {
				t.Errorf("asked for %d ms: got %d, want %d", asked, got, want)
			}
		}
	}},
	{"C06", "", func(t *testing.T, s *Server) {
		c := dial(t, s)
		auth, watches := wire.AuthPacket{Scheme: []byte("digest"), Auth: []byte("a:b")}, wire.SetWatches{Data: wire.NewStrings("/")}
		b := framed(newSession().Append(nil))
		b = AppendRequest(b, wire.XidAuth, wire.OpAuth, auth.Append(nil))
		b = AppendRequest(b, wire.XidSetWatches, wire.OpSetWatches, watches.Append(nil))
		b = AppendRequest(b, 1, wire.OpGetData, watchRecord("/", false))
		if err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		if b, err := c.ReadFrame(); err != nil || len(b) != 37 {
			t.Fatalf("answer %x, %v", b, err)
		}
		for _, want := range []int32{wire.XidAuth, wire.XidSetWatches, 1} {
			r, err := c.ReadReply()
			if err != nil || r.Xid != want || r.Err != wire.OK {
				t.Fatalf("got %+v, %v; want xid %d", r, err, want)
			}
		}
	}},
	{"C07", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u) + "/e"
		u.made(path, "", wire.FlagEphemeral)
		u.conn.Close()
		v := u.again()
		if v.resp.SessionID != u.resp.SessionID || v.resp.Password != u.resp.Password {
			t.Errorf("got %+v, want %+v", v.resp, u.resp)
		}
		equal(t, "owner", v.stat(path).EphemeralOwner, u.resp.SessionID)
	}},
	{"C09", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		for asked, want := range map[int32]int32{5000: 5000, 1: MinSessionMs, 99_999: MaxSessionMs} {
			v := attach(t, s, &wire.ConnectRequest{TimeoutMs: asked, SessionID: u.resp.SessionID, Password: u.resp.Password[:], HasReadOnly: true})
			equal(t, "timeout", v.resp.TimeoutMs, want)
		}
	}},
	{"C10", "closes the legitimate connection too", func(t *testing.T, s *Server) {
		u := connect(t, s)
		wrong := slices.Clone(u.resp.Password[:])
		wrong[3]++
		refused(t, s, &wire.ConnectRequest{TimeoutMs: 5000, SessionID: u.resp.SessionID, Password: wrong, HasReadOnly: true})
		refused(t, s, &wire.ConnectRequest{TimeoutMs: 5000, SessionID: u.resp.SessionID, HasReadOnly: true})
		equal(t, "a request of the legitimate client", u.read(wire.OpExists, "/", false), wire.OK)
	}},
	{"C11", "", func(t *testing.T, s *Server) {
		for _, id := range []int64{0x4711, -1} {
			refused(t, s, &wire.ConnectRequest{TimeoutMs: 5000, SessionID: id, Password: make([]byte, 16), HasReadOnly: true})
		}
		u := connect(t, s)
		u.do(wire.OpCloseSession, nil)
		refused(t, s, &wire.ConnectRequest{TimeoutMs: 5000, SessionID: u.resp.SessionID, Password: u.resp.Password[:], HasReadOnly: true})
	}},
	{"C12", "", func(t *testing.T, s *Server) {
		c, req := dial(t, s), newSession()
		req.LastZxidSeen = 1 << 60
		_ = c.Send(req.Append(nil))
		wantClosed(t, "a zxid ahead of the server's", c)
	}},
	{"C13", "", func(t *testing.T, s *Server) {
		c, begin := dial(t, s), time.Now()
		wantClosed(t, "a silent connection", c)
		if d := time.Since(begin); d < 1500*time.Millisecond || d > 8*time.Second {
			t.Errorf("closed after %v; it may be silent for two seconds", d)
		}
	}},
	{"C14", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		body := setRecord(path, "", -1)
		room := wire.FrameBytesMax - wire.RequestHeaderBytes - len(body)
		equal(t, "a frame of the longest length", u.do(wire.OpSetData, append(body, make([]byte, room)...)).Err, wire.OK)
		u.send(wire.OpSetData, append(body, make([]byte, room+1)...))
		u.ends()
		v := connect(t, s)
		_ = v.conn.Write([]byte{0xff, 0xff, 0xff, 0xff})
		v.ends()
		c := dial(t, s)
		_ = c.Write([]byte{0x80, 0, 0, 0})
		wantClosed(t, "a negative length", c)
		w := connect(t, s)
		_ = w.conn.Send([]byte{0, 0, 0, 1, 0, 0, 0})
		w.ends()
	}},
	{"C15", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		for _, o := range []op{{wire.OpCreate, createRecord("/x", "abc", 0, openACL)}, {wire.OpDelete, pathVersion("/x", 1)},
			{wire.OpSetData, setRecord("/x", "abc", 1)}, {wire.OpGetData, watchRecord("/x", true)}, {wire.OpGetACL, pathRecord("/x")},
			{wire.OpMulti, multiRecord(op{wire.OpCheck, pathVersion("/", -1)})}, {wire.OpAddWatch, modeRecord("/x", 0)},
			{wire.OpSync, pathRecord("/x")}, {wire.OpSetWatches, make([]byte, 20)}} {
			for cut := 0; cut < len(o.body); cut++ {
				if code := u.do(o.code, o.body[:cut]).Err; code != wire.ErrMarshalling {
					t.Errorf("%v cut to %d of %d bytes: %v", o.code, cut, len(o.body), code)
				}
			}
		}
	}},
	{"C16", "", func(t *testing.T, s *Server) {
		for _, code := range []wire.OpCode{wire.OpNotification, 10, 99, 200, wire.OpError, -2, 1 << 30} {
			u := connect(t, s)
			r := u.do(code, []byte("whatever it is"))
			if r.Err != wire.ErrUnimplemented || r.Zxid != -1 {
				t.Errorf("operation %d: got %+v", code, r.ReplyHeader)
			}
			u.ends()
		}
	}},
	{"C17", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		const n = 10_000
		go func() {
			var b []byte
			for i := range int32(n) {
				switch i % 5 {
				case 0:
					b = AppendRequest(b, i+1, wire.OpSetData, setRecord(path, fmt.Sprint(i), -1))
				case 1:
					b = AppendRequest(b, i+1, wire.OpGetData, watchRecord(path, false))
				case 2:
					b = AppendRequest(b, i+1, wire.OpSync, pathRecord(path))
				case 3:
					b = AppendRequest(b, i+1, wire.OpCreate, createRecord(path+"/x-", "", wire.FlagPersistentSequential, openACL))
				case 4:
					b = AppendRequest(b, i+1, wire.OpGetChildren, watchRecord("/zookeeper", false))
				}
			}
			_ = u.conn.Write(b)
		}()
		for i := range int32(n) {
			if r := u.receive(); r.Xid != i+1 || r.Err != wire.OK {
				t.Fatalf("reply %d: got xid %d, %v", i+1, r.Xid, r.Err)
			}
			if i%5 == 1 {
				var d wire.DataResponse
				body := wire.NewReader(u.last.Body)
				if d.Decode(&body); string(d.Data) != fmt.Sprint(i-1) {
					t.Fatalf("read %d: got %q, want what was written right before", i, d.Data)
				}
			}
		}
		for _, xid := range []int32{0, -77, -9} {
			u.do2(xid, wire.OpExists, watchRecord("/", false))
		}
	}},
}
