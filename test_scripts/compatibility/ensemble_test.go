package compatibility

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

func (s *Server) mode() string {
	_, mode, _ := strings.Cut(s.Word("srvr"), "Mode: ")
	mode, _, _ = strings.Cut(mode, "\n")
	return mode
}

// leaderFirst sorts the leader to the front.
func leaderFirst(t *testing.T, all []*Server) []*Server {
	t.Helper()
	for i, s := range all {
		if s.mode() == "leader" {
			all[0], all[i] = all[i], all[0]
			return all
		}
	}
	t.Fatal("nobody leads")
	return nil
}

// resume attaches u's session to one of these servers, as soon as one serves.
func (u *user) resume(t *testing.T, servers ...*Server) *user {
	t.Helper()
	req := &wire.ConnectRequest{LastZxidSeen: u.seen, TimeoutMs: u.resp.TimeoutMs, SessionID: u.resp.SessionID, Password: u.resp.Password[:], HasReadOnly: true}
	for i, end := 0, time.Now().Add(time.Minute); time.Now().Before(end); i++ {
		conn, err := Dial(servers[i%len(servers)].Address)
		if err != nil {
			continue
		}
		resp, err := conn.Connect(req)
		if err != nil {
			conn.Close()
			continue
		}
		if resp.SessionID == 0 {
			t.Fatal("the session was lost")
		}
		t.Cleanup(conn.Close)
		return &user{t: t, s: u.s, conn: conn, resp: resp, xid: u.xid, seen: u.seen}
	}
	t.Fatal("no server takes the session")
	return nil
}

