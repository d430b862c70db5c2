package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The generated part of benchmarks.md stands between these lines.
const (
	markerBegin = "<!-- compare: make bench-compare writes this -->"
	markerEnd   = "<!-- compare ends -->"
)

var errMarkers = errors.New("the markers are not there once each, in order")

// publish writes a report in every form below a directory.
func publish(out string, p *report, notes map[string]string) error {
	p.summarize()
	pictures := filepath.Join(out, "benchmarks")
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		return err
	}
	if err := p.write(filepath.Join(pictures, "latest.json")); err != nil {
		return err
	}
	for _, s := range sections {
		path := filepath.Join(pictures, s.chart+".svg")
		text, any := chart(&s, p)
		if !any {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	path := filepath.Join(out, "benchmarks.md")
	page, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		page, err = []byte("# Benchmarks\n\n"+markerBegin+"\n"+markerEnd+"\n"), nil
	}
	if err != nil {
		return err
	}
	text, err := replaceGenerated(string(page), markdown(p, notes))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// replaceGenerated puts text between the markers and keeps everything else.
func replaceGenerated(page, text string) (string, error) {
	if strings.Count(page, markerBegin) != 1 || strings.Count(page, markerEnd) != 1 {
		return "", errMarkers
	}
	before, rest, _ := strings.Cut(page, markerBegin)
	_, behind, ok := strings.Cut(rest, markerEnd)
	if !ok {
		return "", errMarkers
	}
	return before + markerBegin + "\n" + strings.TrimSpace(text) + "\n" + markerEnd + behind, nil
}
