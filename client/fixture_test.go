package client_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/clienttest"
)

// world is a server and a client of it in a bubble of fake time. The bubble
// fails the test when a goroutine of either is left.
type world struct {
	*testing.T
	server *clienttest.Server
	client *client.Client
	mu     sync.Mutex
	states []client.StateChange
}

func inWorld(t *testing.T, o client.Options, body func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, server: clienttest.New()}
		o.Dialer = w.server.Dial
		o.OnState = func(s client.StateChange) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.states = append(w.states, s)
		}
		if o.Servers == nil {
			o.Servers = []string{"a:1", "b:2"}
		}
		w.client = w.dial(o)
		body(w)
		if err := w.client.Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
		w.server.Close()
	})
}

func (w *world) dial(o client.Options) *client.Client {
	w.Helper()
	c, err := client.Dial(w.Context(), o)
	w.must(err)
	return c
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) create(path, data string) {
	w.Helper()
	_, err := w.client.Create(w.Context(), path, []byte(data), client.CreateOptions{})
	w.must(err)
}

func (w *world) changes() []client.StateChange {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.states
}

// next returns the next event, or fails when none comes.
func (w *world) next(events <-chan client.Event) client.Event {
	w.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			w.Fatal("watch channel is closed, want an event")
		}
		return e
	case <-time.After(time.Minute):
		w.Fatal("no event")
	}
	return client.Event{}
}

func (w *world) expect(events <-chan client.Event, t client.EventType, path string) {
	w.Helper()
	if e := w.next(events); e.Type != t || e.Path != path {
		w.Errorf("got event %d on %s (%v), want %d on %s", e.Type, e.Path, e.Err, t, path)
	}
}

func (w *world) expectEnd(events <-chan client.Event) {
	w.Helper()
	synctest.Wait()
	select {
	case e, ok := <-events:
		if ok {
			w.Errorf("got event %d on %s, want a closed channel", e.Type, e.Path)
		}
	default:
		w.Error("watch channel is open, want it closed")
	}
}

func withTimeout(ctx context.Context, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(ctx, d)
	context.AfterFunc(ctx, cancel)
	return ctx
}
