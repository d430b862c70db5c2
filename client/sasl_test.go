package client_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/clienttest"
	"github.com/zabkeeper/zabkeeper/wire"
)

var bob = map[string]string{"bob": "pw"}

// saslUsers are the identities of the connection that logged in.
func saslUsers(ctx context.Context, t *testing.T, c *client.Client) []string {
	t.Helper()
	ids, err := c.WhoAmI(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var users []string
	for _, id := range ids {
		if id.Scheme == "sasl" {
			users = append(users, id.ID)
		}
	}
	return users
}

func TestLoginFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clienttest.New()
		defer s.Close()
		s.Users(bob)
		first := wire.OpCode(0)
		s.Decide(func(r clienttest.Request) clienttest.Action {
			if first == 0 {
				first = r.Op
			}
			return clienttest.Answer
		})
		o := client.Options{Servers: []string{"x:1"}, Dialer: s.Dial, SASL: &client.SASL{User: "bob", Password: "pw"}}
		c, err := client.Dial(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if got := saslUsers(t.Context(), t, c); first != wire.OpSASL || !slices.Equal(got, []string{"bob"}) {
			t.Errorf("the first request is %v, the users are %q", first, got)
		}
		s.Drop()
		synctest.Wait()
		if got := saslUsers(t.Context(), t, c); !slices.Equal(got, []string{"bob"}) {
			t.Errorf("on the next connection: %q", got)
		}
		s.Users(nil)
		s.Drop()
		<-c.Done()
		if _, err := c.WhoAmI(t.Context()); !errors.Is(err, client.ErrAuthFailed) || c.State() != client.StateAuthFailed {
			t.Errorf("a login that is refused after a reconnect: %v, %v", err, c.State())
		}
		if _, err := client.Dial(t.Context(), o); !errors.Is(err, client.ErrAuthFailed) {
			t.Errorf("a login that is refused at once: %v", err)
		}
	})
}

func TestLoginLater(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		w.server.Users(bob)
		if err := w.client.AddAuth(w.Context(), "sasl", []byte("bob")); !errors.Is(err, client.ErrOptions) {
			t.Errorf("no password: %v", err)
		}
		w.must(w.client.AddAuth(w.Context(), "sasl", []byte("bob:pw")))
		for range 2 {
			if got := saslUsers(w.Context(), w.T, w.client); !slices.Equal(got, []string{"bob"}) {
				t.Errorf("users: %q", got)
			}
			w.server.Drop()
			synctest.Wait()
		}
	})
}

func TestLoginRefusedLater(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		if err := w.client.AddAuth(w.Context(), "sasl", []byte("bob:pw")); !errors.Is(err, client.ErrAuthFailed) {
			t.Errorf("got %v", err)
		}
		synctest.Wait() // the server has hung up
		// The session goes on without the identity.
		if got := saslUsers(w.Context(), w.T, w.client); len(got) != 0 {
			t.Errorf("users: %q", got)
		}
	})
}

func TestOptionsOfALogin(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := client.Dial(ctx, client.Options{Servers: []string{"x:1"}, SASL: &client.SASL{Password: "pw"}})
	if !errors.Is(err, client.ErrOptions) {
		t.Errorf("got %v", err)
	}
}
