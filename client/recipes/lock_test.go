package recipes_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/clienttest"
	"github.com/zabkeeper/zabkeeper/client/recipes"
	"github.com/zabkeeper/zabkeeper/wire"
)

func TestLockIsFairAndItsTokensGrow(t *testing.T) {
	inWorld(t, func(w *world) {
		const many = 5
		var clients []*client.Client
		var order []int
		var tokens []int64
		var mu sync.Mutex
		var all sync.WaitGroup
		first, err := recipes.NewLock(w.dialInto(&clients), "/a/lock", recipes.LockOptions{Identifier: "0"}).Acquire(w.Context())
		w.must(err)
		for i := range many {
			c := w.dialInto(&clients)
			all.Go(func() {
				held, err := recipes.NewLock(c, "/a/lock", recipes.LockOptions{}).Acquire(w.Context())
				if err != nil {
					w.Error(err)
					return
				}
				mu.Lock()
				order, tokens = append(order, i), append(tokens, held.Token())
				mu.Unlock()
				if err := held.Release(w.Context()); err != nil {
					w.Error(err)
				}
			})
			synctest.Wait()
		}
		if len(order) != 0 {
			t.Errorf("got holders %v beside the first", order)
		}
		w.must(first.Release(w.Context()))
		all.Wait()
		if want := []int{0, 1, 2, 3, 4}; !slices.Equal(order, want) {
			t.Errorf("got order %v, want %v", order, want)
		}
		if !slices.IsSorted(tokens) || tokens[0] <= first.Token() || len(slices.Compact(tokens)) != many {
			t.Errorf("got tokens %v after %d, want them to grow", tokens, first.Token())
		}
		w.close(clients...)
	})
}

func (w *world) dialInto(clients *[]*client.Client) *client.Client {
	w.Helper()
	*clients = append(*clients, w.dial())
	return (*clients)[len(*clients)-1]
}

func TestLockAfterALostAnswer(t *testing.T) {
	for _, action := range []clienttest.Action{clienttest.DropBefore, clienttest.DropAfter} {
		inWorld(t, func(w *world) {
			c := w.dial()
			_, err := c.Create(w.Context(), "/lock", nil, client.CreateOptions{})
			w.must(err)
			lost := 0
			w.server.Decide(func(r clienttest.Request) clienttest.Action {
				if strings.Contains(r.Path, "__lock__") && lost < 3 && (r.Op == wire.OpCreate2 || r.Op == wire.OpCreate) {
					lost++
					return action
				}
				return clienttest.Answer
			})
			held, err := recipes.NewLock(c, "/lock", recipes.LockOptions{}).Acquire(w.within(time.Minute))
			w.must(err)
			if names := w.names(c, "/lock"); len(names) != 1 || !strings.HasSuffix(held.Path(), names[0]) {
				t.Errorf("action %d: got znodes %v, want only %s", action, names, held.Path())
			}
			stat, _, err := c.Exists(w.Context(), held.Path())
			if err != nil || stat.Czxid != held.Token() {
				t.Errorf("got token %d, want czxid %d (%v)", held.Token(), stat.Czxid, err)
			}
			w.must(held.Release(w.Context()))
			if names := w.names(c, "/lock"); len(names) != 0 {
				t.Errorf("got %v after the release, want nothing", names)
			}
			if lost == 0 {
				t.Error("no answer was lost")
			}
			w.close(c)
		})
	}
}

func TestTryAndTimeout(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.dial(), w.dial()
		held, err := recipes.NewLock(a, "/lock", recipes.LockOptions{}).TryAcquire(w.Context())
		w.must(err)
		var positions []int
		other := recipes.NewLock(b, "/lock", recipes.LockOptions{Identifier: "b", Waiting: func(n int) { positions = append(positions, n) }})
		if _, err := other.TryAcquire(w.Context()); !errors.Is(err, recipes.ErrTaken) {
			t.Errorf("got %v, want ErrTaken", err)
		}
		if _, err := other.Acquire(w.within(3 * time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
		if !slices.Equal(positions, []int{1}) {
			t.Errorf("got positions %v, want [1]", positions)
		}
		if names := w.names(a, "/lock"); len(names) != 1 {
			t.Errorf("got %v, want the holder only: who gives up leaves the queue", names)
		}
		w.must(held.Release(w.Context()))
		w.close(a, b)
	})
}

