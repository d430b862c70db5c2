// Command coverage says which features of ZooKeeper are shown by which tests: it
// reads features.txt and the tests, and writes docs/coverage.md and the short
// form in README.md. Its test fails when they are stale.
//
// A test shows a feature when the feature's number begins the name of a row (an
// element of a []row that a Test function reaches), or when it stands behind
// "covers:" in the comment of a test:
//
//	// covers: O05, O07
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

const (
	tableFile = "docs/coverage.md"
	shortFile = "README.md"
)

func main() {
	files, err := generate(".")
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for name, text := range files {
		if err := os.WriteFile(name, text, 0o644); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// generate returns the files as they should be, for a module in root.
func generate(root string) (map[string][]byte, error) {
	features, err := readFeatures(featureText)
	if err != nil {
		return nil, err
	}
	found, err := findTests(root)
	if err != nil {
		return nil, err
	}
	if err := assign(features, found); err != nil {
		return nil, err
	}
	readme, err := os.ReadFile(filepath.Join(root, shortFile))
	if err != nil {
		return nil, fmt.Errorf("coverage: %w", err)
	}
	short, err := replaceShort(readme, shortTable(features))
	return map[string][]byte{tableFile: table(features, found.fuzz), shortFile: short}, err
}

// The short form stands between these lines.
const (
	shortBegin = "<!-- coverage: make coverage writes this -->\n"
	shortEnd   = "<!-- coverage ends -->\n"
)

func replaceShort(readme, short []byte) ([]byte, error) {
	before, rest, begin := bytes.Cut(readme, []byte(shortBegin))
	_, after, end := bytes.Cut(rest, []byte(shortEnd))
	if !begin || !end {
		return nil, fmt.Errorf("coverage: %s has no place for the short form: %q and %q", shortFile, shortBegin, shortEnd)
	}
	return bytes.Join([][]byte{before, []byte(shortBegin), short, []byte(shortEnd), after}, nil), nil
}
