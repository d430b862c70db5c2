package compatibility

import (
	"slices"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

// row is one row of the feature table as a check against a server.
type row struct {
	id string
	// later says what the reference does not do yet, or does not do right; then
	// the row is about zabkeeper alone.
	later string
	check func(t *testing.T, s *Server)
}

// oneServerRows are rows that cannot hold where every connection goes to another
// server, by nature.
var oneServerRows = map[string]string{
	"T08": "the configuration of three servers is not empty, it says who they are",
}

// TestConformance checks every row against zabkeeper, against three servers of it
// of which each connection goes to another one, and against ZooKeeper where it is
// installed and the row holds there.
//
// covers: T08
func TestConformance(t *testing.T) {
	servers := []*Server{startZabkeeper(t)}
	if ZooKeeperInstalled() {
		servers = append(servers, startZooKeeper(t))
	} else {
		t.Log("ZooKeeper is not installed: the rows are checked against zabkeeper alone")
	}
	for _, s := range servers {
		checkFirst(t, s)
	}
	ensemble := startEnsemble(t)
	rows := slices.Concat(connectionRows, sessionRows, memberRows, nodeRows, statRows, sequenceRows, watchRows, watchListRows, multiRows, aclRows, quotaRows, wordRows, monitoringRows)
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.id] {
			t.Errorf("row %s is there twice", r.id)
		}
		seen[r.id] = true
	}
	for _, r := range rows {
		t.Run(r.id, func(t *testing.T) {
			t.Parallel()
			for _, s := range servers {
				if r.later == "" || s.Name == "zabkeeper" {
					t.Run(s.Name, func(t *testing.T) { r.check(t, s) })
				}
			}
			if oneServerRows[r.id] == "" {
				several := Several(ensemble)
				t.Run(several.Name, func(t *testing.T) { r.check(t, several) })
			}
		})
	}
}

// checkFirst is row T08, which needs an empty server.
func checkFirst(t *testing.T, s *Server) {
	t.Run("T08/"+s.Name, func(t *testing.T) {
		u := connect(t, s)
		equal(t, "root", u.stat("/"), wire.Stat{Cversion: -1, NumChildren: 1})
		equal(t, "/zookeeper", u.stat("/zookeeper"), wire.Stat{Cversion: -2, NumChildren: 2})
		equal(t, "/zookeeper/quota", u.stat("/zookeeper/quota"), wire.Stat{})
		equal(t, "/zookeeper/config", u.stat("/zookeeper/config"), wire.Stat{Aversion: -1})
		equal(t, "system nodes", u.children("/zookeeper"), []string{"config", "quota"})
	})
}

// home makes a node for a row to work below.
func home(t *testing.T, u *user) string {
	t.Helper()
	return u.made("/"+strings.NewReplacer("/", "-", "TestConformance-", "").Replace(t.Name()), "", 0)
}
