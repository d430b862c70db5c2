package cli

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const scripts = "../test_scripts"

// TestScripts runs every script of test_scripts/inputs against a tree of its
// own and compares both streams and the exit status with what is expected.
func TestScripts(t *testing.T) {
	inputs, err := filepath.Glob(filepath.Join(scripts, "inputs", "*.txt"))
	if err != nil || len(inputs) == 0 {
		t.Fatalf("got scripts %v, %v, want some", inputs, err)
	}
	for _, in := range inputs {
		name := strings.TrimSuffix(filepath.Base(in), ".txt")
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := run(content(t, in), "cli", cleanAddress(t))
			expected := filepath.Join(scripts, "expected", name)
			if want := content(t, expected+".out"); stdout != want {
				t.Errorf("got output\n%s\nwant\n%s", stdout, want)
			}
			if want := content(t, expected+".err"); stderr != want {
				t.Errorf("got errors\n%s\nwant\n%s", stderr, want)
			}
			if want := strings.TrimSpace(content(t, expected+".status")); strconv.Itoa(status) != want {
				t.Errorf("got exit status %d, want %s", status, want)
			}
		})
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
