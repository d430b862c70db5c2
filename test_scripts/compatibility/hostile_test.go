package compatibility

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

// residentMax is how much more memory a server may hold than before an attack.
// What is bounded is far below it, and what grows with every socket or with a
// length that was only announced is far above.
const residentMax = 256 << 20

// residentBytes is what the process holds in memory.
func residentBytes(t *testing.T, s *Server) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if kB, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(kB), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// attack is something that nobody's client does. serving is to be called while
// the attack is at its worst.
type attack struct {
	name string
	run  func(t *testing.T, s *Server, serving func())
}

// dials opens n connections and writes the same on each.
func dials(t *testing.T, s *Server, n int, b []byte) []*RawConn {
	t.Helper()
	all := make([]*RawConn, n)
	for i := range all {
		c, err := Dial(s.Address)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = c
		_ = c.Write(b)
	}
	return all
}

func hangUpAll(all []*RawConn) {
	for _, c := range all {
		c.Close()
	}
}

// announced is a frame of which there is only the length, and rest.
func announced(length uint32, rest ...byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, length), rest...)
}

var refusedLengths = []uint32{wire.FrameBytesMax + 1, 1 << 24, 0x7fffffff, 0x80000000, 0xffffffff}

var attacks = []attack{
	{"refused lengths before a session", func(t *testing.T, s *Server, serving func()) {
		for _, n := range refusedLengths {
			all := dials(t, s, 100, announced(n, make([]byte, 1000)...))
			for _, c := range all {
				wantClosed(t, fmt.Sprintf("length %x", n), c)
			}
			hangUpAll(all)
		}
		serving()
	}},
	{"refused lengths in a session", func(t *testing.T, s *Server, serving func()) {
		for _, n := range refusedLengths {
			for range 10 {
				u := connect(t, s)
				_ = u.conn.Write(announced(n, make([]byte, 1000)...))
				u.ends()
				u.conn.Close()
			}
		}
		serving()
	}},
	{"announced and never sent", func(t *testing.T, s *Server, serving func()) {
		all := dials(t, s, 1000, announced(wire.FrameBytesMax, 0, 0, 0, 0))
		for range 200 {
			u := connect(t, s)
			_ = u.conn.Write(announced(wire.FrameBytesMax, 0, 0, 0, 1))
		}
		serving()
		for _, c := range all {
			wantClosed(t, "a handshake that does not come", c)
		}
		hangUpAll(all)
	}},
	{"frames that never end", func(t *testing.T, s *Server, serving func()) {
		u := connect(t, s)
		frame := AppendRequest(nil, 1, wire.OpCreate, createRecord(home(t, u)+"/x", strings.Repeat("x", 100_000), 0, openACL))
		var all []*user
		for range 100 {
			v := connect(t, s)
			_ = v.conn.Write(frame[:len(frame)/2])
			all = append(all, v)
		}
		serving()
		for i, v := range all { // half of them were only slow
			if i%2 == 0 {
				v.conn.Close()
				continue
			}
			_ = v.conn.Write(frame[len(frame)/2:])
			v.receive()
		}
	}},
	{"truncated records", attackWithRecords},
	{"half-open connections", func(t *testing.T, s *Server, serving func()) {
		hello := framed(newSession().Append(nil))
		for _, cut := range []int{0, 1, 4, 10, len(hello) - 1, len(hello)} {
			for _, c := range dials(t, s, 50, hello[:cut]) {
				_ = c.nc.(*net.TCPConn).CloseWrite()
				defer c.Close()
			}
		}
		for range 50 { // gone with a reset
			u := connect(t, s)
			u.send(wire.OpGetChildren, watchRecord("/", true))
			_ = u.conn.nc.(*net.TCPConn).SetLinger(0)
			u.conn.Close()
		}
		serving()
	}},
	{"5,000 idle sockets", func(t *testing.T, s *Server, serving func()) {
		all := dials(t, s, 5000, nil)
		serving()
		for _, c := range all {
			wantClosed(t, "a silent connection", c)
		}
		hangUpAll(all)
	}},
	{"garbage words", func(t *testing.T, s *Server, serving func()) {
		for _, word := range []string{"xxxx", "RUOK", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "stmk\x00\x00", "ruok" + strings.Repeat("ruok", 10_000),
			"oper", "oper" + strings.Repeat("x", 200_000), "    ", "\r\n\r\n", "srvr\x00srvr"} {
			all := dials(t, s, 20, []byte(word))
			for i, c := range all {
				if i%2 == 0 { // the others are let go at once
					for _, err := c.ReadFrame(); err == nil; _, err = c.ReadFrame() {
					}
				}
			}
			hangUpAll(all)
		}
		serving()
	}},
	{"huge passwords", func(t *testing.T, s *Server, serving func()) {
		const others = 44 - 16 + 1
		for _, id := range []int64{0, 0x4711} {
			for range 20 {
				c := dial(t, s)
				resp, err := c.Connect(&wire.ConnectRequest{TimeoutMs: 5000, SessionID: id, Password: make([]byte, wire.FrameBytesMax-others), HasReadOnly: true})
				if err != nil || (resp.SessionID != 0) != (id == 0) {
					t.Errorf("a long password: got %+v, %v", resp, err)
				}
				c.Close()
			}
		}
		all := dials(t, s, 100, framed(append(make([]byte, 24), 0x7f, 0xff, 0xff, 0xff)))
		for _, c := range all {
			wantClosed(t, "a password that is not there", c)
		}
		hangUpAll(all)
		serving()
	}},
	{"replies that nobody reads", func(t *testing.T, s *Server, serving func()) {
		u := connect(t, s)
		path := home(t, u)
		u.set(path, strings.Repeat("x", 1_000_000), -1)
		var requests []byte
		for i := range int32(2000) {
			requests = AppendRequest(requests, i+1, wire.OpGetData, watchRecord(path, false))
		}
		for range 16 {
			v := connect(t, s)
			_ = v.conn.Write(requests)
		}
		serving()
	}},
}

