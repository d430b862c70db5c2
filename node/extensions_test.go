package node

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/wire"
)

func (c *cluster) dial(o client.Options) *client.Client {
	c.t.Helper()
	if len(o.Servers) == 0 {
		o.Servers = c.addresses()
	}
	o.SessionTimeout = 10 * time.Second
	conn, err := client.Dial(c.t.Context(), o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close(c.t.Context()) })
	return conn
}

func (c *cluster) dialServer(i int) *client.Client {
	c.t.Helper()
	return c.dial(client.Options{Servers: []string{c.opts[i].ClientAddress}})
}

func TestExtensionsOnThreeServers(t *testing.T) {
	c := newCluster(t, 3)
	c.awaitServing()
	ctx := t.Context()
	first := c.dialServer(0)
	for i := range c.nodes {
		set, err := c.dialServer(i).Extensions(ctx)
		if want := client.ExtLinearizable | client.ExtListPage | client.ExtReplyLimit; err != nil || !set.Has(want) {
			t.Errorf("server %d: got extensions %b, %v", i+1, set, err)
		}
	}
	res, err := first.Multi(ctx, new(client.Ops).CheckNotExists("/a").
		Create("/a/b/c", []byte("x"), client.CreateOptions{Parents: true}).DeleteRecursive("/a/b", 0, 2).
		Create("/a/n-", nil, client.CreateOptions{Parents: true, Mode: client.ModeEphemeralSequential}))
	if err != nil || res[1].Count != 2 || res[2].Count != 2 || res[3].Path != "/a/n-0000000001" || res[3].Count != 0 {
		t.Fatalf("multi: got %+v, %v", res, err)
	}
	_, stat, err := first.Linearizable().Get(ctx, "/a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = first.Multi(ctx, new(client.Ops).CheckCzxid("/a", stat.Czxid, 0).CheckNotExists("/a")); !errors.Is(err, client.ErrNodeExists) {
		t.Errorf("multi of checks: got %v", err)
	}
	for i := range 40 {
		if _, err := first.Create(ctx, fmt.Sprintf("/list/%02d/leaf", i), nil, client.CreateOptions{Parents: true}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range c.nodes {
		other := c.dialServer(i)
		page, err := other.Linearizable().ListPage(ctx, "/list", client.PageOptions{Prefix: "1", After: "12", Limit: 3, Stats: true})
		if err != nil || len(page.Children) != 3 || page.Children[0].Name != "13" || !page.More || page.Children[2].Stat.NumChildren != 1 {
			t.Errorf("server %d: got page %+v, %v", i+1, page, err)
		}
		var names []string
		for child, err := range other.AllChildren(ctx, "/list", client.PageOptions{Limit: 7}) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, child.Name)
		}
		if len(names) != 40 || !slices.IsSorted(names) {
			t.Errorf("server %d: got %d names in pages", i+1, len(names))
		}
	}
	if _, err := first.DeleteRecursive(ctx, "/list", client.AnyVersion, 80); !errors.Is(err, client.ErrLimitExceeded) {
		t.Errorf("above the limit: got %v", err)
	}
	if n, err := first.DeleteRecursive(ctx, "/list", client.AnyVersion, 81); err != nil || n != 81 {
		t.Errorf("got %d deleted, %v, want 81", n, err)
	}
	c.sameTrees()
	c.stop(0) // what it replays gives the same tree again
	c.start(0)
	c.awaitServing()
	c.sameTrees()
}

// sameTrees waits until every server has applied as much, and compares.
func (c *cluster) sameTrees() {
	c.t.Helper()
	sums := func() (zxids, digests []uint64) {
		for _, n := range c.nodes {
			n.tree.RLock()
			zxids = append(zxids, uint64(n.replica.State().Zxid))
			digests = append(digests, n.replica.State().Tree.Digest())
			n.tree.RUnlock()
		}
		return slices.Compact(zxids), slices.Compact(digests)
	}
	eventually(c.t, "all servers have the same tree", func() bool {
		zxids, digests := sums()
		return len(zxids) == 1 && len(digests) == 1
	})
}

