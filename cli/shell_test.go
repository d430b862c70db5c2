package cli

import (
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/zabkeeper/zabkeeper/client/clienttest"
	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
	"github.com/zabkeeper/zabkeeper/wire"
)

// covers: K01
func TestOneCommand(t *testing.T) {
	_, addr := newServer(t)
	tests := []struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		{[]string{"create", "/a", "it's \"data\""}, 0, "Created /a\n", ""},
		{[]string{"get", "a"}, 0, "it's \"data\"\n", ""},
		{[]string{"create", "-s", "a/n-"}, 0, "Created /a/n-0000000000\n", ""},
		{[]string{"ls", "/a"}, 0, "[n-0000000000]\n", ""},
		{[]string{"set", "/a", "-5"}, 0, "", ""},
		{[]string{"append", "/a", "two", "words"}, 0, "", ""},
		{[]string{"read", "/a"}, 0, "-5two words\n", ""},
		{[]string{"delete", "/a"}, 1, "", "delete /a: node has children\n"},
		{[]string{"delete", "--nonsense", "/a"}, 2, "", "delete: unknown flag: --nonsense (usage: delete [-v VERSION] NAME)\n"},
		{[]string{"create", "-c", "-e", "/c"}, 2, "", "create /c: -c goes with neither -s nor -e, and -t with neither -c nor -e\n"},
		{[]string{"setAcl", "/a", "world:anyone:rx"}, 2, "", "setAcl /a: 'x' is none of the permissions cdrwa\n"},
		{[]string{"setAcl", "/a", "world:anyone:ra,digest:bob:a=:b:cdrwa"}, 0, "", ""},
		{[]string{"getAcl", "/a"}, 0, "'world,'anyone\n: ra\n'digest,'bob:a=:b\n: cdrwa\n", ""},
		{[]string{"create", "/nodata"}, 0, "Created /nodata\n", ""},
		{[]string{"get", "/nodata"}, 0, "null\n", ""},
		{[]string{"whoami"}, 0, "Auth scheme: User\nip: 127.0.0.1\n", ""},
		{[]string{"close"}, 0, "", ""},
	}
	for _, tt := range tests {
		status, stdout, stderr := run("", append([]string{"cli", addr}, tt.args...)...)
		if status != tt.status || stdout != tt.stdout || stderr != tt.stderr {
			t.Errorf("%q: got %d\n%s%s\nwant %d\n%s%s", tt.args, status, stdout, stderr, tt.status, tt.stdout, tt.stderr)
		}
	}
}

func TestExitStatus(t *testing.T) {
	s, addr := newServer(t)
	for _, tt := range []struct {
		args []string
		want int
	}{
		{[]string{"nonsense"}, 2},
		{[]string{"cli"}, 2},
		{[]string{"cli", "not:an:address"}, 2},
		{[]string{"cli", addr, "nonsense"}, 2},
		{[]string{"cli", "-o", "xml", addr}, 2},
		{[]string{"cli", "--nonsense", addr}, 2},
		{[]string{"version"}, 0},
		{[]string{"cli", addr, "help"}, 0},
		{[]string{"cli", "--timeout", "50ms", "127.0.0.1:1", "ls", "/"}, 3},
		{[]string{"cli", "--timeout", "50ms", "127.0.0.1:1", "help"}, 0},
	} {
		if got, _, errs := run("", tt.args...); got != tt.want {
			t.Errorf("%q: got exit status %d (%s), want %d", tt.args, got, errs, tt.want)
		}
	}
	if n := s.Sessions(); n != 0 {
		t.Errorf("got %d sessions left behind, want 0", n)
	}
}

func TestStrictStopsAtTheFirstFailure(t *testing.T) {
	s, addr := newServer(t)
	const script = "create a\ncreate a\ncreate b\n"
	if status, stdout, _ := run(script, "cli", "--strict", addr); status != 1 || stdout != "Created /a\n" {
		t.Errorf("got %d, %q, want 1 and one node", status, stdout)
	}
	if _, found := s.Data("/b"); found {
		t.Error("the script went on")
	}
}

