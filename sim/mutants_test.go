package sim

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMutantsApply: a patch that does not fit the code any more breaks no rule,
// and nobody would notice before test_scripts/mutants.sh is run.
func TestMutantsApply(t *testing.T) {
	patches, err := filepath.Glob("mutants/*.patch")
	if err != nil || len(patches) == 0 {
		t.Fatalf("got %d patches, %v", len(patches), err)
	}
	for _, patch := range patches {
		for file, hunks := range hunksOf(t, patch) {
			source, err := os.ReadFile(filepath.Join("..", file))
			if err != nil {
				t.Errorf("%s: %v", patch, err)
			}
			for _, hunk := range hunks {
				if n := strings.Count(string(source), hunk); n != 1 {
					t.Errorf("%s: what it changes is %d times in %s, want once:\n%s", patch, n, file, hunk)
				}
			}
		}
	}
}

// hunksOf returns, for each file of a patch, the pieces of text that it replaces.
func hunksOf(t *testing.T, patch string) map[string][]string {
	t.Helper()
	b, err := os.ReadFile(patch)
	if err != nil {
		t.Fatal(err)
	}
	hunks := map[string][]string{}
	file, old := "", -1 // the last hunk of file
	for _, line := range strings.SplitAfter(string(b), "\n") {
		switch {
		case strings.HasPrefix(line, "--- a/"):
			file, old = strings.TrimSpace(line[len("--- a/"):]), -1
		case strings.HasPrefix(line, "@@"):
			hunks[file] = append(hunks[file], "")
			old++
		case old >= 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "-")):
			hunks[file][old] += line[1:]
		}
	}
	if len(hunks) == 0 {
		t.Errorf("%s: no hunk", patch)
	}
	return hunks
}
