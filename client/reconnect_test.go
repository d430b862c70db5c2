package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/clienttest"
	"github.com/zabkeeper/zabkeeper/wire"
)

const errNotDone = wire.ErrRuntimeInconsistency

func TestSessionSurvivesLostConnections(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		id := w.client.SessionID()
		for i := range 5 {
			w.server.Drop()
			synctest.Wait()
			w.create(fmt.Sprintf("/%d", i), "") // was not sent before the loss: it waits
		}
		if got := w.client.SessionID(); got != id || w.server.Sessions() != 1 {
			t.Errorf("got session %x of %d, want %x of 1", got, w.server.Sessions(), id)
		}
	})
}

func TestOutcomeUnknown(t *testing.T) {
	for _, tt := range []struct {
		name   string
		action clienttest.Action
		done   bool
	}{{"dropped before", clienttest.DropBefore, false}, {"dropped after", clienttest.DropAfter, true}} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, client.Options{}, func(w *world) {
				w.server.Decide(func(r clienttest.Request) clienttest.Action {
					if r.Op == wire.OpCreate2 {
						return tt.action
					}
					return clienttest.Answer
				})
				_, err := w.client.Create(w.Context(), "/a", nil, client.CreateOptions{})
				if !errors.Is(err, client.ErrConnectionLoss) {
					t.Errorf("got %v, want %v", err, client.ErrConnectionLoss)
				}
				if _, found, err := w.client.Exists(w.Context(), "/a"); found != tt.done || err != nil {
					t.Errorf("exists: got %v, %v, want %v", found, err, tt.done)
				}
			})
		})
	}
}

func TestExpiryIsFinal(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		ctx, c := w.Context(), w.client
		w.create("/a", "")
		_, _, changed, err := c.GetW(ctx, "/a")
		w.must(err)
		lasting, err := c.AddWatch(ctx, "/", client.Recursive)
		w.must(err)
		w.server.Expire()
		<-c.Done()
		for _, events := range []<-chan client.Event{changed, lasting.Events()} {
			if e := w.next(events); e.Type != client.EventEnded || e.Err != error(client.ErrSessionExpired) {
				t.Errorf("got event %d, %v, want the end by expiry", e.Type, e.Err)
			}
			w.expectEnd(events)
		}
		for range 2 {
			if _, _, err := c.Get(ctx, "/a"); !errors.Is(err, client.ErrSessionExpired) {
				t.Errorf("get: got %v, want %v", err, client.ErrSessionExpired)
			}
		}
		w.must(lasting.Close(ctx))
		if got := w.changes()[len(w.changes())-1].State; got != client.StateExpired || c.State() != got {
			t.Errorf("got last state %v and %v, want %v", got, c.State(), client.StateExpired)
		}
	})
}

func TestSilentServerIsLeft(t *testing.T) {
	inWorld(t, client.Options{SessionTimeout: 9 * time.Second}, func(w *world) {
		mute := true
		w.server.Decide(func(clienttest.Request) clienttest.Action {
			if mute {
				return clienttest.Ignore
			}
			return clienttest.Answer
		})
		started := time.Now()
		_, _, err := w.client.Get(w.Context(), "/")
		if took := time.Since(started); !errors.Is(err, client.ErrConnectionLoss) || took != 6*time.Second {
			t.Errorf("got %v after %v, want %v after two thirds of the timeout", err, took, client.ErrConnectionLoss)
		}
		w.server.Decide(nil)
		if _, _, err = w.client.Get(w.Context(), "/"); err != nil {
			t.Errorf("get on the next connection: %v", err)
		}
	})
}

func TestPingsKeepAnIdleSession(t *testing.T) {
	inWorld(t, client.Options{SessionTimeout: 3 * time.Second}, func(w *world) {
		pings := 0
		w.server.Decide(func(r clienttest.Request) clienttest.Action {
			if r.Op == wire.OpPing {
				pings++
			}
			return clienttest.Answer
		})
		time.Sleep(time.Minute + time.Millisecond)
		synctest.Wait()
		w.server.Decide(nil)
		if pings != 60 || len(w.changes()) != 1 {
			t.Errorf("got %d pings and states %v in a minute, want 60 and one connection", pings, w.changes())
		}
	})
}

func TestContextEndsARequest(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		w.server.Refuse(true)
		w.server.Drop()
		synctest.Wait()
		_, _, err := w.client.Get(withTimeout(w.Context(), time.Second), "/")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("get without a server: got %v, want %v", err, context.DeadlineExceeded)
		}
		w.server.Refuse(false)
		w.create("/a", "")
		w.server.Decide(func(r clienttest.Request) clienttest.Action {
			if r.Path == "/a" {
				return clienttest.Ignore
			}
			return clienttest.Answer
		})
		_, _, err = w.client.Get(withTimeout(w.Context(), time.Second), "/a")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("get without an answer: got %v, want %v", err, context.DeadlineExceeded)
		}
		w.server.Decide(nil)
	})
}

