package clients

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/compatibility"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// relays stand between clients and servers, so that connections can be cut.
type relays struct {
	addresses []string
	mu        sync.Mutex
	open      map[net.Conn]bool
}

func newRelays(t *testing.T, servers []*compatibility.Server) *relays {
	t.Helper()
	r := &relays{open: map[net.Conn]bool{}}
	for _, s := range servers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		r.addresses = append(r.addresses, l.Addr().String())
		go func() {
			for {
				near, err := l.Accept()
				if err != nil {
					return
				}
				go r.relay(near, s.Address)
			}
		}()
	}
	t.Cleanup(r.drop)
	return r
}

func (r *relays) relay(near net.Conn, address string) {
	far, err := net.Dial("tcp", address)
	if err != nil {
		_ = near.Close()
		return
	}
	r.mu.Lock()
	r.open[near], r.open[far] = true, true
	r.mu.Unlock()
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_, _ = near.Close(), far.Close()
	}
	go pass(far, near)
	pass(near, far)
	r.mu.Lock()
	delete(r.open, near)
	delete(r.open, far)
	r.mu.Unlock()
}

// drop cuts every connection.
func (r *relays) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		_ = c.Close()
	}
}

// transcript is what one library showed on some servers.
type transcript func(t *testing.T, r *relays) []string

// compareRows runs the same against one server of zabkeeper, against three, and
// against ZooKeeper. expected are lines of zabkeeper that differ, by ZooKeeper's.
func compareRows(t *testing.T, run transcript, expected map[string]string) {
	t.Helper()
	need(t, "ZooKeeper", compatibility.ZooKeeperInstalled())
	one := func(s *compatibility.Server, err error) []*compatibility.Server {
		t.Helper()
		if s != nil {
			t.Cleanup(s.Kill)
		}
		if err != nil {
			t.Fatal(err)
		}
		return []*compatibility.Server{s}
	}
	ports := processes.FreePorts(t, 2+compatibility.EnsemblePorts)
	three, err := compatibility.StartEnsemble(processes.Binary, t.TempDir(), ports[2:], 0)
	for _, s := range three {
		t.Cleanup(s.Kill)
	}
	if err != nil {
		t.Fatal(err)
	}
	reference := run(t, newRelays(t, one(compatibility.StartZooKeeper(t.TempDir(), ports[0], compatibility.Configuration{}))))
	if len(reference) < 20 {
		t.Fatalf("only %d lines", len(reference))
	}
	for i, line := range reference {
		if ours, ok := expected[line]; ok {
			reference[i] = ours
			delete(expected, line)
		}
	}
	for line := range expected {
		t.Errorf("ZooKeeper does not say %q", line)
	}
	for name, servers := range map[string][]*compatibility.Server{"three servers": three,
		"one server": one(compatibility.StartZabkeeper(processes.Binary, t.TempDir(), ports[1], compatibility.Configuration{}))} {
		got := run(t, newRelays(t, servers))
		for i := range max(len(got), len(reference)) {
			if g, w := lineAt(got, i), lineAt(reference, i); g != w {
				t.Errorf("%s, line %d: got\n  %s\nwant\n  %s", name, i, g, w)
			}
		}
	}
	t.Logf("%d lines compared:\n%s", len(reference), strings.Join(reference, "\n"))
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}

// program runs a program that prints rows, and may ask for connections to be cut.
func program(name string, args ...string) transcript {
	return func(t *testing.T, r *relays) []string {
		t.Helper()
		cmd := limited(t, name, append(slices.Clone(args), strings.Join(r.addresses, ","))...)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var lines []string
		finished := false
		for s := bufio.NewScanner(out); s.Scan(); {
			switch row, ok := strings.CutPrefix(s.Text(), "ROW "); {
			case ok:
				lines = append(lines, row)
			case s.Text() == "drop":
				r.drop()
				_, _ = fmt.Fprintln(in, "done")
			case s.Text() == "finished":
				finished = true
			default:
				t.Log(s.Text())
			}
		}
		if err := cmd.Wait(); err != nil || !finished {
			t.Fatalf("%s: %v, finished %v; the last line was %q", filepath.Base(name), err, finished, lineAt(lines, len(lines)-1))
		}
		return lines
	}
}

// TestKazooRows is kazoo_rows.py.
//
// covers: D01, D02, D03, D04, D06, D08, D09, D10, D11, D12, D13, D16, D19, Q01, Q04, M01, M02, M07, W01, W02, W03, W04, W08, W11
// covers: A02, A03, A05, A06, A07, A08, A09, A10, A13, C08, E02, S05, U01, Y01, Y02, F01, F08, T02, P02
func TestKazooRows(t *testing.T) {
	python := "/usr/bin/python3"
	need(t, "kazoo", exec.Command(python, "-c", "import kazoo").Run() == nil)
	compareRows(t, program(python, "kazoo_rows.py"), nil)
}
