package node

import (
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/tree"
)

// N01, N02, N05, N09: the leader removes a container after its last child and a
// TTL node after its time, with the usual events, and keeps a container that
// never had a child.
//
// covers: N01, N02, N05, N09
func TestReaping(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) {
		o.Reaping = replica.Reaping{Interval: 20, PerMinute: 1_000_000}
		o.Settings = tree.SettingExtendedTypes
	})
	c.awaitServing()
	conn := c.connect()
	acl := zk.WorldACL(zk.PermAll)
	must := func(_ string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(conn.CreateContainer("/used", nil, zk.FlagContainer, acl))
	must(conn.CreateContainer("/unused", nil, zk.FlagContainer, acl))
	must(conn.Create("/used/child", nil, 0, acl))
	must(conn.CreateTTL("/mortal", nil, zk.FlagTTL, acl, 50*time.Millisecond))
	_, _, gone, err := conn.ExistsW("/used")
	must("", err)
	must("", conn.Delete("/used/child", -1))
	if e := <-gone; e.Type != zk.EventNodeDeleted {
		t.Errorf("event %v, want deleted", e.Type)
	}
	eventually(t, "the TTL node is gone", func() bool {
		there, _, err := conn.Exists("/mortal")
		return err == nil && !there
	})
	if there, _, err := conn.Exists("/unused"); !there || err != nil {
		t.Errorf("a container that never had a child: there %v, %v", there, err)
	}
}
