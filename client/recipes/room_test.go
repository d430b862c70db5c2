package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

// visitor is somebody in a room and what they saw.
type visitor struct {
	room    *recipes.Room
	mu      sync.Mutex
	heard   []string
	present []string
}

func (w *world) visitor(name string) *visitor {
	w.Helper()
	v := &visitor{}
	dial := func(ctx context.Context) (*client.Client, error) {
		return client.Dial(ctx, client.Options{Servers: []string{"a:1"}, Dialer: w.server.Dial})
	}
	room, err := recipes.JoinRoom("küche", name, dial, recipes.RoomEvents{
		Message: func(m recipes.Message) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.heard = append(v.heard, m.From+": "+m.Text)
		},
		Present: func(names []string) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.present = names
		},
		Notice: func(string) {},
	})
	w.must(err)
	v.room = room
	return v
}

func (w *world) send(v *visitor, text string) {
	w.Helper()
	_, err := v.room.Send(w.Context(), text)
	w.must(err)
}

func TestRoom(t *testing.T) {
	inWorld(t, func(w *world) {
		anna, bert := w.visitor("anna"), w.visitor("bert")
		w.send(anna, "grüße 👋")
		w.send(bert, "hi")
		carl := w.visitor("carl")
		synctest.Wait()
		for _, v := range []*visitor{anna, bert, carl} {
			if want := []string{"anna: grüße 👋", "bert: hi"}; !slices.Equal(v.heard, want) {
				t.Errorf("got %q, want %q", v.heard, want)
			}
			if want := []string{"anna", "bert", "carl"}; !slices.Equal(v.present, want) {
				t.Errorf("got %q present, want %q", v.present, want)
			}
		}
		bert.room.Leave()
		synctest.Wait()
		if want := []string{"anna", "carl"}; !slices.Equal(anna.present, want) {
			t.Errorf("got %q present, want %q", anna.present, want)
		}
		for _, text := range []string{"", strings.Repeat("x", recipes.TextBytesMax+1)} {
			if _, err := anna.room.Send(w.Context(), text); !errors.Is(err, recipes.ErrTextLength) {
				t.Errorf("got %v for %d bytes, want ErrTextLength", err, len(text))
			}
		}
		anna.room.Leave()
		carl.room.Leave()
	})
}

func TestRoomNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "a\x00b"} {
		if _, err := recipes.JoinRoom(name, "x", nil, recipes.RoomEvents{}); !errors.Is(err, recipes.ErrRoomName) {
			t.Errorf("%q: got %v, want ErrRoomName", name, err)
		}
	}
}

// TestRoomInTrouble loses answers, connections and sessions while two talk:
// everything that was sent is heard by everybody, once, in one order.
func TestRoomInTrouble(t *testing.T) {
	for seed := range uint64(10) {
		inWorld(t, func(w *world) {
			r := rand.New(rand.NewPCG(seed, 2))
			var mu sync.Mutex
			w.server.Decide(func(q clienttest.Request) clienttest.Action {
				mu.Lock()
				defer mu.Unlock()
				if q.Op == wire.OpPing || r.IntN(15) > 0 {
					return clienttest.Answer
				}
				return []clienttest.Action{clienttest.DropBefore, clienttest.DropAfter}[r.IntN(2)]
			})
			anna, bert := w.visitor("anna"), w.visitor("bert")
			const many = 40
			var all sync.WaitGroup
			for _, v := range []*visitor{anna, bert} {
				all.Go(func() {
					for i := range many {
						if _, err := v.room.Send(w.within(time.Hour), fmt.Sprint(i)); err != nil {
							w.Error(err)
						}
						time.Sleep(10 * time.Millisecond)
					}
				})
			}
			for range 3 {
				time.Sleep(time.Second)
				w.server.Expire()
			}
			all.Wait()
			w.server.Decide(nil)
			late := w.visitor("late")
			time.Sleep(time.Minute)
			synctest.Wait()
			if !slices.Equal(anna.heard, bert.heard) || !slices.Equal(anna.heard, late.heard) {
				t.Errorf("seed %d: heard\n%q\n%q\n%q\nwant the same", seed, anna.heard, bert.heard, late.heard)
			}
			for _, name := range []string{"anna", "bert"} {
				for i := range many {
					said := fmt.Sprintf("%s: %d", name, i)
					if n := count(late.heard, said); n != 1 {
						t.Errorf("seed %d: %q was heard %d times", seed, said, n)
					}
				}
			}
			for _, v := range []*visitor{anna, bert, late} {
				v.room.Leave()
			}
		})
	}
}

func count(heard []string, said string) (n int) {
	for _, h := range heard {
		if h == said {
			n++
		}
	}
	return n
}
