package compatibility

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

// limit puts a quota on a node.
func limit(u *user, path, limits string) (stats string) {
	u.t.Helper()
	quota := "/zookeeper/quota" + path
	u.made(quota, "", 0)
	u.made(quota+"/zookeeper_limits", limits, 0)
	u.made(quota+"/zookeeper_stats", "count=0,bytes=0", 0)
	return quota + "/zookeeper_stats"
}

var quotaRows = []row{
	{"U01", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.made(path+"/a", "12345", 0)
		stats := limit(u, path, "count=100,bytes=1000")
		want := func(count, bytes int) {
			t.Helper()
			data, stat := u.get(stats)
			equal(t, "statistics", string(data), fmt.Sprintf("count=%d,bytes=%d", count, bytes))
			equal(t, "version", stat.Version, 0)
		}
		want(2, 5)
		u.read(wire.OpGetData, stats, true)
		u.made(path+"/b", "678", 0)
		want(3, 8)
		u.set(path+"/b", "", -1)
		want(3, 5)
		u.delete(path+"/a", -1)
		want(2, 0)
		u.wantEvents()
	}},
	{"U03", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.made(path+"/soft", "", 0)
		u.made(path+"/hard", "", 0)
		limit(u, path, "count=1,bytes=1")
		u.made(path+"/soft/a", "over both limits", 0)
		u.made("/zookeeper/quota"+path+"/hard", "", 0)
		u.made("/zookeeper/quota"+path+"/hard/zookeeper_limits", "count=-1,bytes=-1=;byteHardLimit=4;countHardLimit=3", 0)
		u.made("/zookeeper/quota"+path+"/hard/zookeeper_stats", "count=0,bytes=0", 0)
		u.made(path+"/hard/a", "12", 0)
		equal(t, "too many bytes", u.set(path+"/hard/a", "12345", -1), wire.ErrQuotaExceeded)
		equal(t, "as many as allowed", u.set(path+"/hard/a", "1234", -1), wire.OK)
		u.made(path+"/hard/b", "", 0)
		_, code := u.create(path+"/hard/c", "", 0)
		equal(t, "too many nodes", code, wire.ErrQuotaExceeded)
		equal(t, "in a multi", u.multi(wire.OpMulti, creating(path+"/hard/d")), []string{"-125"})
		equal(t, "fewer bytes", u.set(path+"/hard/a", "1", -1), wire.OK)
	}},
	{"U03b", "judges by what is applied already, without the operations before in the multi", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		limit(u, path, "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=2")
		equal(t, "one too many", u.multi(wire.OpMulti, creating(path+"/a"), creating(path+"/b")), []string{"0", "-125"})
		equal(t, "one for another", len(u.multi(wire.OpMulti, creating(path+"/a"), op{wire.OpDelete, pathVersion(path+"/a", -1)}, creating(path+"/b"))), 3)
		equal(t, "children", strings.Join(u.children(path), " "), "b")
	}},
	{"U04", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		limit(u, path, "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=1")
		_, code := u.create(path+"/a", "", 0)
		equal(t, "with limits", code, wire.ErrQuotaExceeded)
		u.delete("/zookeeper/quota"+path+"/zookeeper_limits", -1)
		u.made(path+"/a", "", 0)
	}},
}
