package socket_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/socket"
)

// pair returns both ends of a TCP connection.
func pair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

// TestFullSocket sends until the socket takes no more, which Try must survive
// without waiting, and the rest with Wait: everything arrives in order.
func TestFullSocket(t *testing.T) {
	near, far := pair(t)
	s := socket.NewSender(near)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 4<<20)
	n, err := s.Try(sent)
	if err != nil || n == 0 || n == len(sent) {
		t.Fatalf("got %d bytes, %v: want some of %d", n, err, len(sent))
	}
	if m, err := s.Try(sent[n:]); m != 0 || err != nil {
		t.Fatalf("got %d bytes, %v into a full socket, want none", m, err)
	}
	got := make(chan []byte)
	go func() {
		b := make([]byte, len(sent)+1)
		k, _ := io.ReadFull(far, b[:len(sent)+1])
		got <- b[:k]
	}()
	if err := s.Wait(sent[n:], time.Minute); err != nil {
		t.Fatal(err)
	}
	if k, err := s.Try([]byte("!")); k != 1 || err != nil {
		t.Fatalf("got %d bytes, %v: want 1", k, err)
	}
	if b := <-got; !bytes.Equal(b[:len(sent)], sent) || b[len(sent)] != '!' {
		t.Fatal("what arrived is not what was sent")
	}
}

func TestClosedSocket(t *testing.T) {
	near, _ := pair(t)
	s := socket.NewSender(near)
	_ = near.Close()
	if n, err := s.Try([]byte("x")); n != 0 || err == nil {
		t.Fatalf("got %d bytes, %v: want an error", n, err)
	}
	if err := s.Wait([]byte("x"), time.Minute); err == nil {
		t.Fatal("got no error, want one")
	}
}

// TestSend sends more pieces than one call takes, and more bytes than the socket
// takes, some of the pieces empty.
func TestSend(t *testing.T) {
	for _, wrapped := range []bool{false, true} {
		near, far := pair(t)
		if wrapped {
			near = &deadlines{Conn: near}
		}
		var pieces net.Buffers
		var want []byte
		for i := range 5000 {
			p := bytes.Repeat([]byte{byte(i)}, i%7*i%5000)
			pieces, want = append(pieces, p), append(want, p...)
		}
		got := make(chan []byte)
		go func() {
			b, _ := io.ReadAll(far)
			got <- b
		}()
		s := socket.NewSender(near)
		if err := errors.Join(s.Send(pieces), s.Send(nil), s.Send(net.Buffers{nil, {}}), near.Close()); err != nil {
			t.Fatal(err)
		}
		if b := <-got; !bytes.Equal(b, want) {
			t.Fatalf("%d bytes arrived, not the %d that were sent", len(b), len(want))
		}
		if err := s.Send(net.Buffers{[]byte("x")}); err == nil {
			t.Fatal("got no error of a closed connection, want one")
		}
	}
}

// deadlines is a connection that is not a bare socket and notes its deadlines.
type deadlines struct {
	net.Conn
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return d.Conn.SetWriteDeadline(t)
}

// TestWaitTakesItsDeadlineBack: a connection that was slow once must not fail
// when the time that it was given has passed.
func TestWaitTakesItsDeadlineBack(t *testing.T) {
	near, far := pair(t)
	d := &deadlines{Conn: near}
	s := socket.NewSender(d)
	if n, err := s.Try([]byte("x")); n != 0 || err != nil {
		t.Fatalf("got %d bytes, %v: want none where there is no bare socket", n, err)
	}
	if err := s.Wait([]byte("x"), time.Minute); err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if _, err := io.ReadFull(far, b[:]); err != nil {
		t.Fatal(err)
	}
	if len(d.set) != 2 || d.set[0].IsZero() || !d.set[1].IsZero() {
		t.Fatalf("got deadlines %v, want one and none", d.set)
	}
}
