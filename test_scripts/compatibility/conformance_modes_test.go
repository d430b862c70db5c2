package compatibility

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
	"github.com/zabkeeper/zabkeeper/wire"
)

// limitSetups are rows that need settings of their own, on one server.
var limitSetups = []struct {
	name, lines string
	rows        []row
}{
	{"of one address", "maxClientCnxns=2\n", []row{{"L02", "", checkThirdConnection}}},
	{"of all", "maxCnxns=2\n", []row{{"L03", "", checkThirdConnection}}},
	{"outstanding", "globalOutstandingLimit=2\n", []row{{"L04", "", checkBackpressure}}},
	{"tokens", "connection_throttle_tokens=2\nconnection_throttle_fill_time=3600000\n", []row{{"L05 connections", "", checkTokens}}},
	{"large", "largeRequestThreshold=1000\nlargeRequestMaxBytes=5000\n", []row{{"L05 large requests", "", checkLarge}}},
	{"timeouts", "minSessionTimeout=3000\nmaxSessionTimeout=7000\n", []row{{"L07", "", checkTimeouts}}},
}

// TestConformanceOfLimits is TestConformance for rows that need other settings.
func TestConformanceOfLimits(t *testing.T) {
	t.Parallel() // it waits, mostly
	for _, setup := range limitSetups {
		t.Run(setup.name, func(t *testing.T) {
			for _, s := range startBoth(t, Configuration{Lines: setup.lines}) {
				for _, r := range setup.rows {
					t.Run(r.id+"/"+s.Name, func(t *testing.T) { r.check(t, s) })
				}
			}
		})
	}
}

// startBoth starts both kinds of servers that are there.
func startBoth(t *testing.T, c Configuration) []*Server {
	t.Helper()
	ports, dir := processes.FreePorts(t, 2), memoryDir(t)
	ours, err := StartZabkeeper(processes.Binary, filepath.Join(dir, "zabkeeper"), ports[0], c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ours.Kill)
	if !ZooKeeperInstalled() {
		return []*Server{ours}
	}
	theirs, err := StartZooKeeper(filepath.Join(dir, "ZooKeeper"), ports[1], c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(theirs.Kill)
	return []*Server{ours, theirs}
}

func checkThirdConnection(t *testing.T, s *Server) {
	// The connections of four-letter words that were asked before may linger.
	var open []*RawConn
	t.Cleanup(func() {
		for _, c := range open {
			c.Close()
		}
	})
	until(t, "two connections are let in", func() bool {
		for len(open) < 2 {
			c, err := Dial(s.Address)
			if err != nil {
				return false // a server that closes at once may do so while it is dialled
			}
			if _, err = c.Connect(newSession()); err != nil {
				c.Close()
				return false
			}
			open = append(open, c)
		}
		return true
	})
	wantShut(t, s, "the third connection")
}

// wantShut checks that the server closes a new connection, which it may do while
// it is dialled.
func wantShut(t *testing.T, s *Server, what string) {
	t.Helper()
	c, err := Dial(s.Address)
	if err != nil {
		equal(t, what+", while it is dialled", ending(err), "closed")
		return
	}
	defer c.Close()
	_ = c.Send(newSession().Append(nil))
	wantClosed(t, what, c)
}

func checkBackpressure(t *testing.T, s *Server) {
	var users []*user
	for range 4 {
		users = append(users, connect(t, s))
	}
	const each = 100
	for i, u := range users {
		for j := range each {
			u.send(wire.OpCreate, createRecord(fmt.Sprintf("/%d-%d", i, j), "", 0, openACL))
		}
	}
	for _, u := range users {
		for range each {
			if r := u.receive(); r.Err != wire.OK {
				t.Fatalf("%+v", r)
			}
		}
	}
}

func checkTokens(t *testing.T, s *Server) {
	for i := range 2 {
		if _, err := dial(t, s).Connect(newSession()); err != nil {
			t.Errorf("connection %d: %v", i+1, err)
		}
	}
	wantShut(t, s, "a connection without a token")
}

func checkLarge(t *testing.T, s *Server) {
	u := connect(t, s)
	if _, code := u.create("/large", strings.Repeat("x", 3000), 0); code != wire.OK {
		t.Errorf("one that fits: %v", code)
	}
	u.send(wire.OpSetData, setRecord("/large", strings.Repeat("x", 6000), -1))
	u.ends()
}

func checkTimeouts(t *testing.T, s *Server) {
	for _, c := range []struct{ ask, want int32 }{{-1, 3000}, {100, 3000}, {5000, 5000}, {1 << 30, 7000}} {
		req := newSession()
		req.TimeoutMs = c.ask
		if got, err := dial(t, s).Connect(req); err != nil || got.TimeoutMs != c.want {
			t.Errorf("%d: got %d, %v; want %d", c.ask, got.TimeoutMs, err, c.want)
		}
	}
}

// ensembleOf starts three servers of one kind.
func ensembleOf(t *testing.T, kind, lines string) []*Server {
	t.Helper()
	const size = 3
	ports, dir := processes.FreePorts(t, 3*size), memoryDir(t)
	lines += "initLimit=20\nsyncLimit=10\nadmin.enableServer=false\n"
	for i := range size {
		lines += fmt.Sprintf("server.%d=127.0.0.1:%d:%d\n", i+1, ports[3*i], ports[3*i+1])
	}
	servers, failed := make([]*Server, size), make(chan error, size)
	for i := range size {
		at := filepath.Join(dir, fmt.Sprint(i+1))
		c := Configuration{Lines: lines, Number: i + 1, Java: []string{"-Dreadonlymode.enabled=true"}}
		go func() {
			var err error
			if kind == "zabkeeper" {
				servers[i], err = StartZabkeeper(processes.Binary, at, ports[3*i+2], c)
			} else {
				servers[i], err = StartZooKeeper(at, ports[3*i+2], c)
			}
			failed <- err
		}()
	}
	for range size {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	for _, s := range servers {
		t.Cleanup(s.Kill)
	}
	if t.Failed() {
		t.FailNow()
	}
	return servers
}

// until waits until what holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not true: %s", what)
		}
	}
}

