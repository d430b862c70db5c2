package config

import (
	_ "embed" // sample.toml
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// fileBytesMax bounds every file this package reads.
const fileBytesMax = 1 << 20

// settingsBytesMax and keyDotsMax bound what the TOML decoder sees: its time
// grows faster than a key's depth, up to minutes.
const (
	settingsBytesMax = 32 << 10
	keyDotsMax       = 8
)

// Sample is a file with every key at its default, and what it means.
//
//go:embed sample.toml
var Sample []byte

// Load reads settings in TOML; what the file does not name has its default.
func Load(path string) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	c, err := parse(path, text)
	if err != nil {
		return nil, err
	}
	for _, p := range []*string{&c.Nodes, &c.SASL.JAASFile, &c.SASL.Keytab} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(filepath.Dir(path), *p)
		}
	}
	if err := c.SASL.loadUsers(readFile); err != nil {
		return nil, err
	}
	return c, nil
}

func readFile(path string) ([]byte, error) {
	s, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if s.Size() > fileBytesMax {
		return nil, fmt.Errorf("config: %s has %d bytes, want at most %d; is this the right file?", path, s.Size(), fileBytesMax)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return text, nil
}

// parse decodes into maps and assigns by hand, because the decoder's own
// assignment stops at the first mistake and reads 2000 as a duration.
func parse(name string, text []byte) (*Config, error) {
	if len(text) > settingsBytesMax {
		return nil, Problems{{File: name, What: fmt.Sprintf("%d bytes, want at most %d", len(text), settingsBytesMax), Fix: "is this the right file?"}}
	}
	lines := keyLines(text)
	for _, key := range slices.Sorted(maps.Keys(lines)) {
		if strings.Count(key, ".") > keyDotsMax {
			return nil, Problems{{File: name, Line: lines[key], Value: key[:min(len(key), wordMax)], What: "unknown key", Fix: "remove it"}}
		}
	}
	raw := map[string]any{}
	if _, err := toml.Decode(string(text), &raw); err != nil {
		if at, ok := errors.AsType[toml.ParseError](err); ok {
			return nil, Problems{{File: name, Line: at.Position.Line, What: at.Message, Fix: "see https://toml.io for the syntax"}}
		}
		return nil, Problems{{File: name, What: err.Error()}}
	}
	flat := map[string]any{}
	flatten("", raw, flat)
	c := Defaults()
	byKey := map[string]setting{}
	for _, s := range c.settings() {
		byKey[s.key] = s
	}
	keys := slices.Sorted(maps.Keys(byKey))
	var problems Problems
	for _, key := range slices.Sorted(maps.Keys(flat)) {
		s, known := byKey[key]
		if !known {
			fix := "remove it"
			if n := nearest(key, keys); n != "" {
				fix = "did you mean " + n + "?"
			}
			problems.add(name, lines[key], key, "unknown key", fix)
			continue
		}
		if what := s.assign(flat[key]); what != "" {
			problems.add(name, lines[key], s.shown(flat[key]), what, s.fix())
		}
	}
	if len(problems) == 0 {
		c.checkAuthentication(name, func(key string) int { return lines[key] }, &problems)
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
	if len(problems) > 0 {
		return nil, problems
	}
	return c, nil
}

// tables are the names before the dots.
var tables = []string{"connection_throttle", "local_sessions", "log", "sasl", "throttle", "timing", "x509"}

// usersKey is a table of which the keys are not ours.
const usersKey = "sasl.users"

// flatten joins the keys of nested tables with dots. An unknown table becomes
// one unknown key for each of its keys.
func flatten(prefix string, from map[string]any, to map[string]any) {
	for k, v := range from {
		table, ok := v.(map[string]any)
		switch {
		case ok && prefix+k == usersKey:
		case ok && len(table) > 0:
			flatten(prefix+k+".", table, to)
			continue
		case ok && prefix == "" && slices.Contains(tables, k):
			continue
		}
		to[prefix+k] = v
	}
}

// keyLines finds the line of each key; the decoder does not tell. Keys that it
// cannot find, because they are written in an unusual way, have line 0.
func keyLines(text []byte) map[string]int {
	lines := map[string]int{}
	section := ""
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "["); ok {
			name, _, _ := strings.Cut(rest, "]")
			section = strings.TrimSpace(name) + "."
			lines[section] = n
			lines[strings.TrimSuffix(section, ".")] = n
			continue
		}
		key, _, ok := strings.Cut(line, "=")
		if key = section + strings.Trim(strings.TrimSpace(key), `"'`); ok && lines[key] == 0 {
			lines[key] = n
		}
	}
	return lines
}

