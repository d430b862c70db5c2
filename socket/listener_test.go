package socket_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/socket"
)

func listen(t *testing.T, network, address string) *socket.Listener {
	t.Helper()
	bare, err := net.Listen(network, address)
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
		t.Skipf("this system has no such addresses: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := socket.NewListener(bare)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// accept returns both ends of a connection.
func accept(t *testing.T, l *socket.Listener) (server, client net.Conn) {
	t.Helper()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	limit := time.Now().Add(10 * time.Second)
	if err := errors.Join(server.SetDeadline(limit), client.SetDeadline(limit)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = server.Close(), client.Close() })
	return server, client
}

// A listener of both families names a client as the net package does, and what
// is accepted is a bare socket, which closes as one.
func TestAccept(t *testing.T) {
	for name, address := range map[string]string{"IPv4": "127.0.0.1:0", "IPv6": "[::1]:0", "both": "[::]:0"} {
		t.Run(name, func(t *testing.T) {
			server, client := accept(t, listen(t, "tcp", address))
			if got, want := server.RemoteAddr().String(), client.LocalAddr().String(); got != want {
				t.Errorf("the client is %s, want %s", got, want)
			}
			if socket.Raw(server) == nil {
				t.Error("what is accepted is no bare socket")
			}
			if _, err := client.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 8)
			if n, err := socket.NewReceiver(server).Read(b); err != nil || string(b[:n]) != "hello" {
				t.Errorf("received %q, %v", b[:n], err)
			}
			if err := socket.NewSender(server).Send(net.Buffers{[]byte("bye")}); err != nil {
				t.Fatal(err)
			}
			if err := server.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(client); err != nil || string(got) != "bye" {
				t.Errorf("the client received %q, %v", got, err)
			}
		})
	}
}

func TestCloseEndsAccept(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	ended := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept ended with %v, want %v", err, net.ErrClosed)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		_ = c.Close()
		t.Error("somebody still listens")
	}
}

// A deadline ends waiting on an accepted connection.
func TestAcceptedHasDeadlines(t *testing.T) {
	server, _ := accept(t, listen(t, "tcp", "127.0.0.1:0"))
	if err := server.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := socket.NewReceiver(server).Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want %v", err, os.ErrDeadlineExceeded)
	}
}
