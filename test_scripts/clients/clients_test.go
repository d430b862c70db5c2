// Package clients lets the clients that people use do their whole basic work
// against three servers: kazoo, ZooKeeper's own shell and the Go client. A
// client that is not installed is skipped aloud; install_clients.sh gets them.
package clients

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

func TestMain(m *testing.M) { processes.Main(m) }

// need finds a program or skips. Where CI says so, everything has to be there.
func need(t *testing.T, what string, ok bool) {
	t.Helper()
	if ok {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed; run test_scripts/clients/install_clients.sh", what)
	}
	t.Skipf("%s is not installed; test_scripts/clients/install_clients.sh installs it", what)
}

// TestKazoo runs kazoo_work.py, which asks for a server to be killed and started
// again in between, and says which.
//
// covers: P02, G11
func TestKazoo(t *testing.T) {
	python := "/usr/bin/python3" // Debian's, which has Debian's kazoo
	need(t, "kazoo", exec.Command(python, "-c", "import kazoo").Run() == nil)
	c := processes.New(t, 3)
	cmd := exec.Command(python, "kazoo_work.py", strings.Join(c.Addresses(), ","))
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
	killer := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer killer.Stop()
	lines := bufio.NewScanner(out)
	finished := false
	for lines.Scan() {
		verb, address, _ := strings.Cut(lines.Text(), " ")
		switch verb {
		case "kill", "start":
			for _, p := range c.Servers {
				if p.Client == address && verb == "kill" {
					c.Kill(p)
				} else if p.Client == address {
					c.Start(p)
					c.AwaitServing(p)
				}
			}
			_, _ = fmt.Fprintln(in, "done")
		case "finished":
			finished = true
		default:
			t.Log(lines.Text())
		}
	}
	if err := cmd.Wait(); err != nil || !finished {
		t.Errorf("kazoo_work.py: %v, finished %v", err, finished)
	}
}

const zkCli = "/usr/share/zookeeper/bin/zkCli.sh"

// typed is a line for a shell, and what its output has to contain.
type typed struct{ command, want string }

// runZkCli types into ZooKeeper's own shell.
func runZkCli(t *testing.T, servers string, script []typed) {
	t.Helper()
	var input strings.Builder
	for _, s := range script {
		fmt.Fprintln(&input, s.command)
	}
	fmt.Fprintln(&input, "quit")
	cmd := exec.Command(zkCli, "-server", servers)
	cmd.Stdin = strings.NewReader(input.String())
	killer := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer killer.Stop()
	b, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("zkCli.sh: %v", err)
	}
	output := string(b)
	for _, s := range script {
		if !strings.Contains(output, s.want) {
			t.Errorf("%s: no %q in the output", s.command, s.want)
		}
	}
	if t.Failed() {
		t.Log(output)
	}
}

// TestZkCli pipes commands through ZooKeeper's shell and looks for its answers.
//
// covers: P03, Y02
func TestZkCli(t *testing.T) {
	_, err := os.Stat(zkCli)
	need(t, "zkCli.sh", err == nil)
	c := processes.New(t, 3)
	script := []typed{
		{"create /shell one", "Created /shell"},
		{"get /shell", "one"},
		{"set /shell two", ""},
		{"get -s /shell", "dataVersion = 1"},
		{"create -e /shell/e x", "Created /shell/e"},
		{"create -s /shell/s- x", "Created /shell/s-0000000001"},
		{"create -e -s /shell/es- x", "Created /shell/es-0000000002"},
		{"create -c /shell/c", "Created /shell/c"},
		{"ls /shell", "[c, e, es-0000000002, s-0000000001]"},
		{"stat /shell", "numChildren = 4"},
		{"create /shell again", "Node already exists: /shell"},
		{"delete /shell", "Node not empty: /shell"},
		{"get /none", "Node does not exist: /none"},
		{"getAcl /shell", "'world,'anyone"},
		{"addauth digest bob:pw", ""},
		{"setAcl /shell/c auth::cdrwa", ""},
		{"getAcl /shell/c", "'digest,'bob:ikIaKsbtGweaHnb/jKn7OHqbunM="},
		{"sync /shell", "Sync is OK"},
		{"getAllChildrenNumber /shell", "4"},
		{"getEphemerals /shell", "[/shell/e, /shell/es-0000000002]"},
		{"whoami", "ip: 127.0.0.1"},
		{"config", "server.3=127.0.0.1:"},
		{"deleteall /shell", ""},
		{"ls /", "[zookeeper]"},
	}
	runZkCli(t, strings.Join(c.Addresses(), ","), script)
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// TestGoZookeeper does the basic work with github.com/go-zookeeper/zk.
//
// covers: P05, G11
func TestGoZookeeper(t *testing.T) {
	c := processes.New(t, 3)
	conn, events, err := zk.Connect(c.Addresses(), 6*time.Second, zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	acl := zk.WorldACL(zk.PermAll)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = conn.Create("/go", []byte("one"), 0, acl)
	must(err)
	_, _, changed, err := conn.GetW("/go")
	must(err)
	stat, err := conn.Set("/go", []byte("two"), 0)
	must(err)
	if e := <-changed; e.Type != zk.EventNodeDataChanged || stat.Version != 1 {
		t.Errorf("event %v, version %d; want data changed, 1", e.Type, stat.Version)
	}
	if _, err := conn.Set("/go", nil, 0); err != zk.ErrBadVersion {
		t.Errorf("set with an old version: %v", err)
	}
	seq, err := conn.Create("/go/s-", nil, zk.FlagSequence|zk.FlagEphemeral, acl)
	must(err)
	if seq != "/go/s-0000000000" {
		t.Errorf("sequential node %s", seq)
	}
	_, err = conn.Multi(&zk.CreateRequest{Path: "/go/m", Acl: acl}, &zk.SetDataRequest{Path: "/go/m", Data: []byte("x"), Version: 0}, &zk.CheckVersionRequest{Path: "/go/m", Version: 1})
	must(err)
	if _, err := conn.Multi(&zk.CreateRequest{Path: "/go/n", Acl: acl}, &zk.DeleteRequest{Path: "/none", Version: -1}); err != zk.ErrNoNode {
		t.Errorf("multi that fails: %v", err)
	}
	if exists, _, _ := conn.Exists("/go/n"); exists {
		t.Error("half of a failed multi was applied")
	}
	lock := zk.NewLock(conn, "/go/lock", acl)
	must(lock.Lock())
	must(lock.Unlock())

	// The session, with its ephemeral node, lives through the death of its server.
	before, server := conn.SessionID(), conn.Server()
	for _, p := range c.Servers {
		if p.Client == server {
			c.Kill(p)
			defer func() { c.Start(p) }()
		}
	}
	processes.Eventually(t, "the client is on another server", func() bool {
		_, _, err := conn.Get("/go")
		return err == nil
	})
	if conn.SessionID() != before {
		t.Error("the session was lost with its server")
	}
	children, _, err := conn.Children("/go")
	must(err)
	slices.Sort(children)
	if want := []string{"lock", "m", "s-0000000000"}; !slices.Equal(children, want) {
		t.Errorf("children %v, want %v", children, want)
	}
	for len(events) > 0 {
		if e := <-events; e.State == zk.StateExpired {
			t.Error("the session expired")
		}
	}
}
