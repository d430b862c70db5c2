package bench

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/client/clienttest"
)

// newServers starts a server and returns its address as often as asked for, which
// to a workload is as many servers with one tree.
func newServers(t *testing.T, addresses int) (*clienttest.Server, []string) {
	t.Helper()
	s := clienttest.New()
	addr, stop, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return s, slices.Repeat([]string{addr}, addresses)
}

// quick is a short run of w.
func quick(w Workload, servers []string) Options {
	o := Options{Servers: servers, Workload: w, Connections: 4, InFlight: 3, Nodes: 1500, ValueBytes: 20, Reads: 0.5, Duration: 100 * time.Millisecond}
	if !w.loop() || w == Latency {
		o.InFlight = 1
	}
	if w == Latency {
		o.Connections = 1
	}
	return o
}

// mustRun is Run with a bound that no test reaches.
func mustRun(t *testing.T, o Options) *Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	res, err := Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func mustBeClean(t *testing.T, s *clienttest.Server) {
	t.Helper()
	if _, left := s.Data("/bench-0000000000"); left {
		t.Error("the run's node is still there")
	}
}

// scripted is a socket from which these bytes can be read, and nothing more.
type scripted struct {
	net.Conn
	in    []byte
	chunk int
}

func (s *scripted) Read(b []byte) (int, error) {
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), max(s.chunk, 1))], s.in)
	s.in = s.in[n:]
	return n, nil
}

func (s *scripted) Write(b []byte) (int, error)      { return len(b), nil }
func (s *scripted) Close() error                     { return nil }
func (s *scripted) SetDeadline(time.Time) error      { return nil }
func (s *scripted) SetReadDeadline(time.Time) error  { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }
