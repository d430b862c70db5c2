package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/rs/zerolog"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// cluster is a set of nodes in this process, on loopback ports of their own.
type cluster struct {
	t     *testing.T
	opts  []Options
	nodes []*Node
}

func newCluster(t *testing.T, size int, change ...func(*Options)) *cluster {
	t.Helper()
	c := &cluster{t: t}
	ports := processes.FreePorts(t, 3*size)
	var members []Member
	for i := range size {
		members = append(members, Member{ID: zxid.ServerID(i + 1), Voter: true,
			ServerAddress: fmt.Sprintf("127.0.0.1:%d", ports[3*i]), LeaderAddress: fmt.Sprintf("127.0.0.1:%d", ports[3*i+1]),
			Row: fmt.Sprintf("127.0.0.1:%d:%d:participant;127.0.0.1:%d", ports[3*i+1], ports[3*i], ports[3*i+2])})
	}
	for i := range size {
		c.opts = append(c.opts, Options{ID: zxid.ServerID(i + 1), DataDir: t.TempDir(), Members: members, TableHash: 1,
			ClientAddress: fmt.Sprintf("127.0.0.1:%d", ports[3*i+2]), FourLetterWords: []string{"*"}, Version: "test",
			Log: zerolog.New(zerolog.NewTestWriter(t)).With().Int("server", i+1).Timestamp().Logger(), SegmentBytes: 1 << 20})
	}
	for _, f := range change {
		for i := range c.opts {
			f(&c.opts[i])
		}
	}
	c.nodes = make([]*Node, size)
	for i := range size {
		c.start(i)
	}
	t.Cleanup(func() {
		for i := range c.nodes {
			c.stop(i)
		}
	})
	return c
}

func (c *cluster) start(i int) {
	c.t.Helper()
	n, err := Open(c.opts[i])
	if err != nil {
		c.t.Fatalf("server %d: %v", i+1, err)
	}
	c.nodes[i] = n
}

func (c *cluster) stop(i int) {
	if c.nodes[i] == nil {
		return
	}
	if err := c.nodes[i].Close(); err != nil {
		c.t.Errorf("server %d: %v", i+1, err)
	}
	c.nodes[i] = nil
}

// eventually waits until what holds, for as long as a slow machine may need.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not true: %s", what)
		}
	}
}

func (c *cluster) awaitServing() {
	c.t.Helper()
	eventually(c.t, "every server serves", func() bool {
		for _, n := range c.nodes {
			if n != nil && !n.Serving() {
				return false
			}
		}
		return true
	})
}

func (c *cluster) addresses() []string {
	var out []string
	for _, o := range c.opts {
		out = append(out, o.ClientAddress)
	}
	return out
}

func (c *cluster) connect(addresses ...string) *zk.Conn {
	c.t.Helper()
	if len(addresses) == 0 {
		addresses = c.addresses()
	}
	conn, _, err := zk.Connect(addresses, 10*time.Second, zk.WithLogInfo(false))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(conn.Close)
	return conn
}

// covers: O07
func TestClusterServesAndFailsOver(t *testing.T) {
	c := newCluster(t, 3)
	c.awaitServing()
	conn := c.connect()
	if _, err := conn.Create("/a", []byte("one"), 0, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	for i := range c.nodes {
		if c.nodes[i].roleText.Load().mode == "leader" {
			c.stop(i)
			defer c.start(i)
			break
		}
	}
	eventually(t, "a write succeeds after the leader was stopped", func() bool {
		_, err := conn.Set("/a", []byte("two"), -1)
		return err == nil
	})
	data, _, err := conn.Get("/a")
	if err != nil || string(data) != "two" {
		t.Errorf("read %q, %v", data, err)
	}
}
