package client_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/clienttest"
	"github.com/zabkeeper/zabkeeper/node"
	"github.com/zabkeeper/zabkeeper/wire"
)

// startNode is a server of its own with all extensions.
func startNode(t *testing.T) (address string) {
	t.Helper()
	n, err := node.Open(node.Options{ID: 1, DataDir: t.TempDir(), Members: []node.Member{{ID: 1, Voter: true}}, ClientAddress: "127.0.0.1:0",
		Version: "test", Log: zerolog.Nop(), SegmentBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n.ClientAddr().String()
}

func dialNode(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	if o.Servers == nil {
		o.Servers = []string{startNode(t)}
	}
	c, err := client.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	return c
}

// refuseExtensions fails when an operation reaches a server that does not know it.
func refuseExtensions(w *world) {
	w.server.Decide(func(r clienttest.Request) clienttest.Action {
		if r.Op >= wire.OpLinearizable {
			w.Errorf("%v was sent to a server that does not have it", r.Op)
		}
		return clienttest.Answer
	})
}

func TestAgainstAServerWithoutExtensions(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		refuseExtensions(w)
		ctx, c := w.Context(), w.client
		if set, err := c.Extensions(ctx); set != 0 || err != nil {
			t.Errorf("extensions: got %b, %v", set, err)
		}
		w.create("/a", "")
		for _, name := range []string{"x2", "x1", "y", "x3"} {
			w.create("/a/"+name, "data")
		}
		calls := map[string]func() error{
			"linearizable": func() error { _, _, err := c.Linearizable().Get(ctx, "/a"); return err },
			"page":         func() error { _, err := c.Linearizable().ListPage(ctx, "/a", client.PageOptions{}); return err },
			"delete":       func() error { _, err := c.DeleteRecursive(ctx, "/a", -1, 0); return err },
			"parents":      func() error { _, err := c.Create(ctx, "/b/c", nil, client.CreateOptions{Parents: true}); return err },
			"missing":      func() error { _, err := c.Multi(ctx, new(client.Ops).CheckNotExists("/b")); return err },
			"czxid": func() error {
				_, err := c.Multi(ctx, new(client.Ops).Check("/a", 0).CheckCzxid("/a", 1, -1))
				return err
			},
		}
		for name, call := range calls {
			if err := call(); !errors.Is(err, client.ErrUnsupported) {
				t.Errorf("%s: got %v, want %v", name, err, client.ErrUnsupported)
			}
		}
		page, err := c.ListPage(ctx, "/a", client.PageOptions{Prefix: "x", After: "x1", Limit: 1, Stats: true})
		if err != nil || len(page.Children) != 1 || page.Children[0].Name != "x2" || page.Children[0].Stat.DataLength != 4 || !page.More || page.Stat.NumChildren != 4 {
			t.Errorf("page out of the whole list: got %+v, %v", page, err)
		}
		done, err := c.DeleteAll(ctx, "/a", 0)
		if err != nil || done.Atomic || done.Nodes != 5 {
			t.Errorf("delete all: got %+v, %v, want 5 one after another", done, err)
		}
	})
}

// TestAForgedListOfExtensionsIsNotBelieved: in a ZooKeeper anybody can make the
// node, but not with the czxid 0.
func TestAForgedListOfExtensionsIsNotBelieved(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		refuseExtensions(w)
		w.create("/zookeeper", "")
		w.create(wire.PathExtensions, string(wire.AppendExtensions(nil)))
		w.server.Drop()
		synctest.Wait()
		for range 2 { // the second one is certainly asked on the new connection
			_, err := w.client.DeleteRecursive(w.Context(), "/x", -1, 0)
			if !errors.Is(err, client.ErrUnsupported) {
				t.Errorf("got %v, want %v", err, client.ErrUnsupported)
			}
		}
	})
}

