package main

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

//go:embed features.txt
var featureText string

var errFeatures = errors.New("coverage")

// feature is a line of features.txt with the tests that show it.
type feature struct {
	id, text, difference string
	tests                []string
}

func (f *feature) state() string {
	switch {
	case len(f.tests) == 0:
		return "not yet"
	case f.difference != "":
		return "with difference"
	}
	return "yes"
}

var featureID = regexp.MustCompile(`^[A-Z][0-9]{2}`)

func readFeatures(text string) ([]feature, error) {
	var all []feature
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		parts := strings.SplitN(line, " | ", 3)
		if len(parts) < 2 || !featureID.MatchString(parts[0]) || len(parts[0]) != 3 {
			return nil, fmt.Errorf("%w: features.txt: %q is no feature", errFeatures, line)
		}
		if slices.ContainsFunc(all, func(f feature) bool { return f.id == parts[0] }) {
			return nil, fmt.Errorf("%w: features.txt: %s is there twice", errFeatures, parts[0])
		}
		f := feature{id: parts[0], text: parts[1]}
		if len(parts) == 3 {
			f.difference = parts[2]
		}
		all = append(all, f)
	}
	return all, nil
}

// assign gives every feature its tests.
func assign(features []feature, found *found) error {
	for _, s := range found.shown {
		i := slices.IndexFunc(features, func(f feature) bool { return f.id == s.id })
		if i < 0 {
			return fmt.Errorf("%w: %s names %s, which features.txt does not have", errFeatures, s.test, s.id)
		}
		if !slices.Contains(features[i].tests, s.test) {
			features[i].tests = append(features[i].tests, s.test)
		}
	}
	for i := range features {
		slices.Sort(features[i].tests)
	}
	return nil
}

// table is docs/coverage.md.
func table(features []feature, fuzz []fuzzTarget) []byte {
	var b strings.Builder
	b.WriteString("# What of ZooKeeper is there, and how it is shown\n\n" +
		"Written by `make coverage` out of the tests; a test fails when it is stale. Rows of the conformance suite are checked\n" +
		"against one server, against three where every connection goes to another one, and against ZooKeeper 3.8. The last\n" +
		"table lists what is fuzzed.\n\n| | yes | with difference | not yet |\n|---|---|---|---|\n")
	b.WriteString(letterRows(features))
	b.WriteString("\n| Row | Feature | State | Tests |\n|---|---|---|---|\n")
	for i := range features {
		f := &features[i]
		state := f.state()
		if state == "with difference" {
			state += ": " + f.difference
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.id, f.text, state, strings.Join(f.tests, "<br>"))
	}
	b.WriteString("\n## Decoders that are fuzzed\n\n| Package | Target | Memory is bounded by |\n|---|---|---|\n")
	for _, t := range fuzz {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", t.pkg, t.name, t.bound)
	}
	return []byte(b.String())
}

// letters are the parts of the feature table.
var letters = []struct{ letter, name string }{
	{"C", "Connections"}, {"S", "Sessions"}, {"D", "Nodes"}, {"T", "Stats"}, {"Q", "Sequences"}, {"E", "Ephemerals"}, {"N", "Containers, TTL"},
	{"W", "Watches"}, {"M", "Multi"}, {"A", "ACLs, authentication"}, {"U", "Quotas"}, {"Y", "System nodes"}, {"O", "Order, durability"}, {"R", "Read-only mode"},
	{"L", "Limits, local sessions"}, {"F", "Four-letter words"}, {"H", "Admin server"}, {"G", "Configuration, members"}, {"X", "TLS"}, {"K", "Command line"},
	{"I", "Files"}, {"P", "Clients and programs"},
}

func letterRows(features []feature) string {
	var b strings.Builder
	for _, l := range letters {
		counts := map[string]int{}
		for i := range features {
			if strings.HasPrefix(features[i].id, l.letter) {
				counts[features[i].state()]++
			}
		}
		fmt.Fprintf(&b, "| %s %s | %d | %d | %d |\n", l.letter, l.name, counts["yes"], counts["with difference"], counts["not yet"])
	}
	return b.String()
}

// shortTable is what README.md shows.
func shortTable(features []feature) []byte {
	return []byte("| | yes | with difference | not yet |\n|---|---|---|---|\n" + letterRows(features))
}
