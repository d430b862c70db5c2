package compatibility

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	zab "github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/wire"
)

func library(t *testing.T, s *Server, o zab.Options) *zab.Client {
	t.Helper()
	o.Servers = []string{s.Address}
	c, err := zab.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	return c
}

// TestExtensionsAgainstZooKeeper: the client library finds out what a ZooKeeper
// does not have without losing its connection, says so, and falls back.
func TestExtensionsAgainstZooKeeper(t *testing.T) {
	s, ctx := startZooKeeper(t), t.Context()
	c := library(t, s, zab.Options{})
	if set, err := c.Extensions(ctx); set != 0 || err != nil {
		t.Errorf("extensions: got %b, %v, want none", set, err)
	}
	if _, err := c.Create(ctx, "/x", nil, zab.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprintf("n%02d", i))
		if _, err := c.Create(ctx, "/x/"+want[i], []byte("data"), zab.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	session := c.SessionID()
	_, _, get := c.Linearizable().Get(ctx, "/x")
	_, parents := c.Create(ctx, "/y/z", nil, zab.CreateOptions{Parents: true})
	_, recursive := c.DeleteRecursive(ctx, "/x", zab.AnyVersion, 0)
	_, multi := c.Multi(ctx, new(zab.Ops).Check("/x", 0).CheckNotExists("/y"))
	for i, err := range []error{get, parents, recursive, multi} {
		if !errors.Is(err, zab.ErrUnsupported) {
			t.Errorf("call %d: got %v, want %v", i, err, zab.ErrUnsupported)
		}
	}
	var got []string
	for child, err := range c.AllChildren(ctx, "/x", zab.PageOptions{Limit: 7, Stats: true}) {
		if err != nil || child.Stat.DataLength != 4 {
			t.Fatalf("got %+v, %v", child, err)
		}
		got = append(got, child.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages: got %v, want %v", got, want)
	}
	if done, err := c.DeleteAll(ctx, "/x", 0); err != nil || done != (zab.Deleted{Nodes: 31}) {
		t.Errorf("delete all: got %+v, %v", done, err)
	}
	if c.SessionID() != session || c.State() != zab.StateConnected {
		t.Errorf("got session %x, %v, want %x all the time", c.SessionID(), c.State(), session)
	}
	// The client's own limit is checked against what a ZooKeeper sends, as before.
	limited := library(t, s, zab.Options{ReplyBytesMax: wire.ReplyLimitMin})
	if _, _, err := limited.Get(ctx, "/"); err != nil {
		t.Errorf("with a limit of its own: %v", err)
	}
}

// TestZooKeeperHangsUpOnExtensions is why a client has to ask first.
func TestZooKeeperHangsUpOnExtensions(t *testing.T) {
	s := startZooKeeper(t)
	u := connect(t, s)
	req := wire.ListPageRequest{Path: []byte("/")}
	equal(t, "listPage", u.do(wire.OpListPage, req.Append(nil)).Err, wire.ErrUnimplemented)
	u.ends()
	equal(t, "what is asked first", connect(t, s).read(wire.OpGetData, wire.PathExtensions, false), wire.ErrNoNode)
}

// TestExtensionsAreInNobodysWay: the node that names them is in no list, no count
// and no recursive watch of a client that does not look for it.
func TestExtensionsAreInNobodysWay(t *testing.T) {
	s := startZabkeeper(t)
	u := connect(t, s)
	equal(t, "children", u.children("/zookeeper"), []string{"config", "quota"})
	equal(t, "stat", u.stat("/zookeeper"), wire.Stat{Cversion: -2, NumChildren: 2})
	r := wire.NewReader(u.do(wire.OpGetAllChildrenNumber, pathRecord("/")).Body)
	equal(t, "nodes", r.Int(), 3)
	data, stat := u.get(wire.PathExtensions)
	equal(t, "extensions", wire.ParseExtensions(data).Has(zab.ExtListPage|zab.ExtLinearizable), true)
	equal(t, "stat of it", stat, wire.Stat{DataLength: int32(len(data))})
}
