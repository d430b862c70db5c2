//go:build linux

package network

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestNamespaces: what is cut is cut in one direction and on one port, and what
// is held back is late.
func TestNamespaces(t *testing.T) {
	if what := Missing(); what != "" {
		t.Skipf("skipped: no %s", what)
	}
	for _, late := range []bool{false, true} {
		s := NewNamespaces(t, 2, late)
		serve(t, s, 1, serverPort)
		serve(t, s, 1, leaderPort)
		serve(t, s, 2, serverPort)
		reach := func(from, to int, port string) bool {
			_, err := command(append(s.Enter(from), "timeout", "0.5", "bash", "-c", "exec 3<>/dev/tcp/"+s.host(to)+"/"+port+"; read -t 0.4 -u 3 line")...)
			return err == nil
		}
		check := func(what string, from, to int, port string, want bool) {
			t.Helper()
			for deadline := time.Now().Add(10 * time.Second); reach(from, to, port) != want; {
				if time.Now().After(deadline) {
					t.Fatalf("late %v: %s: connection from %d to %d port %s, want %v", late, what, from, to, port, want)
				}
			}
		}
		check("healthy", 2, 1, "2888", true)
		check("healthy", 2, 1, "3888", true)
		s.Set(Cut{2, 1, LeaderPort})
		check("a port", 2, 1, "3888", false)
		check("the other port", 2, 1, "2888", true)
		s.Set(Around(1, 2)...)
		check("both", 2, 1, "2888", false)
		check("both", 1, 2, "2888", false)
		s.Set()
		check("healed", 1, 2, "2888", true)
		if late {
			s.Delay(1, 100*time.Millisecond)
			begin := time.Now()
			check("late", 2, 1, "2888", true)
			if took := time.Since(begin); took < 200*time.Millisecond {
				t.Errorf("a connection over 100 ms in each direction took %v", took)
			}
		}
	}
}

// serve answers connections in a namespace with a line.
func serve(t *testing.T, s *Namespaces, id int, port int) {
	t.Helper()
	script := "import socket\ns=socket.socket()\ns.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)\ns.bind(('',PORT))\ns.listen(9)\n" +
		"while True:\n c,_=s.accept()\n c.sendall(b'hello\\n')\n c.close()\n"
	args := append(s.Enter(id), "/usr/bin/python3", "-c", strings.ReplaceAll(script, "PORT", map[int]string{serverPort: "2888", leaderPort: "3888"}[port]))
	c := exec.Command(args[0], args[1:]...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
}
