package recipes_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// TestChatProgram has three people talk through the chat program while servers
// are killed, one of them each time; a newcomer afterwards gets it all.
func TestChatProgram(t *testing.T) {
	c := processes.New(t, 3)
	const each = 60
	hosts := strings.Join(c.Addresses(), ",")
	names := []string{"anna", "bert", "çelik"}
	var programs []*exec.Cmd
	var inputs []io.WriteCloser
	outs, notices := make([]*bytes.Buffer, len(names)), make([]*bytes.Buffer, len(names))
	for i, name := range names {
		cmd := exec.Command(processes.Binary, "chat", "--room", "kitchen", "--name", name, hosts)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		outs[i], notices[i] = &bytes.Buffer{}, &bytes.Buffer{}
		cmd.Stdout, cmd.Stderr = outs[i], notices[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		programs, inputs = append(programs, cmd), append(inputs, in)
	}
	for n := range each {
		for i, in := range inputs {
			if _, err := fmt.Fprintf(in, "%d from %s 👋\n", n, names[i]); err != nil {
				t.Fatal(err)
			}
		}
		if n%20 == 10 {
			p := c.Servers[n/20]
			c.Kill(p)
			c.Start(p)
			c.AwaitServing(p)
		}
	}
	for i, in := range inputs {
		_ = in.Close()
		if err := programs[i].Wait(); err != nil {
			t.Errorf("%s: %v\n%s", names[i], err, notices[i])
		}
	}
	late, err := exec.Command(processes.Binary, "chat", "--room", "kitchen", "--name", "late", hosts).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, name := range names {
		for n := range each {
			want = append(want, fmt.Sprintf("%s: %d from %s 👋", name, n, name))
		}
	}
	for lines := bufio.NewScanner(bytes.NewReader(late)); lines.Scan(); {
		got = append(got, lines.Text())
	}
	slices.Sort(want)
	if sorted := slices.Sorted(slices.Values(got)); !slices.Equal(sorted, want) {
		t.Errorf("the history has %d messages, want each of %d once:\n%q", len(got), len(want), got)
	}
	for i, name := range names { // those who left early have seen the beginning
		if !bytes.HasPrefix(late, outs[i].Bytes()) {
			t.Errorf("%s saw\n%s\nwant the beginning of\n%s", name, outs[i], late)
		}
		t.Logf("%s was told:\n%s", name, notices[i])
	}
}
