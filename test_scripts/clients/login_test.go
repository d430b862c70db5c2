package clients

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// logins are the settings of servers with users.
const logins = "[sasl.users]\nbob = \"pw\"\nal = \"x\"\n"

// limited ends a program that takes too long.
func limited(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, name, args...)
}

// A16 with kazoo and pure-sasl.
//
// covers: A16
func TestKazooLogsIn(t *testing.T) {
	python := "/usr/bin/python3"
	need(t, "kazoo with pure-sasl", exec.Command(python, "-c", "import kazoo, puresasl").Run() == nil)
	c := processes.NewWith(t, 3, logins)
	out, err := limited(t, python, "kazoo_login.py", strings.Join(c.Addresses(), ",")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "finished") {
		t.Errorf("kazoo_login.py: %v\n%s", err, out)
	}
}

// zkCliAs pipes commands through ZooKeeper's shell, which logs in.
func zkCliAs(t *testing.T, c *processes.Cluster, user, password string, commands ...string) string {
	t.Helper()
	jaas := filepath.Join(t.TempDir(), "client.conf")
	text := fmt.Sprintf("Client {\n org.apache.zookeeper.server.auth.DigestLoginModule required\n username=%q\n password=%q;\n};\n", user, password)
	if err := os.WriteFile(jaas, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := limited(t, zkCli, "-server", strings.Join(c.Addresses(), ","))
	cmd.Env = append(os.Environ(), "CLIENT_JVMFLAGS=-Djava.security.auth.login.config="+jaas, "JVMFLAGS=-Djava.security.auth.login.config="+jaas)
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\nquit\n")
	b, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("zkCli.sh as %s: %v", user, err)
	}
	return string(b)
}

// A16 with ZooKeeper's own client, which also checks the server's proof.
//
// covers: A16
func TestZkCliLogsIn(t *testing.T) {
	_, err := os.Stat(zkCli)
	need(t, "zkCli.sh", err == nil)
	c := processes.NewWith(t, 3, "enforce_auth = [\"sasl\"]\n"+logins)
	for _, u := range []struct {
		user, password string
		want, not      string
	}{
		{"bob", "pw", "sasl: bob", "AuthFailed"},
		{"bob", "wrong", "state:AuthFailed", "sasl: bob"},
	} {
		out := zkCliAs(t, c, u.user, u.password, "create /java secret sasl:bob:cdrwa", "whoami", "getAcl /java", "get /java")
		if !strings.Contains(out, u.want) || strings.Contains(out, u.not) {
			t.Errorf("as %s:%s: no %q, or %q, in\n%s", u.user, u.password, u.want, u.not, out)
		}
		if u.password == "pw" && (!strings.Contains(out, "Created /java") || !strings.Contains(out, "'sasl,'bob\n: cdrwa") || !strings.Contains(out, "secret")) {
			t.Errorf("as %s: the node is not made and read:\n%s", u.user, out)
		}
	}
}

// A19 with this program's own client and shell: nobody gets in without a login,
// and a login outlives the server that it was made on.
//
// covers: A19
func TestOwnClientLogsIn(t *testing.T) {
	c := processes.NewWith(t, 3, "enforce_auth = [\"sasl\"]\n"+logins)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	bob, err := client.Dial(ctx, client.Options{Servers: c.Addresses(), SASL: &client.SASL{User: "bob", Password: "pw"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = bob.Create(ctx, "/go", []byte("x"), client.CreateOptions{ACL: client.CreatorACL()}); err != nil {
		t.Fatal(err)
	}
	server := bob.Server() // it changes when that one is killed
	for _, p := range c.Servers {
		if p.Client == server {
			c.Kill(p)
		}
	}
	processes.Eventually(t, "bob reads what is his on another server", func() bool {
		data, _, err := bob.Get(ctx, "/go")
		return err == nil && string(data) == "x"
	})
	if err := bob.Close(ctx); err != nil {
		t.Error(err)
	}
	if _, err = client.Dial(ctx, client.Options{Servers: c.Addresses(), SASL: &client.SASL{User: "bob", Password: "wrong"}}); !errors.Is(err, client.ErrAuthFailed) {
		t.Errorf("a wrong password: %v", err)
	}

	servers := strings.Join(c.Addresses(), ",")
	out, err := limited(t, processes.Binary, "cli", "--sasl", "bob:pw", servers, "get", "/go").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "x" {
		t.Errorf("cli --sasl: %v\n%s", err, out)
	}
	cmd := limited(t, processes.Binary, "cli", servers)
	cmd.Stdin = strings.NewReader("addauth sasl al:x\nwhoami\nget /go\n")
	out, _ = cmd.CombinedOutput()
	if !strings.Contains(string(out), "sasl: al") || !strings.Contains(string(out), "permission denied") {
		t.Errorf("cli with addauth:\n%s", out)
	}
	out, err = limited(t, processes.Binary, "cli", "--timeout", "5s", servers, "get", "/go").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "authenticated clients only") {
		t.Errorf("cli without a login: %v\n%s", err, out)
	}
}