// assign stores a decoded value; it returns what is wrong with it.
func (s *setting) assign(v any) string {
	switch place := s.place.(type) {
	case *bool:
		b, ok := v.(bool)
		if !ok {
			return "not true or false"
		}
		*place = b
	case *string:
		text, ok := v.(string)
		if !ok {
			return "not a string"
		}
		if s.choices != nil && !slices.Contains(s.choices, text) {
			return "not one of the choices"
		}
		*place = text
	case *float64:
		f, ok := v.(float64)
		if n, whole := v.(int64); whole {
			f, ok = float64(n), true
		}
		if !ok {
			return "not a number"
		}
		if !(f >= float64(s.least) && f <= float64(s.most)) {
			return "out of range"
		}
		*place = f
	case *[]string:
		return assignStrings(place, v)
	case *map[string]string:
		return assignTable(place, v)
	case *time.Duration:
		text, ok := v.(string)
		if !ok {
			return "not a duration"
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return "not a duration"
		}
		if int64(d) < s.least || int64(d) > s.most {
			return "out of range"
		}
		*place = d
	default:
		n, ok := v.(int64)
		if !ok {
			return "not a whole number"
		}
		return s.assignNumber(n)
	}
	return ""
}

func (s *setting) assignNumber(n int64) string {
	if n < s.least || n > s.most {
		return "out of range"
	}
	switch place := s.place.(type) {
	case *int:
		*place = int(n)
	case *int64:
		*place = n
	case *uint32:
		*place = uint32(n)
	default:
		assert(false, "setting %s has no type", s.key)
	}
	return ""
}

func assignStrings(place *[]string, v any) string {
	list, ok := v.([]any)
	if !ok {
		return "not a list of strings"
	}
	words := []string{}
	for _, v := range list {
		word, ok := v.(string)
		if !ok {
			return "not a list of strings"
		}
		words = append(words, word)
	}
	*place = nil
	if len(words) > 0 {
		*place = words
	}
	return ""
}

func assignTable(place *map[string]string, v any) string {
	table, ok := v.(map[string]any)
	if !ok {
		return "not a table of strings"
	}
	all := map[string]string{}
	for key, v := range table {
		text, ok := v.(string)
		if !ok {
			return "not a table of strings"
		}
		all[key] = text
	}
	if len(all) > 0 {
		*place = all
	}
	return ""
}

// shown is how a mistaken value is quoted: passwords are not.
func (s *setting) shown(v any) string {
	if s.key == usersKey || strings.HasSuffix(s.key, "password") {
		return s.key
	}
	return fmt.Sprintf("%s = %v", s.key, v)
}

// fix says what the setting takes.
func (s *setting) fix() string {
	switch s.place.(type) {
	case *bool:
		return "write true or false"
	case *string:
		if s.choices != nil {
			return "write one of " + strings.Join(s.choices, ", ")
		}
		return "write it in quotes"
	case *[]string:
		return `write a list like ["srvr", "ruok"]`
	case *map[string]string:
		return `write a table like { bob = "password" }`
	case *time.Duration:
		return fmt.Sprintf(`write a duration like "2s" or "500ms", from %v to %v`, time.Duration(s.least), time.Duration(s.most))
	}
	return fmt.Sprintf("write a number from %d to %d", s.least, s.most)
}
