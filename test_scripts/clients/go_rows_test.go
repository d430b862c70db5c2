package clients

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// goRows drives go-zookeeper and notes what it shows.
type goRows struct {
	t           *testing.T
	zk, another *zk.Conn
	lines       []string
}

func (g *goRows) say(row string, what ...any) {
	g.lines = append(g.lines, row+" "+strings.TrimSpace(fmt.Sprintln(what...)))
}

// outcome is a result, or the error in its place.
func outcome(result any, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(result)
}

func (g *goRows) stat(s *zk.Stat, err error) string {
	if err != nil {
		return err.Error()
	}
	owner := "other"
	switch s.EphemeralOwner {
	case 0:
		owner = "none"
	case g.zk.SessionID():
		owner = "own"
	}
	return fmt.Sprintf("version=%d cversion=%d aversion=%d length=%d children=%d owner=%s new=%v", s.Version, s.Cversion, s.Aversion, s.DataLength, s.NumChildren,
		owner, s.Czxid == s.Mzxid)
}

func (g *goRows) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// event waits for what a watch tells.
func (g *goRows) event(c <-chan zk.Event) string {
	g.t.Helper()
	select {
	case e := <-c:
		return e.Type.String() + " " + e.Path
	case <-time.After(20 * time.Second):
		g.t.Fatal("no event")
		return ""
	}
}

const goRoot = "/gorows"

func (g *goRows) nodes() {
	open := zk.WorldACL(zk.PermAll)
	create := func(path string, flags int32) string {
		return outcome(g.zk.Create(goRoot+path, []byte("abc"), flags, open))
	}
	for _, flags := range []int32{0, zk.FlagEphemeral, zk.FlagSequence, zk.FlagEphemeral | zk.FlagSequence, 9} {
		g.say("D01", flags, create(fmt.Sprintf("/n%d-", flags), flags))
	}
	g.say("N01", outcome(g.zk.CreateContainer(goRoot+"/container", nil, zk.FlagContainer, open)))
	for _, ttl := range []time.Duration{time.Hour, 0, -time.Second} {
		g.say("N06", outcome(g.zk.CreateTTL(goRoot+"/ttl", nil, zk.FlagTTL, open, ttl)))
	}
	for _, path := range []string{"/n0-", "/no/x", "/n1-/x", "/bad\x01", "/\u6f22"} {
		g.say("D04", create(path, 0))
	}
	_, stat, err := g.zk.Get(goRoot + "/n1-")
	g.say("T05", g.stat(stat, err))
	g.say("D10", g.stat(g.zk.Set(goRoot+"/n0-", []byte("new"), 0)), g.stat(g.zk.Set(goRoot+"/n0-", nil, 0)), g.stat(g.zk.Set(goRoot+"/none", nil, -1)))
	data, stat, err := g.zk.Get(goRoot + "/n0-")
	g.say("D09", string(data), g.stat(stat, err))
	exists, _, err := g.zk.Exists(goRoot + "/none")
	g.say("D08", exists, err)
	children, stat, err := g.zk.Children(goRoot)
	slices.Sort(children)
	g.say("D12", children, g.stat(stat, err))
	g.say("D06", outcome("deleted", g.zk.Delete(goRoot, -1)), outcome("deleted", g.zk.Delete(goRoot+"/n0-", 5)), outcome("deleted", g.zk.Delete(goRoot+"/n0-", 1)), outcome("deleted", g.zk.Delete("/zookeeper", -1)))
	g.say("D19", outcome(g.zk.Sync("/no/such/path")))
}

func (g *goRows) multis() {
	open := zk.WorldACL(zk.PermAll)
	m := goRoot + "/m"
	tell := func(row string, ops ...any) {
		results, err := g.zk.Multi(ops...)
		var texts []string
		for _, r := range results {
			s := ""
			if r.Stat != nil {
				s = g.stat(r.Stat, nil)
			}
			texts = append(texts, fmt.Sprintf("[%s %s %v]", r.String, s, r.Error))
		}
		g.say(row, texts, err)
	}
	tell("M01", &zk.CreateRequest{Path: m, Data: []byte("1"), Acl: open}, &zk.CreateRequest{Path: m + "/s-", Acl: open, Flags: zk.FlagSequence},
		&zk.CheckVersionRequest{Path: m, Version: 0}, &zk.SetDataRequest{Path: m, Data: []byte("2"), Version: 0}, &zk.DeleteRequest{Path: m + "/s-0000000000", Version: -1})
	tell("M02", &zk.CreateRequest{Path: m + "/never", Acl: open}, &zk.CheckVersionRequest{Path: m, Version: 9}, &zk.DeleteRequest{Path: m, Version: -1})
	tell("M07")
}