// TestLeaderIsKilled: everything that was answered is there under the next
// leader, numbers go on, and a silent session lives for its time and no longer.
//
// covers: O07, S04, Q05
func TestLeaderIsKilled(t *testing.T) {
	t.Parallel() // it waits, mostly
	all := leaderFirst(t, startEnsemble(t))
	u := connectFor(t, all[0], 20_000)
	path := home(t, u)
	for i := range 50 {
		equal(t, "name", u.made(path+"/s-", "", wire.FlagPersistentSequential), fmt.Sprintf("%s/s-%010d", path, i))
	}
	const timeoutMs = 3000
	silent := connectFor(t, all[0], timeoutMs)
	silent.made(path+"/silent", "", wire.FlagEphemeral)
	begin := time.Now() // it is heard no later than here
	all[0].Kill()
	u.conn.Close()
	v := u.resume(t, all[1], all[2])
	equal(t, "name", v.made(path+"/s-", "", wire.FlagPersistentSequential), path+"/s-0000000051")
	equal(t, "children", len(v.children(path)), 52)
	for v.read(wire.OpExists, path+"/silent", false) == wire.OK {
		if time.Since(begin) > time.Minute {
			t.Fatal("the silent session does not expire")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if d := time.Since(begin); d < (timeoutMs-50)*time.Millisecond {
		t.Errorf("a session of %d ms is gone after %v", timeoutMs, d)
	}
	refused(t, all[1], &wire.ConnectRequest{TimeoutMs: timeoutMs, SessionID: silent.resp.SessionID, Password: silent.resp.Password[:], HasReadOnly: true})
}

// TestMinority: a server without the others acknowledges nothing and hangs up,
// on connections that are there and on new ones, and nobody's session is lost.
//
// covers: O06, C18
func TestMinority(t *testing.T) {
	t.Parallel() // it waits, mostly
	all := leaderFirst(t, startEnsemble(t))
	for _, left := range []int{0, 1} { // a leader that loses its followers, a follower that is left alone
		u := connectFor(t, all[left], 30_000)
		path := u.made("/"+fmt.Sprint(left), "before", 0)
		for i, s := range all {
			if i != left {
				s.Kill()
			}
		}
		u.send(wire.OpSetData, setRecord(path, "never answered", -1))
		u.ends()
		for {
			c := dial(t, all[left])
			_ = c.Send(newSession().Append(nil))
			if _, err := c.ReadFrame(); ending(err) == "closed" {
				break // at the latest when it has noticed
			}
			c.Close()
		}
		for i, s := range all {
			if i != left {
				if err := s.launch(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, s := range all {
			if err := s.await(); err != nil {
				t.Fatal(err)
			}
		}
		u = u.resume(t, all...)
		data, _ := u.get(path)
		if got := string(data); got != "before" && got != "never answered" {
			t.Errorf("read %q", got)
		}
		all = leaderFirst(t, all)
	}
}

// TestEnsembleRestarts kills all servers at once, and then one after another:
// sessions, ephemerals, numbers and what was answered are there.
//
// covers: S08, Q05, O05, O08, G12
func TestEnsembleRestarts(t *testing.T) {
	all := startEnsemble(t)
	u := connectFor(t, all[0], MaxSessionMs)
	path := home(t, u)
	u.made(path+"/e", "", wire.FlagEphemeral)
	for i := range 20 {
		u.made(path+"/s-", fmt.Sprint(i), wire.FlagPersistentSequential)
	}
	u.delete(path+"/s-0000000020", -1)
	before := u.stat(path)
	for _, s := range all {
		s.Kill()
	}
	for _, s := range all {
		if err := s.launch(); err != nil {
			t.Fatal(err)
		}
	}
	u = u.resume(t, all...)
	equal(t, "Stat", u.stat(path), before)
	equal(t, "owner", u.stat(path+"/e").EphemeralOwner, u.resp.SessionID)
	equal(t, "next name", u.made(path+"/s-", "", wire.FlagPersistentSequential), path+"/s-0000000021")
	for i, s := range all {
		if err := s.await(); err != nil {
			t.Fatal(err)
		}
		s.Kill()
		u.conn.Close()
		u = u.resume(t, all[(i+1)%3], all[(i+2)%3])
		equal(t, "a write while one is away", u.made(path+"/s-", "", wire.FlagPersistentSequential), fmt.Sprintf("%s/s-%010d", path, 22+i))
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		u.conn.Close()
		u = u.resume(t, s) // which has caught up, or the session would not be taken
		equal(t, "the write on the one that came back", u.read(wire.OpExists, fmt.Sprintf("%s/s-%010d", path, 22+i), false), wire.OK)
	}
	equal(t, "owner", u.stat(path+"/e").EphemeralOwner, u.resp.SessionID)
}

// TestObserver: an observer serves reads and passes writes on, is not needed for
// them, and is no substitute for a voter.
//
// covers: G08
func TestObserver(t *testing.T) {
	all := startEnsembleWith(t, 1)
	observer := all[2]
	equal(t, "mode", observer.mode(), "observer")
	u, v := connect(t, observer), connect(t, all[0])
	path := home(t, u)
	u.read(wire.OpGetData, path, true)
	v.do(wire.OpSync, pathRecord(path))
	equal(t, "a write by a voter", v.set(path, "voter", 0), wire.OK)
	u.do(wire.OpSync, pathRecord(path))
	data, _ := u.get(path)
	equal(t, "read", string(data), "voter")
	equal(t, "events", u.told, []string{"DataChanged " + path})
	equal(t, "a write by the observer", u.set(path, "observer", 1), wire.OK)
	observer.Kill()
	equal(t, "a write without the observer", v.set(path, "without", 2), wire.OK)
	if err := observer.Start(); err != nil {
		t.Fatal(err)
	}
	u = u.resume(t, observer)
	u.do(wire.OpSync, pathRecord(path))
	data, _ = u.get(path)
	equal(t, "read after its return", string(data), "without")
	all[1].Kill()
	u.send(wire.OpSetData, setRecord(path, "never answered", -1))
	u.ends()
}

// covers: Y02
func TestConfigurationNode(t *testing.T) {
	all := startEnsemble(t)
	for _, s := range all {
		data, _ := connect(t, s).get("/zookeeper/config")
		lines := strings.Split(string(data), "\n")
		if len(lines) != EnsembleSize+1 || !strings.HasPrefix(lines[EnsembleSize], "version=") {
			t.Fatalf("got %q", data)
		}
		for i, line := range lines[:EnsembleSize] {
			if server, err := wire.ParseEnsembleServer(line); err != nil || int(server.Number) != i+1 || server.ClientAddress() != all[i].Address {
				t.Errorf("line %q: %+v, %v", line, server, err)
			}
		}
	}
}