func TestLostLock(t *testing.T) {
	tests := []struct {
		name string
		hurt func(w *world, c *client.Client, h *recipes.Held)
		want error
	}{
		{"deleted", func(w *world, c *client.Client, h *recipes.Held) {
			w.must(c.Delete(w.Context(), h.Path(), client.AnyVersion))
		}, recipes.ErrLost},
		{"expired", func(w *world, _ *client.Client, _ *recipes.Held) { w.server.Expire() }, client.ErrSessionExpired},
		{"silent", func(w *world, _ *client.Client, _ *recipes.Held) {
			w.server.Refuse(true)
			w.server.Drop()
		}, recipes.ErrSilence},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				c := w.dial()
				held, err := recipes.NewLock(c, "/lock", recipes.LockOptions{}).Acquire(w.Context())
				w.must(err)
				time.Sleep(3 * c.SessionTimeout()) // fake; an idle holder keeps its lock
				synctest.Wait()
				select {
				case <-held.Lost():
					t.Fatalf("lost while nothing happened: %v", held.Err())
				default:
				}
				test.hurt(w, c, held)
				hurt := time.Now()
				<-held.Lost()
				if !errors.Is(held.Err(), test.want) {
					t.Errorf("got %v, want %v", held.Err(), test.want)
				}
				if d := time.Since(hurt); d >= c.SessionTimeout() {
					t.Errorf("noticed after %v, want less than the session timeout %v", d, c.SessionTimeout())
				}
				w.server.Refuse(false)
				w.close(c)
			})
		})
	}
}

func TestReadersAndWriters(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.dial()
		lock := recipes.NewRWLock(c, "/rw", recipes.LockOptions{})
		r1, err := lock.Read().TryAcquire(w.Context())
		w.must(err)
		r2, err := lock.Read().TryAcquire(w.Context())
		w.must(err)
		got := make(chan string, 3)
		start := func(name string, side *recipes.Lock) {
			go func() {
				held, err := side.Acquire(w.Context())
				if err != nil {
					w.Error(err)
				} else {
					got <- name
					<-time.After(time.Second)
					_ = held.Release(w.Context())
				}
			}()
			synctest.Wait()
		}
		start("writer", lock.Write())
		start("reader", lock.Read())
		if len(got) != 0 {
			t.Errorf("got %s beside two readers", <-got)
		}
		w.must(r1.Release(w.Context()))
		synctest.Wait()
		if len(got) != 0 {
			t.Errorf("got %s beside one reader", <-got)
		}
		w.must(r2.Release(w.Context()))
		if first, second := <-got, <-got; first != "writer" || second != "reader" {
			t.Errorf("got %s and %s, want the writer and then the reader behind it", first, second)
		}
		time.Sleep(2 * time.Second)
		w.close(c)
	})
}

func TestSemaphore(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.dial()
		semaphore := recipes.NewSemaphore(c, "/s", 2, recipes.LockOptions{Identifier: "x"})
		a, err := semaphore.Acquire(w.Context())
		w.must(err)
		b, err := semaphore.TryAcquire(w.Context())
		w.must(err)
		if _, err := semaphore.TryAcquire(w.Context()); !errors.Is(err, recipes.ErrTaken) {
			t.Errorf("got %v, want ErrTaken", err)
		}
		if holders, err := semaphore.Holders(w.Context()); err != nil || !slices.Equal(holders, []string{"x", "x"}) {
			t.Errorf("got holders %v, %v", holders, err)
		}
		third := make(chan *recipes.Held)
		go func() {
			held, err := semaphore.Acquire(w.Context())
			if err != nil {
				w.Error(err)
			}
			third <- held
		}()
		synctest.Wait()
		w.must(a.Release(w.Context()))
		held := <-third
		if held.Token() <= b.Token() {
			t.Errorf("got token %d after %d", held.Token(), b.Token())
		}
		if _, err := recipes.NewSemaphore(c, "/s", 3, recipes.LockOptions{}).Acquire(w.Context()); !errors.Is(err, recipes.ErrLeases) {
			t.Errorf("got %v, want ErrLeases", err)
		}
		w.must(held.Release(w.Context()))
		w.must(b.Release(w.Context()))
		if data, _ := w.server.Data("/s"); data != "2" {
			t.Errorf("got data %q, want the number of leases", data)
		}
		w.close(c)
	})
}

func TestElection(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.dial(), w.dial()
		leading := make(chan string)
		end := make(chan struct{})
		campaign := func(c *client.Client, name string, result chan<- error) {
			go func() {
				result <- recipes.NewElection(c, "/e", recipes.LockOptions{Identifier: name}).Run(w.Context(), func(ctx context.Context, _ int64) error {
					leading <- name
					select {
					case <-ctx.Done():
						return context.Cause(ctx)
					case <-end:
						return nil
					}
				})
			}()
			synctest.Wait()
		}
		first, second := make(chan error, 1), make(chan error, 1)
		campaign(a, "a", first)
		if name := <-leading; name != "a" {
			t.Errorf("got leader %s", name)
		}
		campaign(b, "b", second)
		contenders, err := recipes.NewElection(b, "/e", recipes.LockOptions{}).Contenders(w.Context())
		if err != nil || !slices.Equal(contenders, []string{"a", "b"}) {
			t.Errorf("got contenders %v, %v", contenders, err)
		}
		w.must(a.Delete(w.Context(), "/e/"+w.names(a, "/e")[slices.IndexFunc(w.names(a, "/e"), func(n string) bool { return strings.HasSuffix(n, "0000000000") })], client.AnyVersion))
		if name := <-leading; name != "b" {
			t.Errorf("got leader %s", name)
		}
		if err := <-first; !errors.Is(err, recipes.ErrLost) {
			t.Errorf("got %v, want ErrLost", err)
		}
		close(end)
		w.must(<-second)
		w.close(a, b)
	})
}
