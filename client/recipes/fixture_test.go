package recipes_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/clienttest"
)

// world is a server in memory in a bubble of fake time.
type world struct {
	*testing.T
	server *clienttest.Server
}

func inWorld(t *testing.T, body func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t, clienttest.New()}
		body(w)
		w.server.Close()
	})
}

// dial opens a session; the function ends it, and returns an error only to a
// test that wants to know.
func (w *world) dial() *client.Client {
	w.Helper()
	c, err := client.Dial(w.Context(), client.Options{Servers: []string{"a:1"}, Dialer: w.server.Dial})
	w.must(err)
	return c
}

func (w *world) close(clients ...*client.Client) {
	for _, c := range clients {
		_ = c.Close(w.Context())
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) names(c *client.Client, path string) []string {
	w.Helper()
	names, err := c.Children(w.Context(), path)
	w.must(err)
	return names
}

// within ends a context that waits in vain.
func (w *world) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(w.Context(), d)
	context.AfterFunc(ctx, cancel)
	return ctx
}