func TestJSON(t *testing.T) {
	_, addr := newServer(t)
	status, stdout, stderr := run("create a\nget a\nset a x\nget a\nls a\ndelete b\n", "cli", "-o", "json", addr)
	want := `{"command":"create a","ok":true,"result":"/a"}
{"command":"get a","ok":true,"result":{"data":null}}
{"command":"set a","ok":true,"result":{}}
{"command":"get a","ok":true,"result":{"data":"x"}}
{"command":"ls a","ok":true,"result":{"children":[]}}
{"command":"delete b","error":"node does not exist","ok":false}
`
	if status != 1 || stdout != want || stderr != "delete b: node does not exist\n" {
		t.Errorf("got %d, %s%s, want 1, %s", status, stdout, stderr, want)
	}
}

func TestWatchesArePrinted(t *testing.T) {
	_, addr := newServer(t)
	_, stdout, _ := run("create a\nget -w a\nset a x\nstat -w b\naddWatch /\ncreate b\nprintwatches off\nstat -w b\ndelete b\nremovewatches /\nclose\n", "cli", addr)
	for _, want := range []string{"type:NodeDataChanged path:/a", "type:NodeCreated path:/b", "type:NodeDeleted path:/b"} {
		if strings.Count(stdout, want) == 0 {
			t.Errorf("got\n%s\nwant %s in it", stdout, want)
		}
	}
}

func TestConnectAndClose(t *testing.T) {
	s, addr := newServer(t)
	_, other := newServer(t)
	status, stdout, stderr := run("create -e a\nclose\nls /\nconnect "+other+"\nls /\nconnect "+addr+"\nls /\nhistory\n", "cli", addr)
	if status != 1 || !strings.HasPrefix(stdout, "Created /a\n[]\n[]\n0 - create -e a\n1 - close\n") || stderr != "ls /: not connected, see 'help connect'\n" {
		t.Errorf("got %d\n%s%s", status, stdout, stderr)
	}
	if n := s.Sessions(); n != 0 {
		t.Errorf("got %d sessions left behind, want 0", n)
	}
}

func TestDeleteAllInBatches(t *testing.T) {
	s, addr := newServer(t)
	script := "create d\n" + strings.Repeat("create -s d/x\n", 25) + "create d/deep\ncreate d/deep/er\ndeleteall -b 7 d\n"
	if status, _, stderr := run(script, "cli", addr); status != 0 {
		t.Errorf("got %d, %s", status, stderr)
	}
	if _, found := s.Data("/d"); found {
		t.Error("/d is still there")
	}
}

// TestAppendHappensOnce loses the connection at every set of an append in turn,
// before or after the server did it, with and without another writer in between.
func TestAppendHappensOnce(t *testing.T) {
	for _, action := range []clienttest.Action{clienttest.DropBefore, clienttest.DropAfter} {
		for _, losses := range []int32{1, 2, 3} {
			for _, rival := range []bool{false, true} {
				s, addr := newServer(t)
				if _, _, errs := run("create f\nappend f start\n", "cli", addr); errs != "" {
					t.Fatal(errs)
				}
				var lost atomic.Int32
				s.Decide(func(r clienttest.Request) clienttest.Action {
					switch {
					case r.Op != wire.OpSetData || strings.Contains(string(r.Body), "rival") && !strings.Contains(string(r.Body), "mine"):
						return clienttest.Answer
					case lost.Add(1) > losses:
						return clienttest.Answer
					}
					if rival && lost.Load() == 1 && action == clienttest.DropBefore {
						if _, _, errs := run("append f rival", "cli", addr); errs != "" {
							t.Error(errs)
						}
					}
					return action
				})
				status, _, errs := run("append f mine\nappend f rival\n", "cli", addr)
				data, _ := s.Data("/f")
				if n := strings.Count(data, "mine\n"); status != 0 || n != 1 || !strings.HasPrefix(data, "start\n") {
					t.Errorf("action %d, %d losses, rival %v: got %d %s and %q, want mine once", action, losses, rival, status, errs, data)
				}
			}
		}
	}
}