func kinds() []string {
	if ZooKeeperInstalled() {
		return []string{"zabkeeper", "ZooKeeper"}
	}
	return []string{"zabkeeper"}
}

func mntr(s *Server, key string) string {
	for line := range strings.Lines(s.Word("mntr")) {
		if k, v, _ := strings.Cut(strings.TrimSpace(line), "\t"); k == "zk_"+key {
			return v
		}
	}
	return ""
}

// TestConformanceOfLocalSessions is row L01.
//
// covers: L01
func TestConformanceOfLocalSessions(t *testing.T) {
	t.Parallel() // it waits, mostly
	for _, kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			for _, upgrade := range []bool{false, true} {
				t.Run(fmt.Sprintf("upgrade %v", upgrade), func(t *testing.T) {
					servers := ensembleOf(t, kind, fmt.Sprintf("localSessionsEnabled=true\nlocalSessionsUpgradingEnabled=%v\n", upgrade))
					at := slices.IndexFunc(servers, func(s *Server) bool { return strings.Contains(s.Word("srvr"), "Mode: follower") })
					checkLocalSessions(t, servers[at], servers[(at+1)%3], upgrade)
				})
			}
		})
	}
}

func checkLocalSessions(t *testing.T, s, other *Server, upgrade bool) {
	u := connect(t, s)
	if l, g := mntr(s, "local_sessions"), mntr(s, "global_sessions"); l != "1" || g != "0" {
		t.Errorf("%s local and %s global sessions", l, g)
	}
	if !strings.Contains(s.Word("dump"), "Local Session") {
		t.Errorf("dump: %s", s.Word("dump"))
	}
	u.made("/plain", "", 0)
	// Nobody else knows it.
	resp, err := dial(t, other).Connect(&wire.ConnectRequest{TimeoutMs: 20_000, SessionID: u.resp.SessionID, Password: u.resp.Password[:], HasReadOnly: true})
	if err != nil || resp.SessionID != 0 {
		t.Errorf("elsewhere: %+v, %v", resp, err)
	}
	if !upgrade {
		for op, body := range map[wire.OpCode][]byte{wire.OpCreate: createRecord("/live", "", wire.FlagEphemeral, openACL), wire.OpCreate2: createRecord("/live", "", wire.FlagEphemeral, openACL)} {
			if r := u.do(op, body); r.Err != wire.ErrEphemeralOnLocalSession {
				t.Errorf("%v: %v", op, r.Err)
			}
		}
		if r := u.do(wire.OpCloseSession, nil); r.Err != wire.OK {
			t.Errorf("close: %v", r.Err)
		}
		until(t, "the session is gone", func() bool { return mntr(s, "local_sessions") == "0" })
		return
	}
	if _, code := u.create("/live", "", wire.FlagEphemeral); code != wire.OK {
		t.Errorf("create -e: %v", code)
	}
	until(t, "it is a global session", func() bool { return mntr(s, "local_sessions") == "0" && mntr(s, "global_sessions") == "1" })
	u.conn.Close()
	req := &wire.ConnectRequest{TimeoutMs: 20_000, SessionID: u.resp.SessionID, Password: u.resp.Password[:], HasReadOnly: true}
	v := attach(t, other, req)
	if v.resp.SessionID != u.resp.SessionID || v.stat("/live").EphemeralOwner != u.resp.SessionID {
		t.Errorf("the session %x moved as %x", u.resp.SessionID, v.resp.SessionID)
	}
}