// TestExtensionsWaitForTheServerToSayWhatItHas asks while no server is connected:
// the next one may be another than the last.
func TestExtensionsWaitForTheServerToSayWhatItHas(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		refuseExtensions(w)
		w.server.Refuse(true)
		w.server.Drop()
		synctest.Wait()
		answers := make(chan error, 20)
		for i := range cap(answers) {
			go func() {
				var err error
				if i%2 == 0 {
					_, err = w.client.DeleteRecursive(w.Context(), "/x", -1, 0)
				} else if _, _, err = w.client.Exists(w.Context(), "/x"); err == nil {
					err = client.ErrUnsupported
				}
				answers <- err
			}()
		}
		synctest.Wait()
		if _, err := w.client.DeleteRecursive(withTimeout(w.Context(), time.Second), "/x", -1, 0); err == nil || errors.Is(err, client.ErrUnsupported) {
			t.Errorf("without a connection: got %v, want a timeout", err)
		}
		w.server.Refuse(false)
		for range cap(answers) {
			if err := <-answers; !errors.Is(err, client.ErrUnsupported) {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestExtensionsWithAChroot(t *testing.T) {
	server := startNode(t)
	root := dialNode(t, client.Options{Servers: []string{server}})
	app := dialNode(t, client.Options{Servers: []string{server}, Chroot: "/app/one"})
	ctx := t.Context()
	if path, err := app.Create(ctx, "/", nil, client.CreateOptions{Parents: true}); err != nil || path != "/" {
		t.Errorf("the chroot itself: got %q, %v", path, err)
	}
	path, stat, err := app.Create2(ctx, "/a/b", []byte("x"), client.CreateOptions{Parents: true, ACL: client.OpenACL(), Mode: client.ModePersistentSequential})
	if err != nil || path != "/a/b0000000000" || stat.DataLength != 1 {
		t.Errorf("got %q, %+v, %v", path, stat, err)
	}
	if data, _, err := root.Linearizable().Get(ctx, "/app/one"+path); err != nil || string(data) != "x" {
		t.Errorf("seen from the root: %q, %v", data, err)
	}
	_, a, err := app.Get(ctx, "/a")
	if err != nil {
		t.Fatal(err)
	}
	res, err := app.Multi(ctx, new(client.Ops).CheckCzxid("/a", a.Czxid, 0).DeleteRecursive("/a", 0, 2).CheckNotExists("/a").
		Create("/c/d", nil, client.CreateOptions{Parents: true}))
	if err != nil || res[1].Count != 2 || res[3].Path != "/c/d" || res[3].Count != 1 {
		t.Errorf("multi: got %+v, %v", res, err)
	}
	if _, err = app.Multi(ctx, new(client.Ops).CheckCzxid("/c", a.Czxid, -1)); !errors.Is(err, client.ErrNodeReplaced) {
		t.Errorf("got %v, want %v", err, client.ErrNodeReplaced)
	}
	if done, err := app.DeleteAll(ctx, "/c", 0); err != nil || done != (client.Deleted{Nodes: 2, Atomic: true}) {
		t.Errorf("got %+v, %v", done, err)
	}
	for _, err := range []error{
		second(app.DeleteRecursive(ctx, "/c", -1, -1)), second(app.DeleteRecursive(ctx, "/c", -1, client.DeleteLimitMax+1)), second(app.ListPage(ctx, "/", client.PageOptions{Limit: -1})),
		second(app.DeleteAll(ctx, "/", 0)), second(app.DeleteAll(ctx, "/c", -1)), second(app.Multi(ctx, new(client.Ops).DeleteRecursive("/c", -1, -1))),
	} {
		if !errors.Is(err, client.ErrBadArguments) {
			t.Errorf("got %v, want %v", err, client.ErrBadArguments)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestManyChildrenInPages(t *testing.T) {
	c, ctx := dialNode(t, client.Options{}), t.Context()
	const size = 3000
	var want []string
	if _, err := c.Create(ctx, "/many", nil, client.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < size; {
		var ops client.Ops
		for range 500 {
			name := fmt.Sprintf("%d-%d", i%7, i)
			want = append(want, name)
			ops.Create("/many/"+name, []byte(name), client.CreateOptions{})
			i++
		}
		if _, err := c.Multi(ctx, &ops); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	for _, o := range []client.PageOptions{{}, {Limit: 999}, {Limit: 1000, Stats: true}, {Limit: 1, After: want[size-20]}} {
		var got []string
		for child, err := range c.AllChildren(ctx, "/many", o) {
			if err != nil || o.Stats != child.HasStat || o.Stats && int(child.Stat.DataLength) != len(child.Name) {
				t.Fatalf("got %+v, %v", child, err)
			}
			got = append(got, child.Name)
		}
		if !slices.Equal(got, want[size-len(got):]) || o.After == "" && len(got) != size || o.After != "" && len(got) != 19 {
			t.Errorf("%+v: got %d names, want those of %d in order", o, len(got), size)
		}
	}
	for _, err := range c.AllChildren(ctx, "/none", client.PageOptions{}) {
		if !errors.Is(err, client.ErrNoNode) {
			t.Errorf("got %v", err)
		}
	}
}

func TestReplyLimitIsKeptOnEveryConnection(t *testing.T) {
	if _, err := client.Dial(t.Context(), client.Options{Servers: []string{"a:1"}, ReplyBytesMax: 1000}); !errors.Is(err, client.ErrOptions) {
		t.Errorf("a limit of 1000: got %v", err)
	}
	c, ctx := dialNode(t, client.Options{ReplyBytesMax: 4096}), t.Context()
	if _, err := c.Create(ctx, "/big", make([]byte, 5000), client.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := dialNode(t, client.Options{Servers: []string{c.Server()}, ReplyBytesMax: 4096}).Get(ctx, "/big"); !errors.Is(err, client.ErrReplyTooLarge) {
		t.Errorf("the first request of a connection: got %v, want %v", err, client.ErrReplyTooLarge)
	}
	if _, _, err := c.Get(ctx, "/big"); !errors.Is(err, client.ErrReplyTooLarge) {
		t.Errorf("got %v, want %v", err, client.ErrReplyTooLarge)
	}
	if c.State() != client.StateConnected {
		t.Errorf("got %v, want the connection kept", c.State())
	}
}
