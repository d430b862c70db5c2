package cli

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/term"
)

// typeInto runs the interactive loop on keys and returns what the screen got.
func typeInto(t *testing.T, addr, keys string) string {
	t.Helper()
	var screen, errs bytes.Buffer
	sh := &shell{env: &environment{stdout: &screen, stderr: &errs}, address: addr, timeout: 5 * time.Second, printWatches: true}
	if err := sh.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer sh.disconnect()
	err := sh.runLines(context.Background(), io.MultiReader(strings.NewReader(keys)), func(read func() error) error { return read() }, func(*term.Terminal) {})
	if err != nil {
		t.Errorf("got %v", err)
	}
	return screen.String() + errs.String()
}

func TestTerminal(t *testing.T) {
	s, addr := newServer(t)
	screen := typeInto(t, addr, "create a 1\rcreate alpha\rcreate alphabet\rrub\x03cre\tb\r"+ // completes the command
		"set al\t x\r"+ // to alpha, the longest common part
		"get alphab\t\r"+"nonsense\rget a\r\x04")
	for _, want := range []string{
		"[zk: " + addr + "(CONNECTED) 0] ", "Created /a\r\n", "Created /b\r\n", "null\r\n", "nonsense: no such command", "1\r\n",
	} {
		if !strings.Contains(screen, want) {
			t.Errorf("got screen\n%q\nwant %q in it", screen, want)
		}
	}
	if data, _ := s.Data("/alpha"); data != "x" {
		t.Errorf("got /alpha %q, want x through a completed name", data)
	}
}

func TestTerminalListsWhatIsAmbiguous(t *testing.T) {
	_, addr := newServer(t)
	screen := typeInto(t, addr, "create n1\rcreate n2\rls n\t\r\rget\t\x03quit\r")
	if !strings.Contains(screen, "n1  n2") || !strings.Contains(screen, "getAllChildrenNumber") {
		t.Errorf("got screen\n%q\nwant both candidates", screen)
	}
}
