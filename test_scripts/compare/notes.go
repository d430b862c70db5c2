package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// errNotes is wrapped by every mistake in the notes.
var errNotes = errors.New("notes")

// readNotes reads what is known about rows: "row: text", a line each, with
// comments behind #.
func readNotes(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	notes := map[string]string{}
	number := 0
	for line := range strings.Lines(string(b)) {
		number++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		id, text, ok := strings.Cut(line, ":")
		switch {
		case !ok || strings.TrimSpace(text) == "":
			return nil, fmt.Errorf("%w: %s:%d: not \"row: text\"", errNotes, path, number)
		case !slices.ContainsFunc(rows(), func(r tableRow) bool { return r.id == id }):
			return nil, fmt.Errorf("%w: %s:%d: no row %q", errNotes, path, number, id)
		case notes[id] != "":
			return nil, fmt.Errorf("%w: %s:%d: %q has a note already", errNotes, path, number, id)
		}
		notes[id] = strings.TrimSpace(text)
	}
	return notes, nil
}