func TestBackoffGrows(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		time.Sleep(2 * time.Second) // a good connection
		w.server.Refuse(true)
		before := len(w.changes())
		w.server.Drop()
		time.Sleep(time.Minute)
		if n := len(w.changes()) - before; n < 40 || n > 150 { // two servers, every 1 to 3 s
			t.Errorf("got %d attempts in a minute without a server, want about 70", n)
		}
		w.server.Refuse(false)
	})
}

// A connection that answered is a good one however short it was: a cluster whose
// leaders die one after the other is not waited for longer each time.
func TestShortConnectionsThatAnswerAreGood(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		w.create("/a", "")
		started := time.Now()
		for range 40 {
			if _, _, err := w.client.Get(withTimeout(w.Context(), time.Minute), "/a"); err != nil {
				t.Fatalf("get: %v", err)
			}
			w.server.Drop()
			synctest.Wait()
		}
		if took := time.Since(started); took > 10*time.Second {
			t.Errorf("40 short connections took %v of the clock, which only moves by waiting", took)
		}
	})
}

func TestCloseWithoutAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clienttest.New()
		c, err := client.Dial(t.Context(), client.Options{Servers: []string{"a:1"}, Dialer: s.Dial})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if err = c.Close(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: got %v, want %v", err, context.DeadlineExceeded)
		}
		if _, _, err = c.Get(t.Context(), "/"); !errors.Is(err, client.ErrClosed) {
			t.Errorf("get after close: got %v, want %v", err, client.ErrClosed)
		}
	})
}

func TestCloseLostItsAnswer(t *testing.T) {
	inWorld(t, client.Options{}, func(w *world) {
		w.server.Decide(func(r clienttest.Request) clienttest.Action {
			if r.Op == wire.OpCloseSession {
				return clienttest.DropAfter
			}
			return clienttest.Answer
		})
		w.must(w.client.Close(w.Context()))
		if n := w.server.Sessions(); n != 0 {
			t.Errorf("got %d sessions after close, want 0", n)
		}
	})
}

func TestDialGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("no route")
		dialer := func(context.Context, string, string) (net.Conn, error) { return nil, broken }
		_, err := client.Dial(withTimeout(t.Context(), 5*time.Second), client.Options{Servers: []string{"a:1"}, Dialer: dialer})
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, broken) {
			t.Errorf("got %v, want a deadline and its cause", err)
		}
	})
}

// garbage answers a connect request properly and then with the given bytes.
func TestHostileServer(t *testing.T) {
	frame := func(h wire.ReplyHeader) []byte { return wire.EndFrame(h.Append(wire.BeginFrame(nil)), 0) }
	for name, bytes := range map[string][]byte{
		"answer nobody asked for": frame(wire.ReplyHeader{Xid: 77}),
		"short frame":             {0, 0, 0, 1, 9},
		"negative length":         {0xff, 0xff, 0xff, 0xff},
		"huge length":             {0x7f, 0xff, 0xff, 0xff},
		"empty event":             frame(wire.ReplyHeader{Xid: wire.XidEvent}),
		"auth nobody asked for":   frame(wire.ReplyHeader{Xid: wire.XidAuth}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var lost []error
				dialer := func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					go func() {
						defer far.Close()
						far.Read(make([]byte, 100))
						hello := wire.ConnectResponse{TimeoutMs: 4000, SessionID: 1, HasReadOnly: true}
						far.Write(wire.EndFrame(hello.Append(wire.BeginFrame(nil)), 0))
						far.Write(bytes)
						far.Read(make([]byte, 1)) // until the client hangs up
					}()
					return near, nil
				}
				c, err := client.Dial(t.Context(), client.Options{Servers: []string{"a:1"}, Dialer: dialer, OnState: func(s client.StateChange) { lost = append(lost, s.Err) }})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Millisecond)
				synctest.Wait()
				if len(lost) < 2 || !errors.Is(lost[1], client.ErrProtocol) {
					t.Errorf("got %v, want %v", lost, client.ErrProtocol)
				}
				c.Close(withTimeout(t.Context(), time.Second))
			})
		})
	}
}

func TestParseConnectString(t *testing.T) {
	tests := []struct {
		in, servers, chroot string
		bad                 bool
	}{
		{in: "h", servers: "[h:2181]"},
		{in: "h:1, g:2/a/b", servers: "[h:1 g:2]", chroot: "/a/b"},
		{in: "[::1]:7,[::2]/", servers: "[[::1]:7 [::2]:2181]"},
		{in: "", bad: true},
		{in: "/a", bad: true},
		{in: "h:1/a//b", bad: true},
		{in: "::1", bad: true},
	}
	for _, tt := range tests {
		servers, chroot, err := client.ParseConnectString(tt.in)
		if (err != nil) != tt.bad || !tt.bad && (fmt.Sprint(servers) != tt.servers || chroot != tt.chroot) {
			t.Errorf("%q: got %v %q %v, want %s %q", tt.in, servers, chroot, err, tt.servers, tt.chroot)
		}
	}
}
