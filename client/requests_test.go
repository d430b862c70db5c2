package client_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
)

func TestZnodes(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		c, ctx := w.client, w.Context()
		w.create("/a", "one")
		if _, err := c.Create(ctx, "/a", nil, client.CreateOptions{}); !errors.Is(err, client.ErrNodeExists) {
			t.Errorf("second create: got %v, want %v", err, client.ErrNodeExists)
		}
		data, stat, err := c.Get(ctx, "/a")
		if err != nil || string(data) != "one" || stat.Version != 0 {
			t.Errorf("get: got %q, version %d, %v", data, stat.Version, err)
		}
		if stat, err = c.Set(ctx, "/a", []byte("two"), 0); err != nil || stat.Version != 1 {
			t.Errorf("set: got version %d, %v, want 1", stat.Version, err)
		}
		if _, err = c.Set(ctx, "/a", nil, 0); !errors.Is(err, client.ErrBadVersion) {
			t.Errorf("set of an old version: got %v, want %v", err, client.ErrBadVersion)
		}
		if _, found, err := c.Exists(ctx, "/b"); found || err != nil {
			t.Errorf("exists: got %v, %v, want false", found, err)
		}
		for i := range 2 {
			path, stat, err := c.Create2(ctx, "/a/s-", nil, client.CreateOptions{Mode: client.ModePersistentSequential})
			if want := fmt.Sprintf("/a/s-%010d", i); err != nil || path != want || stat.Czxid == 0 {
				t.Errorf("sequential create: got %s, %v, want %s", path, err, want)
			}
		}
		names, stat, err := c.Children2(ctx, "/a")
		if want := []string{"s-0000000000", "s-0000000001"}; err != nil || !slices.Equal(names, want) || stat.NumChildren != 2 {
			t.Errorf("children: got %v, %v, want %v", names, err, want)
		}
		if n, err := c.GetAllChildrenNumber(ctx, "/"); err != nil || n != 3 {
			t.Errorf("all children: got %d, %v, want 3", n, err)
		}
		if err := c.Delete(ctx, "/a", client.AnyVersion); !errors.Is(err, client.ErrNotEmpty) {
			t.Errorf("delete: got %v, want %v", err, client.ErrNotEmpty)
		}
		w.must(c.Sync(ctx, "/a"))
	})
}

func TestCreateModes(t *testing.T) {
	tests := []struct {
		path    string
		options client.CreateOptions
		want    error
	}{
		{"/plain", client.CreateOptions{}, nil},
		{"/container", client.CreateOptions{Mode: client.ModeContainer}, nil},
		{"/ttl", client.CreateOptions{Mode: client.ModeTTL, TTL: time.Second}, nil},
		{"/ttl", client.CreateOptions{Mode: client.ModeTTL}, client.ErrBadArguments},
		{"/ttl", client.CreateOptions{Mode: client.ModeTTL, TTL: time.Microsecond}, client.ErrBadArguments},
		{"/x", client.CreateOptions{TTL: time.Second}, client.ErrBadArguments},
		{"/x", client.CreateOptions{Mode: 7}, client.ErrBadArguments},
		{"/plain/", client.CreateOptions{}, client.ErrBadArguments},
		{"/plain/", client.CreateOptions{Mode: client.ModePersistentSequential}, nil},
		{"no-slash", client.CreateOptions{}, client.ErrBadArguments},
		{"/e", client.CreateOptions{Mode: client.ModeEphemeral}, nil},
		{"/e/below", client.CreateOptions{}, client.ErrNoChildrenForEphemerals},
	}
	inWorld(t, client.Options{}, func(w *world) {
		for _, tt := range tests {
			_, err := w.client.Create(w.Context(), tt.path, nil, tt.options)
			if !errors.Is(err, tt.want) {
				t.Errorf("create %s %+v: got %v, want %v", tt.path, tt.options, err, tt.want)
			}
		}
		paths, err := w.client.GetEphemerals(w.Context(), "/")
		if want := []string{"/e"}; err != nil || !slices.Equal(paths, want) {
			t.Errorf("ephemerals: got %v, %v, want %v", paths, err, want)
		}
	})
}

