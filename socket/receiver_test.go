package socket_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/iotest"
	"time"

	"github.com/zabkeeper/zabkeeper/socket"
)

func TestReceiver(t *testing.T) {
	for _, wrapped := range []bool{false, true} {
		near, far := pair(t)
		c := far
		if wrapped {
			c = &deadlines{Conn: far}
		}
		r := socket.NewConn(c)
		_ = far.SetReadDeadline(time.Now().Add(-time.Second))
		if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %d bytes, %v behind the deadline", n, err)
		}
		_ = far.SetReadDeadline(time.Time{})
		if n, err := r.Read(nil); n != 0 || err != nil {
			t.Fatalf("got %d bytes, %v for none", n, err)
		}
		want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		go func() {
			_, _ = socket.NewConn(near).Write(want) // it is read to the end
			_ = near.Close()
		}()
		if err := iotest.TestReader(io.LimitReader(r, int64(len(want))), want); err != nil {
			t.Fatal(err)
		}
		if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Fatalf("got %d bytes, %v at the end", n, err)
		}
		_ = far.Close()
		if n, err := r.Write([]byte("x")); n != 0 || !errors.Is(err, net.ErrClosed) {
			t.Fatalf("got %d bytes, %v to a closed connection", n, err)
		}
		if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, net.ErrClosed) {
			t.Fatalf("got %d bytes, %v from a closed connection", n, err)
		}
	}
}
