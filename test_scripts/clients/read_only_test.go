package clients

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// leaderless is a cluster of three with /seen of which one server is left, and
// serves clients that only read.
func leaderless(t *testing.T) (c *processes.Cluster, left *processes.Process) {
	t.Helper()
	c = processes.NewWith(t, 3, "read_only_mode = true\n")
	k, err := client.Dial(t.Context(), client.Options{Servers: c.Addresses()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Create(t.Context(), "/seen", []byte("here"), client.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	_ = k.Close(t.Context())
	c.Settle()
	left = c.Servers[0]
	for _, p := range c.Servers[1:] {
		c.Kill(p)
	}
	processes.Eventually(t, "the server is read-only", func() bool { return left.Word("isro") == "ro" })
	return c, left
}

// R01, R02 and R03 with kazoo.
//
// covers: R01, R02, R03
func TestKazooReadsWithoutALeader(t *testing.T) {
	python := "/usr/bin/python3"
	need(t, "kazoo", exec.Command(python, "-c", "import kazoo").Run() == nil)
	c, left := leaderless(t)
	cmd := limited(t, python, "kazoo_read_only.py", left.Client)
	cmd.Stderr = os.Stderr
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	finished := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch lines.Text() {
		case "start":
			c.Start(c.Servers[1])
			_, _ = fmt.Fprintln(in)
		case "finished":
			finished = true
		}
	}
	if err := cmd.Wait(); err != nil || !finished {
		t.Errorf("kazoo_read_only.py: %v, finished %v", err, finished)
	}
}

// R01 and R02 with ZooKeeper's shell and this project's.
//
// covers: R01, R02
func TestShellsReadWithoutALeader(t *testing.T) {
	_, left := leaderless(t)
	cmd := limited(t, processes.Binary, "cli", "-r", left.Client)
	cmd.Stdin = strings.NewReader("get /seen\ncreate /new x\n")
	if b, _ := cmd.CombinedOutput(); !strings.Contains(string(b), "here") || !strings.Contains(string(b), "read-only") {
		t.Errorf("zabkeeper cli -r: %s", b)
	}
	_, err := os.Stat(zkCli)
	need(t, "zkCli.sh", err == nil)
	cmd = limited(t, zkCli, "-r", "-server", left.Client)
	cmd.Stdin = strings.NewReader("get /seen\ncreate /new x\nls /\nquit\n")
	b, err := cmd.CombinedOutput()
	if out := string(b); err != nil || !strings.Contains(out, "here") || !strings.Contains(out, "Not a read-only call") || !strings.Contains(out, "[seen, zookeeper]") {
		t.Errorf("zkCli.sh -r: %v\n%s", err, b)
	}
}
