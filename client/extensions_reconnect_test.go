package client_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/wire"
)

// changingServer has extensions on its first connection only, as when a client
// is sent on to another kind of server. It answers everything with success.
type changingServer struct {
	t       *testing.T
	mu      sync.Mutex
	dialled int
	seen    []wire.OpCode
	first   net.Conn
	served  sync.WaitGroup
}

func (s *changingServer) Dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialled++
	if s.dialled == 1 {
		s.first = far
	}
	has := s.dialled == 1
	s.served.Go(func() { s.serve(far, has) })
	return near, nil
}

func (s *changingServer) serve(nc net.Conn, has bool) {
	defer nc.Close()
	greeted := false
	for {
		var head [4]byte
		if _, err := io.ReadFull(nc, head[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(nc, body); err != nil {
			return
		}
		var answer []byte
		if !greeted {
			answer = (&wire.ConnectResponse{TimeoutMs: 10_000, SessionID: 7}).Append(wire.BeginFrame(nil))
			greeted = true
		} else {
			answer = s.answer(body, has)
		}
		if _, err := nc.Write(wire.EndFrame(answer, 0)); err != nil {
			return
		}
	}
}

func (s *changingServer) answer(body []byte, has bool) []byte {
	var h wire.RequestHeader
	r := wire.NewReader(body)
	h.Decode(&r)
	s.mu.Lock()
	s.seen = append(s.seen, h.Op)
	s.mu.Unlock()
	reply := wire.ReplyHeader{Xid: h.Xid, Zxid: 1}
	switch {
	case h.Op >= wire.OpLinearizable && !has:
		s.t.Errorf("%v was sent to a server that does not have it", h.Op)
	case h.Op == wire.OpGetData && !has:
		reply.Err = wire.ErrNoNode
	case h.Op == wire.OpGetData:
		data := wire.DataResponse{Data: wire.AppendExtensions(nil)}
		return data.Append(reply.Append(wire.BeginFrame(nil)))
	}
	return wire.AppendInt(reply.Append(wire.BeginFrame(nil)), 1)
}

// TestExtensionsAreAskedForOnEveryConnection: what one server had says nothing
// about the next one.
func TestExtensionsAreAskedForOnEveryConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := &changingServer{t: t}, t.Context()
		c, err := client.Dial(ctx, client.Options{Servers: []string{"a:1"}, Dialer: s.Dial})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := c.DeleteRecursive(ctx, "/x", client.AnyVersion, 0); err != nil || n != 1 {
			t.Errorf("got %d, %v, want it sent", n, err)
		}
		_ = s.first.Close()
		synctest.Wait()
		if _, err := c.DeleteRecursive(ctx, "/x", client.AnyVersion, 0); !errors.Is(err, client.ErrUnsupported) {
			t.Errorf("on the next connection: got %v, want %v", err, client.ErrUnsupported)
		}
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
		s.served.Wait()
	})
}

// TestNothingIsAskedBeforeTheClientHasSaidWhoItIs: a server that wants
// credentials first hangs up on everything else.
func TestNothingIsAskedBeforeTheClientHasSaidWhoItIs(t *testing.T) {
	for _, limit := range []int{0, 4096} {
		synctest.Test(t, func(t *testing.T) {
			s, ctx := &changingServer{t: t}, t.Context()
			c, err := client.Dial(ctx, client.Options{Servers: []string{"a:1"}, Dialer: s.Dial, ReplyBytesMax: limit})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if err = c.AddAuth(ctx, "digest", []byte("bob:secret")); err != nil {
				t.Error(err)
			}
			if err = c.Delete(ctx, "/x", client.AnyVersion); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			if err := c.Close(ctx); err != nil {
				t.Error(err)
			}
			s.served.Wait()
			want := []wire.OpCode{wire.OpAuth, wire.OpGetData, wire.OpDelete, wire.OpSetReplyLimit, wire.OpCloseSession}
			if limit > 0 {
				want[2], want[3] = want[3], want[2]
			}
			if !slices.Equal(s.seen, want) {
				t.Errorf("limit %d: got %v, want %v", limit, s.seen, want)
			}
		})
	}
}