// TestConformanceOfReadOnlyMode is rows R01 to R04.
//
// covers: R01, R02, R03, R04
func TestConformanceOfReadOnlyMode(t *testing.T) {
	t.Parallel() // it waits, mostly
	for _, kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			servers := ensembleOf(t, kind, "localSessionsEnabled=true\nlocalSessionsUpgradingEnabled=true\nreadonlymode.enabled=true\n")
			left := slices.IndexFunc(servers, func(s *Server) bool { return strings.Contains(s.Word("srvr"), "Mode: follower") })
			checkReadOnlyMode(t, servers[left], servers[(left+1)%3], servers[(left+2)%3])
		})
	}
}

func checkReadOnlyMode(t *testing.T, s *Server, others ...*Server) {
	global := connect(t, s)
	global.made("/live", "", wire.FlagEphemeral)
	if w := s.Word("isro"); w != "rw" {
		t.Errorf("isro: %q", w)
	}
	for _, o := range others {
		o.Kill()
	}
	until(t, "the server is read-only", func() bool { return s.Word("isro") == "ro" })
	wantClosed(t, "a connection from before", global.conn)
	readOnly := newSession()
	readOnly.ReadOnly = true
	if w := s.Word("srvr"); !strings.Contains(w, "READ-ONLY mode; serving only read-only clients\n") || !strings.Contains(w, "Mode: read-only\n") {
		t.Errorf("srvr: %q", w)
	}
	c := dial(t, s)
	_ = c.Send(newSession().Append(nil))
	wantClosed(t, "a client without the flag", c)
	u := attach(t, s, readOnly)
	if !u.resp.ReadOnly {
		t.Errorf("answer %+v", u.resp)
	}
	u.stat("/live")
	for _, op := range []wire.OpCode{wire.OpCreate, wire.OpDelete, wire.OpSetData, wire.OpSetACL, wire.OpMulti, wire.OpReconfig, wire.OpSync, wire.OpCheck} {
		if r := u.do(op, pathRecord("/live")); r.Err != wire.ErrNotReadOnly {
			t.Errorf("%v: %v", op, r.Err)
		}
	}
	back := &wire.ConnectRequest{TimeoutMs: 20_000, SessionID: global.resp.SessionID, Password: global.resp.Password[:], HasReadOnly: true, ReadOnly: true}
	c = dial(t, s)
	_ = c.Send(back.Append(nil))
	wantClosed(t, "a global session", c)

	if err := others[0].Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "there is a leader", func() bool { return s.Word("isro") == "rw" })
	wantClosed(t, "the read-only connection", u.conn)
	v := attach(t, s, readOnly)
	if v.resp.ReadOnly {
		t.Errorf("answer %+v", v.resp)
	}
	v.made("/new", "", 0)
	attach(t, s, back).stat("/live")
}