// attackWithRecords sends every operation with bodies that end too early, and
// with lengths inside that nothing follows.
func attackWithRecords(t *testing.T, s *Server, serving func()) {
	u := connect(t, s)
	path := home(t, u)
	bodies := [][]byte{createRecord(path, "data", 0, openACL), ttlRecord(path, 5, 7), setRecord(path, "data", 1), pathVersion(path, 0), watchRecord(path, true),
		modeRecord(path, 1), multiRecord(creating(path+"/a"), op{wire.OpCheck, pathVersion(path, 3)}), multiRecord(op{wire.OpGetData, watchRecord(path, true)}),
		make([]byte, 48), bytes.Repeat([]byte{0xff}, 48), bytes.Repeat([]byte{0x7f, 0xff, 0xff, 0xff}, 12)}
	codes := []wire.OpCode{wire.OpSASL, wire.OpError, wire.OpCreateSession, wire.OpCloseSession, -1000, 1<<31 - 1}
	for code := wire.OpCode(0); code <= 120; code++ {
		codes = append(codes, code)
	}
	for code := wire.OpCode(2000); code <= 2010; code++ {
		codes = append(codes, code)
	}
	for _, code := range codes {
		for _, body := range bodies {
			var out []byte
			for cut := range body {
				out = AppendRequest(out, int32(cut+1), code, body[:cut])
			}
			if err := u.conn.Write(out); err != nil { // it was closed behind the last body
				u = connect(t, s)
				_ = u.conn.Write(out)
			}
			_ = u.conn.Request(wire.XidPing, wire.OpPing, nil)
			for {
				r, err := u.conn.ReadReply()
				if err != nil && ending(err) != "closed" {
					t.Fatalf("operation %d: %v", code, err)
				}
				if err != nil {
					u.conn.Close()
					u = connect(t, s)
					break
				}
				if r.Xid == wire.XidPing {
					break
				}
			}
		}
	}
	serving()
}

// TestHostileFrames lets clients do their worst. Everybody else is served
// meanwhile, and the server's memory stays bounded.
//
// covers: C13, C14, C15, C16
func TestHostileFrames(t *testing.T) {
	s := startZabkeeper(t)
	u := connectFor(t, s, MaxSessionMs)
	path := home(t, u)
	before := residentBytes(t, s)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			a.run(t, s, func() {
				v := *u
				v.t = t
				data := fmt.Sprint("during ", a.name)
				equal(t, "a write", v.set(path, data, -1), wire.OK)
				got, _ := v.get(path)
				equal(t, "a read", string(got), data)
				equal(t, "a new session", connect(t, s).read(wire.OpExists, path, false), wire.OK)
				*u = v
				if grown := residentBytes(t, s) - before; grown > residentMax {
					t.Errorf("the server holds %d MiB more than before", grown>>20)
				} else {
					t.Logf("%d MiB more than before", grown>>20)
				}
			})
		})
		u.t = t
	}
	equal(t, "alive", s.Alive(), true)
	s.Kill()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	data, _ := u.again().get(path)
	equal(t, "after a restart", string(data), "during "+attacks[len(attacks)-1].name)
}
