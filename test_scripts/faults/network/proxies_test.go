package network

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
)

// introduction is what server 2 says first.
var introduction = append([]byte{0, 0, 0, 26, 1, 2, 3, 4, 0x9b, 0xce, 0x5a, 0x41, 0x42, 0x4b, 1, 0xc4, 16}, append(make([]byte, 16), 2)...)

// TestProxyCuts: in a cut direction nothing arrives, in the other everything
// does, and what was held back comes when the cut ends.
func TestProxyCuts(t *testing.T) {
	p := NewProxies(t, 2)
	// Server 1 listens behind its proxies, where its settings say.
	var behind string
	for _, f := range splitQuoted(p.Seats()[0].Settings) {
		behind = f
		break
	}
	l, err := net.Listen("tcp", behind)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", p.listeners[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	if _, err := near.Write(introduction); err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	expect(t, far, string(introduction))
	p.Set(Cut{2, 1, ServerPort})
	for _, c := range []net.Conn{near, far} {
		if _, err := c.Write([]byte("ab")); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, near, "ab")
	silent(t, far)
	p.Set(Cut{2, 1, LeaderPort}, Cut{1, 2, BothPorts})
	expect(t, far, "ab")
	if _, err := far.Write([]byte("cd")); err != nil {
		t.Fatal(err)
	}
	silent(t, near)
	p.Set()
	expect(t, near, "cd")
	p.Reset(1, 2)
	if _, err := near.Read(make([]byte, 1)); err == nil {
		t.Error("a connection that was broken gives bytes")
	}
}

func splitQuoted(s string) (out []string) {
	for i := 0; i < len(s); i++ {
		if s[i] == '"' {
			j := i + 1
			for s[j] != '"' {
				j++
			}
			out = append(out, s[i+1:j])
			i = j
		}
	}
	return out
}

func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("got %q, %v, want %q", b, err, want)
	}
}

func silent(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatal("something arrived in a cut direction")
	}
}

// FuzzHello: no first frame breaks the proxy, or costs it memory.
func FuzzHello(f *testing.F) {
	f.Add(introduction[8:])
	f.Fuzz(func(t *testing.T, b []byte) {
		var n int
		var err error
		if got := allocation.Bytes(func() { n, err = helloServer(b) }); got > 64<<10 {
			t.Errorf("%d bytes allocated for %d", got, len(b))
		}
		if err != nil && !errors.Is(err, ErrHello) || err == nil && (n < 0 || n > 255) {
			t.Fatalf("%d, %v", n, err)
		}
	})
}

// TestHello: who dials is read out of the first frame, and others are refused.
func TestHello(t *testing.T) {
	for _, c := range []struct {
		b    []byte
		want int
	}{
		{introduction[8:], 2},
		{append(introduction[8:33:33], 0xcc, 200), 200},
		{append(introduction[8:33:33], 0xcd, 2, 200), 0},
		{introduction[8:20], 0},
		{nil, 0},
	} {
		if n, err := helloServer(c.b); n != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("%x: %d, %v, want %d", c.b, n, err, c.want)
		}
	}
}
