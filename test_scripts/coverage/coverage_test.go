package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCoverageIsCurrent: what the files say is what the tests say.
func TestCoverageIsCurrent(t *testing.T) {
	root := filepath.Join("..", "..")
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run make coverage", name)
		}
	}
}

// TestEveryFuzzTargetBoundsMemory: a decoder that believes a length is found.
func TestEveryFuzzTargetBoundsMemory(t *testing.T) {
	found, err := findTests(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found.fuzz {
		if f.bound == "" {
			t.Errorf("%s %s does not measure what it allocates", f.pkg, f.name)
		}
	}
}

func module(t *testing.T, test string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x_test.go"), []byte("package x\n"+test), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFindTests(t *testing.T) {
	found, err := findTests(module(t, `
var limitRows = []row{{"L02", "", check}, {id: "L03b"}, {"other", "", nil}}

func all() []row { return limitRows }

func TestLimits(t *testing.T) { run(all()) }

// TestKill kills.
//
// covers: O05, O07
func TestKill(t *testing.T) {}

func FuzzX(f *testing.F) { allocation.Bytes(nil) }
`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[showing]bool{{"L02", "TestLimits L02"}: true, {"L03", "TestLimits L03b"}: true, {"O05", "TestKill"}: true, {"O07", "TestKill"}: true}
	if len(found.shown) != len(want) {
		t.Errorf("got %v, want %v", found.shown, want)
	}
	for _, s := range found.shown {
		if !want[s] {
			t.Errorf("got %v", s)
		}
	}
	if len(found.fuzz) != 1 || found.fuzz[0].bound == "" {
		t.Errorf("fuzz targets %v", found.fuzz)
	}
	features, err := readFeatures("L02 | a\nL03 | b | c\nO05 | d\nO07 | e\nR01 | f\n")
	if err != nil || assign(features, found) != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"yes", "with difference", "yes", "yes", "not yet"} {
		if got := features[i].state(); got != want {
			t.Errorf("%s: %s, want %s", features[i].id, got, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for test, want := range map[string]string{
		`var lost = []row{{"L02", "", nil}}`:                      "no test of . runs the rows of lost",
		"// covers: O05\nfunc helper() {}":                        "helper of . covers O05, and is no test",
		"// TestX\n//\n// covers: Z99\nfunc TestX(*testing.T) {}": "TestX names Z99",
	} {
		found, err := findTests(module(t, test))
		if err == nil {
			err = assign(nil, found)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", test, err, want)
		}
	}
	for _, text := range []string{"L02", "X | y", "L02 | a\nL02 | b"} {
		if _, err := readFeatures(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
