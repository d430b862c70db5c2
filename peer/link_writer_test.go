package peer

import (
	"bytes"
	"net"
	"testing"

	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// TestSendNowKeepsTheOrder sends with and without the writer, to a reader that
// waits until the sockets are full: what a socket does not take at once goes out
// before anything that was sent later.
func TestSendNowKeepsTheOrder(t *testing.T) {
	hold := make(chan struct{})
	a, b, ab, _ := linked(t, func(_, b *Options) { b.Handler.(*inbox).hold = hold })
	const n = 20_000
	for i := range n {
		m := []zab.Message{{Kind: zab.Proposal, Commit: zxid.Zxid(i), Runs: [][]byte{bytes.Repeat([]byte{byte(i)}, i%3000)}}}
		if i%7 == 0 {
			a.Send(ab, m)
		} else {
			a.SendNow(ab, m)
		}
		if i == n/2 {
			close(hold)
		}
	}
	for i := range n {
		got := <-b.messages
		if want := bytes.Repeat([]byte{byte(i)}, i%3000); got.Commit != zxid.Zxid(i) || !bytes.Equal(bytes.Join(got.Runs, nil), want) {
			t.Fatalf("got commit %v, %d bytes, want %d, %d", got.Commit, runsBytes(&got), i, len(want))
		}
	}
}

// TestPushNeedsNoWriter: on a link that has none the bytes leave all the same.
func TestPushNeedsNoWriter(t *testing.T) {
	listener := listenLoopback(t)
	near, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	l := newLink(&Transport{opt: Options{Self: 1}}, &connection{near, newFrameReader(near, FrameBytesMax)}, Hello{Server: 2})
	defer l.fail(ErrLinkEnded)
	frames := newFrameReader(far, FrameBytesMax)
	for i := range 100 {
		m := zab.Message{Kind: zab.Commit, Zxid: zxid.Zxid(i)}
		if !l.send([]zab.Message{m}) {
			t.Fatal("the link has ended")
		}
		l.push()
		got, err := frames.next()
		if want := AppendMessage(nil, 1, &m); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %x, %v, want %x", got, err, want)
		}
	}
}
