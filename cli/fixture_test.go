package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/clienttest"
)

func newServer(t *testing.T) (*clienttest.Server, string) {
	t.Helper()
	s := clienttest.New()
	addr, stop, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return s, addr
}

// run is a command line with what was typed into it, and what came out.
func run(input string, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = Execute(args, strings.NewReader(input), &out, &errs)
	return status, out.String(), errs.String()
}

// cleanAddress is a connect string with an empty tree behind it: a server of
// the test's own, or a node of the one at ZABKEEPER_TEST_SERVER.
func cleanAddress(t *testing.T) string {
	t.Helper()
	real := os.Getenv("ZABKEEPER_TEST_SERVER")
	if real == "" {
		_, addr := newServer(t)
		return addr
	}
	c, err := client.Dial(t.Context(), client.Options{Servers: strings.Split(real, ",")})
	if err != nil {
		t.Fatal(err)
	}
	root, err := c.Create(t.Context(), "/cli-test-", nil, client.CreateOptions{Mode: client.ModePersistentSequential})
	if err != nil {
		t.Fatal(err)
	}
	if err = c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if status, _, errs := run("", "cli", real, "deleteall", root); status != 0 {
			t.Errorf("clean up %s: %s", root, errs)
		}
	})
	return real + root
}
