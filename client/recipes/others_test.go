package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/clienttest"
	"github.com/zabkeeper/zabkeeper/client/recipes"
	"github.com/zabkeeper/zabkeeper/wire"
)

// loseAnswers makes the server hang up at some of the writes, before or after.
func loseAnswers(w *world, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	w.server.Decide(func(q clienttest.Request) clienttest.Action {
		mu.Lock()
		defer mu.Unlock()
		if q.Op != wire.OpMulti || r.IntN(3) > 0 {
			return clienttest.Answer
		}
		return []clienttest.Action{clienttest.DropBefore, clienttest.DropAfter}[r.IntN(2)]
	})
}

func TestQueueHandsEveryEntryOutOnce(t *testing.T) {
	for seed := range uint64(5) {
		inWorld(t, func(w *world) {
			a, b := w.dial(), w.dial()
			loseAnswers(w, seed)
			const many = 30
			var all sync.WaitGroup
			all.Go(func() {
				for i := range many {
					if err := recipes.NewQueue(a, "/q").Put(w.Context(), fmt.Append(nil, i), recipes.DefaultPriority); err != nil {
						w.Error(err)
					}
				}
			})
			var mu sync.Mutex
			var got []string
			for range 2 {
				all.Go(func() {
					for {
						data, err := recipes.NewQueue(b, "/q").Take(w.within(time.Hour))
						if errors.Is(err, context.DeadlineExceeded) {
							return
						}
						if err != nil {
							w.Error(err)
							return
						}
						mu.Lock()
						got = append(got, string(data))
						mu.Unlock()
					}
				})
			}
			all.Wait()
			w.server.Decide(nil)
			slices.Sort(got)
			if len(got) != many || len(slices.Compact(got)) != many {
				t.Errorf("seed %d: got %d entries %v, want each of %d once", seed, len(got), got, many)
			}
			w.close(a, b)
		})
	}
}

func TestQueuePriority(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.dial()
		q := recipes.NewQueue(c, "/q")
		for _, e := range []struct {
			data     string
			priority int
		}{{"late", 200}, {"first", 5}, {"middle", 100}, {"second", 5}} {
			w.must(q.Put(w.Context(), []byte(e.data), e.priority))
		}
		if err := q.Put(w.Context(), nil, 1000); !errors.Is(err, recipes.ErrPriority) {
			t.Errorf("got %v, want ErrPriority", err)
		}
		if n, err := q.Len(w.Context()); n != 4 || err != nil {
			t.Errorf("got length %d, %v, want 4", n, err)
		}
		for _, want := range []string{"first", "second", "middle", "late"} {
			if got, err := q.Take(w.Context()); string(got) != want || err != nil {
				t.Errorf("got %s, %v, want %s", got, err, want)
			}
		}
		w.close(c)
	})
}

func TestCounterCountsOnce(t *testing.T) {
	for seed := range uint64(5) {
		inWorld(t, func(w *world) {
			a, b := w.dial(), w.dial()
			loseAnswers(w, seed)
			var all sync.WaitGroup
			for _, c := range []*client.Client{a, b} {
				all.Go(func() {
					for range 20 {
						if _, err := recipes.NewCounter(c, "/n/count").Add(w.Context(), 3); err != nil {
							w.Error(err)
						}
					}
				})
			}
			all.Wait()
			w.server.Decide(nil)
			n := recipes.NewCounter(a, "/n/count")
			if _, err := n.Add(w.Context(), -20); err != nil {
				t.Error(err)
			}
			if got, err := n.Value(w.Context()); got != 100 || err != nil {
				t.Errorf("seed %d: got %d, %v, want 100", seed, got, err)
			}
			_, err := a.Set(w.Context(), "/n/count", []byte("12.5"), client.AnyVersion)
			w.must(err)
			if _, err := n.Add(w.Context(), 1); !errors.Is(err, recipes.ErrNotANumber) {
				t.Errorf("got %v, want ErrNotANumber", err)
			}
			w.close(a, b)
		})
	}
}

func TestBarrier(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.dial()
		b := recipes.NewBarrier(c, "/up/barrier")
		w.must(b.Wait(w.Context()))
		w.must(b.Raise(w.Context()))
		if err := b.Wait(w.within(time.Minute)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v while the barrier is up", err)
		}
		done := make(chan error)
		go func() { done <- b.Wait(w.Context()) }()
		synctest.Wait()
		w.must(b.Lift(w.Context()))
		w.must(<-done)
		w.close(c)
	})
}

// TestDoubleBarrier uses one barrier again and again with members of different
// speed: a round that somebody is in holds everyone of the same round.
func TestDoubleBarrier(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.dial()
		const members, rounds = 3, 6
		var mu sync.Mutex
		entered, left := make([]int, rounds), make([]int, rounds)
		var all sync.WaitGroup
		for m := range members {
			all.Go(func() {
				b := recipes.NewDoubleBarrier(c, "/b", members, recipes.LockOptions{})
				r := rand.New(rand.NewPCG(uint64(m), 1))
				for round := range rounds {
					time.Sleep(time.Duration(r.IntN(1000)) * time.Millisecond)
					mu.Lock()
					entered[round]++
					mu.Unlock()
					if err := b.Enter(w.within(time.Hour)); err != nil {
						w.Errorf("round %d: enter: %v", round, err)
						return
					}
					mu.Lock()
					if entered[round] != members {
						w.Errorf("round %d began with %d of %d", round, entered[round], members)
					}
					mu.Unlock()
					time.Sleep(time.Duration(r.IntN(1000)) * time.Millisecond)
					mu.Lock()
					left[round]++
					mu.Unlock()
					if err := b.Leave(w.within(time.Hour)); err != nil {
						w.Errorf("round %d: leave: %v", round, err)
						return
					}
					mu.Lock()
					if left[round] != members {
						w.Errorf("round %d ended with %d of %d", round, left[round], members)
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
		w.close(c)
	})
}

func TestGroup(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.dial(), w.dial()
		anna, bert := recipes.NewGroup(a, "/g", "anna"), recipes.NewGroup(b, "/g", "bert")
		w.must(anna.Join(w.Context()))
		members, changed, err := anna.Members(w.Context())
		if err != nil || len(members) != 1 || members[0] != (recipes.Member{ID: anna.ID(), Identifier: "anna"}) {
			t.Errorf("got %v, %v, want anna", members, err)
		}
		w.must(bert.Join(w.Context()))
		w.must(bert.Join(w.Context()))
		<-changed
		members, changed, err = anna.Members(w.Context())
		if err != nil || len(members) != 2 {
			t.Errorf("got %v, %v, want both", members, err)
		}
		w.close(b)
		<-changed
		if members, _, err = anna.Members(w.Context()); err != nil || len(members) != 1 {
			t.Errorf("got %v, %v, want anna only", members, err)
		}
		w.must(anna.Leave(w.Context()))
		w.close(a)
	})
}
