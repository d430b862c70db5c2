package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/recipes"
)

func TestLockPassesTheStatusOn(t *testing.T) {
	_, addr := newServer(t)
	notes := filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(notes, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		command []string
		status  int
		stdout  string
		stderr  string
	}{
		{[]string{"true"}, 0, "", ""},
		{[]string{"sh", "-c", "cat; exit 7"}, 7, "typed", ""},
		{[]string{"--", "sh", "-c", "test $ZABKEEPER_FENCING_TOKEN -gt 0 && echo -n yes"}, 0, "yes", ""},
		{[]string{"sh", "-c", "kill -TERM $$"}, 143, "", ""},
		{[]string{"no-such-command"}, 127, "", "not found"},
		{[]string{notes}, 126, "", "permission denied"},
		{nil, 2, "", "give a PATH and a COMMAND"},
		{[]string{"--"}, 2, "", "give a PATH and a COMMAND"},
	} {
		for _, verb := range []string{"lock", "elect"} {
			status, stdout, stderr := run("typed", append([]string{verb, "--server", addr, "/" + verb}, test.command...)...)
			if status != test.status || stdout != test.stdout || !strings.Contains(stderr, test.stderr) {
				t.Errorf("%s %q: got %d %q %q, want %d %q %q", verb, test.command, status, stdout, stderr, test.status, test.stdout, test.stderr)
			}
		}
	}
}

func TestLockTaken(t *testing.T) {
	_, addr := newServer(t)
	c, err := client.Dial(t.Context(), client.Options{Servers: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	reader, err := recipes.NewRWLock(c, "/l", recipes.LockOptions{Identifier: "somebody"}).Read().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		flags  string
		status int
		want   string
	}{
		{"--try", statusTaken, "/l is taken"},
		{"--timeout 50ms", statusTaken, "waiting for /l, 1 ahead"},
		{"--timeout 50ms --write", statusTaken, "was not to be had within 50ms"},
		{"--read --try", 0, ""},
		{"--read --write", statusUsage, "were all set"},
		{"-n 0", statusUsage, "at least 1"},
	} {
		args := append(append([]string{"lock", "--server", addr}, strings.Fields(test.flags)...), "/l", "true")
		if status, _, stderr := run("", args...); status != test.status || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: got %d %q, want %d %q", test.flags, status, stderr, test.status, test.want)
		}
	}
	if status, stdout, _ := run("", "elect", "--list", "--server", addr, "/l"); status != 0 || stdout != "somebody\n" {
		t.Errorf("got %d %q, want the holder", status, stdout)
	}
	if err := reader.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if status, _, stderr := run("", "lock", "--server", addr, "-n", "2", "/s", "true"); status != 0 {
		t.Errorf("semaphore: got %d %s", status, stderr)
	}
	if status, _, stderr := run("", "lock", "--server", addr, "-n", "3", "/s", "true"); status != statusLocking || !strings.Contains(stderr, "/s has 2") {
		t.Errorf("semaphore of another size: got %d %s", status, stderr)
	}
}

// runWithFile is run with a file for the errors, to which the command and
// zabkeeper may write at once, as they do outside of tests.
func runWithFile(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	errs, err := os.Create(filepath.Join(t.TempDir(), "errors"))
	if err != nil {
		t.Fatal(err)
	}
	defer errs.Close()
	var out bytes.Buffer
	status = Execute(args, strings.NewReader(""), &out, errs)
	return status, out.String(), content(t, errs.Name())
}

// TestLockLost ends the session while the command runs: the command gets TERM,
// and KILL when it does not care.
func TestLockLost(t *testing.T) {
	for trap, want := range map[string]string{"echo -n termed; exit": "termed", "": ""} {
		s, addr := newServer(t)
		expire := time.AfterFunc(500*time.Millisecond, s.Expire) // the command runs by then; earlier, it only waits longer
		status, stdout, stderr := runWithFile(t, "lock", "--server", addr, "--grace", "200ms", "/l", "sh", "-c", "trap '"+trap+"' TERM; while :; do sleep 0.05; done")
		expire.Stop()
		if status != statusLost || stdout != want || !strings.Contains(stderr, "/l is lost") {
			t.Errorf("got %d %q %q, want %d %q", status, stdout, stderr, statusLost, want)
		}
	}
}

// TestElectStandsAgain ends the session of a leader: it leads again with the
// next one, until its command ends by itself.
func TestElectStandsAgain(t *testing.T) {
	s, addr := newServer(t)
	mark := filepath.Join(t.TempDir(), "mark")
	expire := time.AfterFunc(500*time.Millisecond, s.Expire)
	defer expire.Stop()
	status, stdout, stderr := runWithFile(t, "elect", "--server", addr, "/e", "sh", "-c", "echo -n lead; test -e "+mark+" && exit 5; touch "+mark+"; while :; do sleep 0.05; done")
	if status != 5 || stdout != "leadlead" || strings.Count(stderr, "elected at /e") != 2 {
		t.Errorf("got %d %q %q, want 5 after leading twice", status, stdout, stderr)
	}
}