func TestAppendAdmitsThatItCannotKnow(t *testing.T) {
	s, addr := newServer(t)
	run("create f\nappend f start\n", "cli", addr)
	var once atomic.Bool
	s.Decide(func(r clienttest.Request) clienttest.Action {
		if r.Op == wire.OpSetData && strings.Contains(string(r.Body), "mine") && once.CompareAndSwap(false, true) {
			run("delete f\ncreate f", "cli", addr)
			return clienttest.DropBefore
		}
		return clienttest.Answer
	})
	status, _, stderr := run("append f mine\n", "cli", addr)
	if status != 1 || !strings.Contains(stderr, "nobody can tell") {
		t.Errorf("got %d, %s, want an honest error", status, stderr)
	}
	if data, _ := s.Data("/f"); data != "" {
		t.Errorf("got %q, want the new node untouched", data)
	}
}

func TestCreateWithALostAnswerSaysSo(t *testing.T) {
	s, addr := newServer(t)
	s.Decide(func(r clienttest.Request) clienttest.Action {
		if r.Op == wire.OpCreate2 {
			return clienttest.DropAfter
		}
		return clienttest.Answer
	})
	status, _, stderr := run("create a\nread a\n", "cli", addr)
	if status != 1 || stderr != "create a: connection lost, the outcome is unknown\n" {
		t.Errorf("got %d, %s", status, stderr)
	}
}

func TestTimeout(t *testing.T) {
	s, addr := newServer(t)
	s.Decide(func(r clienttest.Request) clienttest.Action {
		if r.Op == wire.OpSync {
			return clienttest.Ignore
		}
		return clienttest.Answer
	})
	status, _, stderr := run("", "cli", "--timeout", "100ms", addr, "sync", "/")
	if status != 1 || !strings.HasPrefix(stderr, "sync /: no answer within 100ms") {
		t.Errorf("got %d, %s", status, stderr)
	}
}

func TestWords(t *testing.T) {
	for _, tt := range []struct {
		line, want string
		bad        bool
	}{
		{`a  b	c`, "a|b|c", false},
		{`'a b' "c d"e f''`, "a b|c de|f", false},
		{`''`, "", false},
		{`a "b`, "", true},
		{``, "", false},
	} {
		words, _, err := splitWords(tt.line, 0)
		if (err != nil) != tt.bad || !tt.bad && strings.Join(words, "|") != tt.want {
			t.Errorf("%q: got %q, %v, want %q", tt.line, words, err, tt.want)
		}
	}
}

func TestQuotedWordsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringOf(rapid.SampledFrom([]rune("ab'\" \t#/ü"))), 1, 5).Draw(t, "words")
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = quote(w)
		}
		got, rest, err := splitWords(strings.Join(quoted, " "), 0)
		if err != nil || rest != "" || strings.Join(got, "\x00") != strings.Join(words, "\x00") || len(got) != len(words) {
			t.Fatalf("got %q, %q, %v, want %q", got, rest, err, words)
		}
	})
}

func FuzzScriptLine(f *testing.F) {
	f.Add(`create "a b" 'c' -s`)
	f.Add("append a  x  y")
	f.Add("set a -1")
	f.Fuzz(func(t *testing.T, line string) {
		name, rest := cutWord(line)
		if c := commandNamed(name); c != nil {
			var in *input
			var err error
			if n := allocation.Bytes(func() { in, err = c.parse(rest) }); n > uint64(256*len(line)+256<<10) {
				t.Errorf("%d bytes allocated for %d", n, len(line))
			}
			if err == nil && (len(in.args) < c.least || c.most >= 0 && len(in.args) > c.most) {
				t.Errorf("%q: got %d arguments, want %d to %d", line, len(in.args), c.least, c.most)
			}
		}
	})
}

func TestConnectStringOfAConfiguration(t *testing.T) {
	const config = "server.1=a:1:2:participant;0.0.0.0:2181\nserver.2=b:1:2:observer;2182\nversion=100000000"
	if got, want := connectStringOf(config), "100000000 0.0.0.0:2181,b:2182"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