func (g *goRows) watches() {
	w := goRoot + "/w"
	_, _, created, err := g.zk.ExistsW(w)
	g.must(err)
	_, err = g.another.Create(w, nil, 0, zk.WorldACL(zk.PermAll))
	g.must(err)
	g.say("W02", g.event(created))
	_, _, changed, err := g.zk.GetW(w)
	g.must(err)
	_, err = g.another.Set(w, []byte("x"), -1)
	g.must(err)
	g.say("W01", g.event(changed))
	_, _, child, err := g.zk.ChildrenW(w)
	g.must(err)
	_, err = g.another.Create(w+"/a", nil, 0, zk.WorldACL(zk.PermAll))
	g.must(err)
	g.say("W03", g.event(child))
	_, _, gone, err := g.zk.GetW(w + "/a")
	g.must(err)
	_, _, goneToo, err := g.zk.ChildrenW(w + "/a")
	g.must(err)
	g.must(g.another.Delete(w+"/a", -1))
	g.say("W04", g.event(gone), g.event(goneToo))
}

func (g *goRows) acls() {
	path := goRoot + "/acl"
	g.must(g.zk.AddAuth("digest", []byte("bob:pw")))
	_, err := g.zk.Create(path, nil, 0, zk.DigestACL(zk.PermAll, "bob", "pw"))
	g.must(err)
	_, err = g.another.Sync("/")
	g.must(err)
	_, _, err = g.another.Get(path)
	g.say("A03", err, g.stat(g.another.Set(path, nil, -1)), outcome(g.another.Create(path+"/x", nil, 0, zk.WorldACL(zk.PermAll))))
	acl, stat, err := g.zk.GetACL(path)
	g.say("A05", acl, g.stat(stat, err))
	g.say("A09", g.stat(g.zk.SetACL(path, zk.AuthACL(zk.PermAll), 0)), g.stat(g.zk.SetACL(path, zk.AuthACL(zk.PermAll), 0)))
	g.say("A07", g.stat(g.zk.SetACL(path, []zk.ACL{{Perms: 31, Scheme: "nonesuch", ID: "x"}}, -1)))
	g.say("G07", outcome(g.zk.IncrementalReconfig([]string{"server.9=127.0.0.1:1:2;3"}, nil, -1)))
}

func (g *goRows) sessions(r *relays) {
	_, err := g.zk.Create(goRoot+"/live", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	g.must(err)
	_, _, comes, err := g.zk.ExistsW(goRoot + "/comes")
	g.must(err)
	id := g.zk.SessionID()
	r.drop()
	for _, c := range []*zk.Conn{g.zk, g.another} {
		processes.Eventually(g.t, "the client is connected again", func() bool {
			_, err := c.Sync("/")
			return err == nil
		})
	}
	_, stat, err := g.zk.Get(goRoot + "/live")
	g.say("C08", g.zk.SessionID() == id, g.stat(stat, err))
	_, err = g.another.Create(goRoot+"/comes", nil, 0, zk.WorldACL(zk.PermAll))
	g.must(err)
	g.say("W11", g.event(comes))
	_, _, gone, err := g.another.ExistsW(goRoot + "/live")
	g.must(err)
	g.zk.Close()
	g.say("S05", g.event(gone))
}

// TestGoRows drives go-zookeeper.
//
// covers: D01, D04, D06, D08, D09, D10, D12, D19, T05, N01, N06, M01, M02, M07, W01, W02, W03, W04, W11, A03, A05, A07, A09, C08, S05, G07, P05
func TestGoRows(t *testing.T) {
	compareRows(t, func(t *testing.T, r *relays) []string {
		connect := func() *zk.Conn {
			conn, _, err := zk.Connect(r.addresses, 20*time.Second, zk.WithLogger(quiet{}))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(conn.Close)
			return conn
		}
		g := &goRows{t: t, zk: connect(), another: connect()}
		if _, err := g.zk.Create(goRoot, nil, 0, zk.WorldACL(zk.PermAll)); err != nil && !errors.Is(err, zk.ErrNodeExists) {
			t.Fatal(err)
		}
		_, _ = g.another.Sync("/")
		g.nodes()
		g.multis()
		g.watches()
		g.acls()
		g.sessions(r)
		return g.lines
	}, nil)
}
