package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
)

const srvr = "Zookeeper version: 3.9\nLatency min/avg/max: 0/2.6667/14\nReceived: 19\nSent: 18\nConnections: 3\nOutstanding: 0\nZxid: 0x%E00000013\nMode: %M\nNode count: 9\n"

func answerSrvr(epoch, mode string) string {
	return strings.NewReplacer("%E", epoch, "%M", mode).Replace(srvr)
}

// covers: K03
func TestStatus(t *testing.T) {
	one, a := newServer(t)
	two, b := newServer(t)
	one.Word("srvr", answerSrvr("2", "follower"))
	two.Word("srvr", answerSrvr("3", "leader"))
	status, stdout, stderr := run("", "status", a+","+b, "127.0.0.1:1")
	if status != 0 || stderr != "" {
		t.Errorf("got %d, %s", status, stderr)
	}
	for _, want := range []string{"follower  2      2/19       3", "leader    3      3/19       3", "down", b + " leads epoch 3\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("got\n%s\nwant %q in it", stdout, want)
		}
	}

	two.Word("srvr", "This ZooKeeper instance is not currently serving requests\n")
	status, stdout, stderr = run("", "status", a, b)
	if status != 1 || stderr != "zabkeeper: no server leads\n" || !strings.Contains(stdout, "not serving") {
		t.Errorf("without a leader: got %d, %s%s", status, stdout, stderr)
	}
	status, stdout, _ = run("", "status", "-o", "json", a)
	if status != 1 || !strings.Contains(stdout, `"role":"follower","epoch":2,"counter":19,"connections":3`) || !strings.Contains(stdout, `"leader":null`) {
		t.Errorf("json: got %d, %s", status, stdout)
	}
}

// covers: K03
func TestStatusOfANodeTable(t *testing.T) {
	s, addr := newServer(t)
	s.Word("srvr", answerSrvr("1", "standalone"))
	_, port, _ := strings.Cut(addr, ":")
	table := filepath.Join(t.TempDir(), "nodes.txt")
	if err := os.WriteFile(table, []byte("7 127.0.0.1 1001 1002 "+port+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := run("", "status", "--nodes", table)
	if status != 0 || !strings.Contains(stdout, "7 "+addr+"  standalone  1") {
		t.Errorf("got %d, %s%s", status, stdout, stderr)
	}
	for _, args := range [][]string{{"--nodes", table, addr}, {"--nodes", "/missing"}, {"a:b:c"}} {
		if status, _, _ = run("", append([]string{"status"}, args...)...); status != 2 {
			t.Errorf("%q: got exit status %d, want 2", args, status)
		}
	}
}

// FuzzServerStatus reads anything as an answer to srvr.
func FuzzServerStatus(f *testing.F) {
	f.Add(answerSrvr("3", "leader"))
	f.Add("Mode: \nZxid: 0x-1\nConnections: 99999999999999999999")
	f.Fuzz(func(t *testing.T, answer string) {
		var s serverStatus
		if n := allocation.Bytes(func() { s.parse(answer) }); n > 64<<10 {
			t.Errorf("%d bytes allocated for %d", n, len(answer))
		}
		if s.Epoch < 0 || s.Counter < 0 || !strings.Contains(answer, s.Version) {
			t.Errorf("got %+v out of %q", s, answer)
		}
	})
}
