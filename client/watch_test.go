package client_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/clienttest"
	"github.com/zabkeeper/zabkeeper/wire"
)

func TestOneShotWatches(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		ctx, c := w.Context(), w.client
		_, found, created, err := c.ExistsW(ctx, "/a")
		if found || err != nil {
			t.Fatalf("exists: got %v, %v", found, err)
		}
		if _, _, ch, err := c.GetW(ctx, "/a"); !errors.Is(err, client.ErrNoNode) || ch != nil {
			t.Errorf("get of a missing node: got %v, %v, want no watch", ch, err)
		}
		w.create("/a", "")
		w.expect(created, client.EventCreated, "/a")
		w.expectEnd(created)
		_, _, changed, err := c.GetW(ctx, "/a")
		w.must(err)
		_, _, children, err := c.ChildrenW(ctx, "/a")
		w.must(err)
		w.create("/a/b", "")
		w.expect(children, client.EventChildrenChanged, "/a")
		_, err = c.Set(ctx, "/a", nil, -1)
		w.must(err)
		w.expect(changed, client.EventDataChanged, "/a")
	})
}

func TestWatchesAreRegisteredAgain(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		ctx, c := w.Context(), w.client
		other := w.dial(client.Options{Servers: []string{"a:1"}, Dialer: w.server.Dial})
		defer other.Close(ctx)
		for _, p := range []string{"/quiet", "/changed", "/deleted", "/parent"} {
			w.create(p, "")
		}
		watch := func(path string) <-chan client.Event {
			_, _, ch, err := c.GetW(ctx, path)
			w.must(err)
			return ch
		}
		quiet, changed, deleted := watch("/quiet"), watch("/changed"), watch("/deleted")
		_, _, parent, err := c.ChildrenW(ctx, "/parent")
		w.must(err)
		_, _, missing, err := c.ExistsW(ctx, "/missing")
		w.must(err)
		lasting, err := c.AddWatch(ctx, "/", client.Persistent)
		w.must(err)

		// Only this client's next connection is held up.
		hold := make(chan struct{})
		w.server.Decide(func(r clienttest.Request) clienttest.Action {
			if r.Op == wire.OpSetWatches2 {
				<-hold
			}
			return clienttest.Answer
		})
		w.server.Drop()
		synctest.Wait()
		_, err = other.Set(ctx, "/changed", nil, -1)
		w.must(err)
		w.must(other.Delete(ctx, "/deleted", -1))
		for _, p := range []string{"/parent/x", "/missing"} {
			_, err = other.Create(ctx, p, nil, client.CreateOptions{})
			w.must(err)
		}
		close(hold)
		w.expect(changed, client.EventDataChanged, "/changed")
		w.expect(deleted, client.EventDeleted, "/deleted")
		w.expect(parent, client.EventChildrenChanged, "/parent")
		w.expect(missing, client.EventCreated, "/missing")
		w.expect(lasting.Events(), client.EventResync, "/")
		_, err = other.Create(ctx, "/later", nil, client.CreateOptions{})
		w.must(err)
		w.expect(lasting.Events(), client.EventChildrenChanged, "/")
		_, err = other.Set(ctx, "/quiet", nil, -1)
		w.must(err)
		w.expect(quiet, client.EventDataChanged, "/quiet")
	})
}

func TestManyWatchesGoInSeveralFrames(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		long := strings.Repeat("x", 1000)
		for i := range 400 {
			if _, _, _, err := w.client.ExistsW(w.Context(), fmt.Sprintf("/%d%s", i, long)); err != nil {
				t.Fatal(err)
			}
		}
		frames, paths := 0, 0
		w.server.Decide(func(r clienttest.Request) clienttest.Action {
			if r.Op == wire.OpSetWatches {
				var sw wire.SetWatches
				body := wire.NewReader(r.Body)
				sw.Decode(&body)
				frames++
				paths += sw.Exist.Len()
				if len(r.Body) > 128<<10+100 {
					t.Errorf("got a frame of %d bytes, want at most 128 KiB", len(r.Body))
				}
			}
			return clienttest.Answer
		})
		w.server.Drop()
		synctest.Wait()
		w.must(w.client.Sync(w.Context(), "/"))
		if frames != 4 || paths != 400 {
			t.Errorf("got %d paths in %d frames, want 400 in 4", paths, frames)
		}
	})
}

func TestLastingWatches(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		ctx, c := w.Context(), w.client
		recursive, err := c.AddWatch(ctx, "/", client.Recursive)
		w.must(err)
		first, err := c.AddWatch(ctx, "/a", client.Persistent)
		w.must(err)
		second, err := c.AddWatch(ctx, "/a", client.Persistent)
		w.must(err)
		w.create("/a", "")
		w.create("/a/b", "")
		w.expect(recursive.Events(), client.EventCreated, "/a")
		w.expect(recursive.Events(), client.EventCreated, "/a/b")
		for _, x := range []*client.Watch{first, second} {
			w.expect(x.Events(), client.EventCreated, "/a")
			w.expect(x.Events(), client.EventChildrenChanged, "/a")
		}
		w.must(first.Close(ctx))
		w.must(first.Close(ctx))
		w.expectEnd(first.Events())
		_, err = c.Set(ctx, "/a", nil, -1)
		w.must(err)
		w.expect(second.Events(), client.EventDataChanged, "/a")
		w.must(second.Close(ctx))
		if err = c.RemoveWatches(ctx, "/a", client.WatcherPersistent); !errors.Is(err, client.ErrNoWatcher) {
			t.Errorf("remove after close: got %v, want %v", err, client.ErrNoWatcher)
		}
		w.must(c.RemoveWatches(ctx, "/", client.WatcherAny))
		w.expect(recursive.Events(), client.EventDataChanged, "/a")
		w.expect(recursive.Events(), client.EventRemoved, "/")
		w.expectEnd(recursive.Events())
	})
}

func TestSlowReaderOfAWatchIsTold(t *testing.T) {
	inWorld(t, client.Options{WatchEventsMax: 3}, func(w *world) {
		watch, err := w.client.AddWatch(w.Context(), "/", client.Recursive)
		w.must(err)
		for i := range 10 {
			w.create(fmt.Sprintf("/%d", i), "")
		}
		for i := range 3 {
			w.expect(watch.Events(), client.EventCreated, fmt.Sprintf("/%d", i))
		}
		w.expect(watch.Events(), client.EventResync, "/")
		w.create("/later", "")
		w.expect(watch.Events(), client.EventCreated, "/later")
	})
}
