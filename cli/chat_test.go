package cli

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestChatPiped(t *testing.T) {
	_, addr := newServer(t)
	status, stdout, stderr := run("grüße 👋\n\n  two\x1b[2J\r\nno end", "chat", "--room", "r", "--name", "anna", addr)
	if want := "anna: grüße 👋\nanna:   two�[2J\nanna: no end\n"; status != 0 || stdout != want {
		t.Errorf("got %d %q %q, want %q", status, stdout, stderr, want)
	}
	status, stdout, stderr = run("", "chat", "--room", "r", "--name", "bert", addr)
	if status != 0 || strings.Count(stdout, "anna: ") != 3 || stderr != "-- here: bert\n" {
		t.Errorf("got %d %q %q, want the history", status, stdout, stderr)
	}
	for _, args := range [][]string{{"--room", "a/b", addr}, {"--room", "r", "--name", "a\nb", addr}, {addr}, {"--room", "r", "not:an:address"}} {
		if status, _, stderr := run("", append([]string{"chat", "--name", "x"}, args...)...); status != statusUsage {
			t.Errorf("%q: got %d %s, want %d", args, status, stderr, statusUsage)
		}
	}
	if status, _, stderr := run(strings.Repeat("x", 70_000), "chat", "--room", "r", "--name", "x", addr); status != statusFailed || !strings.Contains(stderr, "too long") {
		t.Errorf("got %d %s for a long line", status, stderr)
	}
}

// TestTypedLines hands over one line at a time and holds the screen between the
// end of a line and its release.
func TestTypedLines(t *testing.T) {
	l := &typedLines{in: iotest.DataErrReader(strings.NewReader("one\rtwo\rthr"))}
	buf := make([]byte, 100)
	for _, want := range []string{"one\r", "two\r", "thr"} {
		n, err := l.Read(buf)
		if err != nil || string(buf[:n]) != want {
			t.Errorf("got %q, %v, want %q", buf[:n], err, want)
		}
		if free := l.screen.TryLock(); free {
			l.screen.Unlock()
			if strings.HasSuffix(want, "\r") {
				t.Errorf("the screen is free behind %q", want)
			}
		}
	}
	if _, err := l.Read(buf); err != io.EOF {
		t.Errorf("got %v, want the end", err)
	}
}
