package compatibility

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

// memberRows are about sessions that go from server to server. They hold on one
// server, too, where it is the connection alone that changes.
var memberRows = []row{
	{"C08", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.made(path+"/e", "", wire.FlagEphemeral)
		for i := range 6 {
			wrote := u.do(wire.OpSetData, setRecord(path+"/e", strconv.Itoa(i), int32(i))).Zxid
			u.conn.Close()
			// The client's own zxid is enough: no sync stands between write and read.
			v := attachWhenReady(t, s, &wire.ConnectRequest{LastZxidSeen: wrote, TimeoutMs: 20_000, SessionID: u.resp.SessionID,
				Password: u.resp.Password[:], HasReadOnly: true})
			v.seen = wrote
			data, stat := v.get(path + "/e")
			equal(t, "own write on the next server", fmt.Sprintf("%s of %x", data, stat.EphemeralOwner), fmt.Sprintf("%d of %x", i, u.resp.SessionID))
			u = v
		}
	}},
	{"S07", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		v := u.again()
		equal(t, "a request of the new connection", v.read(wire.OpExists, path, false), wire.OK)
		_ = u.conn.Request(77, wire.OpCreate, createRecord(path+"/late", "", 0, openACL))
		u.ends()
		equal(t, "children", v.children(path), []string{})
	}},
	{"O03", "", func(t *testing.T, s *Server) {
		u, writer := connect(t, s), connect(t, s)
		path := home(t, writer)
		u.catchUp()
		last, zxid := -1, u.seen
		for i := range 60 {
			writer.set(path, strconv.Itoa(i), -1)
			// u may read something old, but never older than what it has read; it
			// takes part in no sync, and tells the next server what it has seen.
			u = attachWhenReady(t, s, &wire.ConnectRequest{LastZxidSeen: zxid, TimeoutMs: 20_000, SessionID: u.resp.SessionID,
				Password: u.resp.Password[:], HasReadOnly: true})
			u.seen = 1<<63 - 1
			data, _ := u.get(path)
			got := -1
			if len(data) > 0 {
				got, _ = strconv.Atoi(string(data))
			}
			if got < last || u.last.Zxid < zxid {
				t.Fatalf("read %d at %x after %d at %x", got, u.last.Zxid, last, zxid)
			}
			last, zxid = got, u.last.Zxid
		}
	}},
}

// attachWhenReady goes on to the next server while one is behind the client.
func attachWhenReady(t *testing.T, s *Server, req *wire.ConnectRequest) *user {
	t.Helper()
	for range 100 {
		conn, err := Dial(s.next())
		if err != nil {
			t.Fatal(err)
		}
		resp, err := conn.Connect(req)
		if err == nil && resp.SessionID != 0 {
			t.Cleanup(conn.Close)
			return &user{t: t, s: s, conn: conn, resp: resp}
		}
		conn.Close()
	}
	t.Fatal("no server takes the session")
	return nil
}
