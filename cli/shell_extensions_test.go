package cli

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/zabkeeper/zabkeeper/client/clienttest"
	"github.com/zabkeeper/zabkeeper/node"
	"github.com/zabkeeper/zabkeeper/wire"
)

// newNode is a server with all extensions.
func newNode(t *testing.T) (address string) {
	t.Helper()
	n, err := node.Open(node.Options{ID: 1, DataDir: t.TempDir(), Members: []node.Member{{ID: 1, Voter: true}}, ClientAddress: "127.0.0.1:0",
		Version: "test", Log: zerolog.Nop(), SegmentBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n.ClientAddr().String()
}

type commandTest struct {
	line           string
	status         int
	stdout, stderr string
}

func runCommands(t *testing.T, addr string, tests []commandTest) {
	t.Helper()
	for _, tt := range tests {
		words, _, err := splitWords(tt.line, 0)
		if err != nil {
			t.Fatal(err)
		}
		args := append([]string{"cli", addr}, words...)
		if words[0] == "-o" {
			args = append([]string{"cli", "-o", words[1], addr}, words[2:]...)
		}
		status, stdout, stderr := run("", args...)
		if status != tt.status || stdout != tt.stdout || stderr != tt.stderr {
			t.Errorf("%s: got %d\n%s%s\nwant %d\n%s%s", tt.line, status, stdout, stderr, tt.status, tt.stdout, tt.stderr)
		}
	}
}

func TestExtensionCommands(t *testing.T) {
	addr := newNode(t)
	runCommands(t, addr, []commandTest{
		{"extensions", 0, "linearizable\nlistPage\ndeleteRecursive\ncreateParents\ncheckNotExists\ncheckCzxid\nsetReplyLimit\n", ""},
		{"create -p /a/b/c data", 0, "Created /a/b/c\n", ""},
		{"create -p -e -s /a/e/n- data", 0, "Created /a/e/n-0000000000\n", ""},
		{"create -p /a/b", 1, "", "create /a/b: node already exists\n"},
		{"get --linearizable /a/b/c", 0, "data\n", ""},
		{"get --linearizable /none", 1, "", "get /none: node does not exist\n"},
		{"get -w --linearizable /a", 2, "", "get /a: -w does not go with --linearizable\n"},
		{"stat -w --linearizable /a", 2, "", "stat /a: -w does not go with --linearizable\n"},
		{"ls --linearizable /a", 0, "[b, e]\n", ""},
		{"create /a/b2", 0, "Created /a/b2\n", ""},
		{"create /a/b3", 0, "Created /a/b3\n", ""},
		{"ls --prefix b --limit 2 /a", 0, "b\nb2\n", "there are more: --after b2\n"},
		{"ls --prefix b --limit 2 --after b2 --linearizable /a", 0, "b3\n", ""},
		{"ls --page 1 /a", 0, "b\nb2\nb3\ne\n", ""},
		{"ls --page 1 --limit 1 /a", 2, "", "ls /a: --limit and --page are positive, and one of them is given at the most\n"},
		{"ls --limit -1 /a", 2, "", "ls /a: --limit and --page are positive, and one of them is given at the most\n"},
		{"ls -R --linearizable /a", 2, "", "ls /a: neither -R nor -w goes with the others, but -s\n"},
		{"-o json ls --prefix b --limit 1 /a", 0, "{\"command\":\"ls /a\",\"ok\":true,\"result\":{\"children\":[\"b\"],\"more\":true}}\n", ""},
		{"deleteall --limit 4 /a", 1, "", "deleteall /a: more nodes than the limit, nothing was done\n"},
		{"deleteall -b 1 --limit 4 /a", 2, "", "deleteall /a: -b and --limit are positive, and one of them is given at the most\n"},
		{"deleteall --limit 6 /a", 0, "Deleted 6 nodes in one transaction\n", ""},
		{"create -p /a/b", 0, "Created /a/b\n", ""},
		{"deleteall /a", 0, "Deleted 2 nodes in one transaction\n", ""},
		{"create -p /a/b", 0, "Created /a/b\n", ""},
		{"deleteall -b 10 /a", 0, "Deleted 2 nodes, one after another\n", ""},
		{"deleteall -b 0 /a", 2, "", "deleteall /a: -b and --limit are positive, and one of them is given at the most\n"},
	})
	status, stdout, _ := run("create -p /s/t\ndeleteall /s\n", "cli", addr)
	if status != 0 || stdout != "Created /s/t\n" {
		t.Errorf("a script: got %d, %q, want it as quiet as before", status, stdout)
	}
	if _, stdout, _ = run("create -p /s/t\nls -l /\n", "cli", addr); !strings.Contains(stdout, "s cZxid=0x") || !strings.Contains(stdout, "dataLength=0 numChildren=1") {
		t.Errorf("a long list: got %q", stdout)
	}
}

func TestExtensionCommandsAgainstAServerWithoutThem(t *testing.T) {
	_, addr := newServer(t)
	const unsupported = ": the server does not have this extension of zabkeeper\n"
	runCommands(t, addr, []commandTest{
		{"extensions", 0, "none\n", ""},
		{"create -p /a/b", 1, "", "create /a/b" + unsupported},
		{"create /a", 0, "Created /a\n", ""},
		{"create /a/b", 0, "Created /a/b\n", ""},
		{"create /a/c", 0, "Created /a/c\n", ""},
		{"get --linearizable /a", 1, "", "get /a" + unsupported},
		{"stat --linearizable /a", 1, "", "stat /a" + unsupported},
		{"ls --linearizable /a", 1, "", "ls /a" + unsupported},
		{"ls --limit 1 /a", 0, "b\n", "there are more: --after b\n"},
		{"ls --page 1 /a", 0, "b\nc\n", ""},
		{"deleteall --limit 5 /a", 1, "", "deleteall /a" + unsupported},
		{"deleteall /a", 0, "Deleted 3 nodes, one after another\n", ""},
	})
}

// TestPagesGoOnAfterALostConnection loses one between two pages: none may be
// printed twice.
func TestPagesGoOnAfterALostConnection(t *testing.T) {
	s, addr := newServer(t)
	run("create p\ncreate p/1\ncreate p/2\ncreate p/3\n", "cli", addr)
	var reads atomic.Int32
	s.Decide(func(r clienttest.Request) clienttest.Action {
		if r.Op == wire.OpGetChildren2 && reads.Add(1) == 2 {
			return clienttest.DropAfter
		}
		return clienttest.Answer
	})
	if status, stdout, stderr := run("ls --page 1 p\n", "cli", addr); status != 0 || stdout != "1\n2\n3\n" {
		t.Errorf("got %d, %q, %s", status, stdout, stderr)
	}
}

func TestFlagsAreCompleted(t *testing.T) {
	_, addr := newServer(t)
	screen := typeInto(t, addr, "create n\rls --lin\t\x03get --l\t n\rnonsense --l\t\x03quit\r")
	if !strings.Contains(screen, "get --linearizable") || !strings.Contains(screen, "ls --linearizable") || !strings.Contains(screen, "does not have this extension") {
		t.Errorf("got screen\n%q\nwant the flags completed", screen)
	}
}