func TestMulti(t *testing.T) {
	inWorld(t, client.Options{Chroot: "/app"}, func(w *world) {
		ctx, c := w.Context(), w.client
		root := w.dial(client.Options{Servers: []string{"a:1"}, Dialer: w.server.Dial})
		defer root.Close(ctx)
		_, err := root.Create(ctx, "/app", nil, client.CreateOptions{})
		w.must(err)

		res, err := c.Multi(ctx, new(client.Ops).Create("/a", []byte("x"), client.CreateOptions{}).Create("/a/b", nil, client.CreateOptions{Mode: client.ModeContainer}).
			Set("/a", []byte("y"), 0).Check("/a", 1).Delete("/a/b", 0))
		if err != nil || res[0].Path != "/a" || res[1].Path != "/a/b" || res[2].Stat.Version != 1 {
			t.Errorf("multi: got %+v, %v", res, err)
		}
		res, err = c.Multi(ctx, new(client.Ops).Create("/c", nil, client.CreateOptions{}).Delete("/missing", -1).Check("/a", 1))
		var opErr *client.OpError
		if !errors.Is(err, client.ErrNoNode) || !errors.As(err, &opErr) || opErr.Path != "/missing" || len(res) != 3 {
			t.Fatalf("failing multi: got %+v, %v", res, err)
		}
		for i, want := range []error{errNotDone, client.ErrNoNode, errNotDone} {
			if res[i].Err != want {
				t.Errorf("result %d: got %v, want %v", i, res[i].Err, want)
			}
		}
		if _, found, _ := c.Exists(ctx, "/c"); found {
			t.Error("a failed multi left a znode")
		}
		res, err = c.MultiRead(ctx, new(client.Reads).Get("/a").Children("/").Get("/missing"))
		if err != nil || string(res[0].Data) != "y" || !slices.Equal(res[1].Children, []string{"a"}) || res[2].Err != error(client.ErrNoNode) {
			t.Errorf("multiRead: got %+v, %v", res, err)
		}
		if res, err = c.Multi(ctx, &client.Ops{}); err != nil || len(res) != 0 {
			t.Errorf("empty multi: got %v, %v", res, err)
		}
	})
}

func TestACLAndAuth(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		ctx, c := w.Context(), w.client
		w.create("/a", "")
		acl := []client.ACL{{Perms: client.PermRead, ID: client.ID{Scheme: "ip", ID: "10.0.0.0/8"}}}
		stat, err := c.SetACL(ctx, "/a", acl, 0)
		w.must(err)
		got, _, err := c.GetACL(ctx, "/a")
		if err != nil || !slices.Equal(got, acl) || stat.Aversion != 1 {
			t.Errorf("got ACL %v, version %d, %v, want %v, 1", got, stat.Aversion, err, acl)
		}
		w.must(c.AddAuth(ctx, "digest", []byte("bob:secret")))
		w.server.Drop()
		ids, err := c.WhoAmI(ctx)
		for errors.Is(err, client.ErrConnectionLoss) {
			ids, err = c.WhoAmI(ctx)
		}
		if want := (client.ID{Scheme: "digest", ID: "bob"}); err != nil || !slices.Contains(ids, want) {
			t.Errorf("identities after a reconnect: got %v, %v, want %v among them", ids, err, want)
		}
		if err = c.AddAuth(ctx, "nonsense", nil); !errors.Is(err, client.ErrAuthFailed) {
			t.Errorf("unknown scheme: got %v, want %v", err, client.ErrAuthFailed)
		}
		if _, _, err = c.Get(ctx, "/a"); err != nil && !errors.Is(err, client.ErrConnectionLoss) {
			t.Errorf("get after refused credentials: got %v", err)
		}
	})
}

func TestManyGoroutinesShareAConnection(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		w.create("/n", "")
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				path := fmt.Sprintf("/n/%d", i)
				if _, err := w.client.Create(w.Context(), path, []byte(path), client.CreateOptions{}); err != nil {
					t.Error(err)
				}
				if data, _, err := w.client.Get(w.Context(), path); err != nil || string(data) != path {
					t.Errorf("get %s: got %q, %v", path, data, err)
				}
			})
		}
		all.Wait()
	})
}

func TestTooLargeIsRefusedBeforeItIsSent(t *testing.T) {
	inWorld(t, client.Options{FrameBytesMax: 1000}, func(w *world) {
		_, err := w.client.Create(w.Context(), "/a", make([]byte, 1000), client.CreateOptions{})
		if !errors.Is(err, client.ErrTooLarge) {
			t.Errorf("got %v, want %v", err, client.ErrTooLarge)
		}
	})
}

func TestChroot(t *testing.T) {
	inWorld(t, client.Options{Chroot: "/app"}, func(w *world) {
		ctx, c := w.Context(), w.client
		if _, err := c.Create(ctx, "/x", nil, client.CreateOptions{}); !errors.Is(err, client.ErrNoNode) {
			t.Errorf("create below a missing chroot: got %v, want %v", err, client.ErrNoNode)
		}
		if path, err := c.Create(ctx, "/", nil, client.CreateOptions{}); err != nil || path != "/" {
			t.Errorf("create of the chroot: got %q, %v, want /", path, err)
		}
		_, _, created, err := c.ExistsW(ctx, "/x")
		w.must(err)
		if path, err := c.Create(ctx, "/x", nil, client.CreateOptions{Mode: client.ModeEphemeral}); err != nil || path != "/x" {
			t.Errorf("create: got %q, %v, want /x", path, err)
		}
		w.expect(created, client.EventCreated, "/x")
		if _, ok := w.server.Data("/app/x"); !ok {
			t.Error("/app/x is missing on the server")
		}
		if paths, err := c.GetEphemerals(ctx, ""); err != nil || !slices.Equal(paths, []string{"/x"}) {
			t.Errorf("ephemerals: got %v, %v, want /x", paths, err)
		}
	})
}