// TestLinearizableReads writes at one server and reads at another, which may not
// have heard of the write yet.
func TestLinearizableReads(t *testing.T) {
	c := newCluster(t, 3)
	c.awaitServing()
	var clients []*client.Client
	for i := range c.nodes {
		clients = append(clients, c.dialServer(i))
	}
	ctx := t.Context()
	for i := range 150 {
		path := fmt.Sprintf("/n%d", i)
		writer, reader := clients[i%3], clients[(i/3+i+1)%3]
		if _, err := writer.Create(ctx, path, nil, client.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, found, err := reader.Linearizable().Exists(ctx, path); !found || err != nil {
			t.Fatalf("%s, which was created: got %v, %v", path, found, err)
		}
		names, _, err := reader.Linearizable().Children(ctx, "/")
		if err != nil || !slices.Contains(names, path[1:]) {
			t.Fatalf("%s is not among the children, %v", path, err)
		}
		res, err := reader.Linearizable().MultiRead(ctx, new(client.Reads).Get(path).Get("/none"))
		if err != nil || res[0].Err != nil || res[1].Err != error(client.ErrNoNode) {
			t.Fatalf("multiRead of %s: got %+v, %v", path, res, err)
		}
	}
}

// TestALinearizableReadWaitsForItsGrant looks at the moment in between.
func TestALinearizableReadWaitsForItsGrant(t *testing.T) {
	cl := newCluster(t, 1)
	cl.awaitServing()
	n := cl.nodes[0]
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := newClientConn(n, 1<<40, ours)
	ask := func(xid int32, op wire.OpCode, path string) {
		get := wire.PathWatchRequest{Path: []byte(path)}
		inner := wire.LinearizableRequest{Op: op, Body: get.Append(nil)}
		var w batchWork
		c.mu.Lock()
		c.request(&w, inner.Append(wire.RequestHeader{Xid: xid, Op: wire.OpLinearizable}.Append(nil)), 0)
		if len(w.syncs) != 1 || len(c.out) != 0 {
			t.Errorf("before the grant: %d grants asked for, %d bytes answered; want 1 and 0", len(w.syncs), len(c.out))
		}
		c.mu.Unlock()
		n.tree.RLock()
		c.granted(w.syncs[0])
		n.tree.RUnlock()
	}
	answer := func() (h wire.ReplyHeader) {
		c.mu.Lock()
		defer c.mu.Unlock()
		r := wire.NewReader(c.out[wire.FrameHeaderBytes:])
		h.Decode(&r)
		c.out = c.out[:0]
		return h
	}
	ask(1, wire.OpGetData, "/")
	if h := answer(); h.Xid != 1 || h.Err != wire.OK {
		t.Errorf("got %+v", h)
	}
	for _, op := range []wire.OpCode{wire.OpCreate, wire.OpSync, wire.OpLinearizable, wire.OpPing, wire.OpListPage} {
		ask(2, op, "/")
		if h := answer(); h.Err != wire.ErrMarshalling { // the record of a page is longer
			t.Errorf("%v inside: got %+v", op, h)
		}
	}
}

func TestRepliesAboveTheLimit(t *testing.T) {
	const large = 8000
	c := newCluster(t, 1, func(o *Options) { o.ReplyBytesMax = large / 2 })
	c.awaitServing()
	ctx := t.Context()
	conn := c.dial(client.Options{ReplyBytesMax: wire.ReplyLimitMin})
	if _, err := conn.Create(ctx, "/a", []byte(strings.Repeat("x", large)), client.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.Get(ctx, "/a"); !errors.Is(err, client.ErrReplyTooLarge) {
		t.Errorf("above the announced limit: got %v", err)
	}
	if _, _, _, err := conn.GetW(ctx, "/a"); !errors.Is(err, client.ErrReplyTooLarge) {
		t.Errorf("with a watch: got %v", err)
	}
	if n := c.nodes[0].replica.State().Watches.Count(); n != 0 {
		t.Errorf("%d watches of a reply that nobody saw", n)
	}
	var ops client.Ops
	for i := range 50 {
		ops.Create(fmt.Sprintf("/a/%d", i), nil, client.CreateOptions{})
	}
	if _, err := conn.Multi(ctx, &ops); !errors.Is(err, client.ErrDoneReplyTooLarge) {
		t.Errorf("multi: got %v", err)
	}
	if stat, _, err := conn.Exists(ctx, "/a"); err != nil || stat.NumChildren != 50 {
		t.Errorf("got %d children, %v, want what the multi made", stat.NumChildren, err)
	}
	page, err := conn.ListPage(ctx, "/a", client.PageOptions{Stats: true})
	if err != nil || !page.More || len(page.Children) < 5 {
		t.Errorf("a page within the limit: got %d, %v, %v", len(page.Children), page.More, err)
	}
	old := c.connect()
	if _, _, err := old.Get("/a"); err == nil || !strings.Contains(err.Error(), "-5") {
		t.Errorf("a client that named no limit: got %v", err)
	}
	if _, _, err := old.Children("/a"); err != nil {
		t.Errorf("the next read of that client: %v", err)
	}
	if n := c.nodes[0].counters.replyRefused.Load(); n < 4 {
		t.Errorf("%d refused replies counted, want 4 or more", n)
	}
}
