package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LoadZooCfg reads ZooKeeper's configuration file, the dynamic file that it may
// name, and the file myid in its dataDir. What ZooKeeper knows and this server
// has no use for, and what nobody knows, comes back as warnings. Without server
// lines, and with a single one, the server is on its own.
//
// The table's rows have a client port where a server line gives one. A clientPort
// of its own goes to Config.ClientAddress only, so that all servers make the same
// table of the same lines.
func LoadZooCfg(path string) (*Config, *Table, []Problem, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, nil, nil, err
	}
	return parseZooCfg(path, text, func(other string) ([]byte, error) {
		if !filepath.IsAbs(other) {
			// ZooKeeper resolves against its working directory; that of the
			// file is the one that can be meant.
			other = filepath.Join(filepath.Dir(path), other)
		}
		return readFile(other)
	})
}

// zooCfg is a zoo.cfg being read.
type zooCfg struct {
	file     string // of the property at hand
	c        *Config
	t        *Table
	problems Problems
	warnings Problems
	seen     map[string]int

	clientHost, clientPort string
	clientLine             int
	dynamic                string
	groups                 []property
	auth                   zooAuth
	peerType               string
}

func parseZooCfg(name string, text []byte, read func(string) ([]byte, error)) (*Config, *Table, []Problem, error) {
	z := &zooCfg{file: name, c: Defaults(), t: &Table{Name: name}, seen: map[string]int{}}
	z.c.ReconfigEnabled, z.c.VotersMin, z.c.Operators = false, 2, nil // as ZooKeeper has it
	z.c.Data = ""
	z.properties(text)
	if z.dynamic != "" {
		more, err := read(z.dynamic)
		if err != nil {
			z.problems.add(name, z.seen["dynamicConfigFile"], z.dynamic, err.Error(), "correct dynamicConfigFile")
		}
		z.file = z.dynamic
		z.properties(more)
		z.file = name
	}
	z.applyGroups()
	z.finishAuth(read)
	z.identity(read)
	z.clientAddress()
	z.finishTable()
	z.problems = append(z.problems, z.c.Validate(nil)...)
	for i := range z.problems {
		if z.problems[i].File == "" {
			z.problems[i].File = name
		}
	}
	warnings := append(z.warnings, z.t.Warnings...)
	if err := z.problems.orNil(); err != nil {
		return nil, nil, warnings, err
	}
	return z.c, z.t, warnings, nil
}

func (z *zooCfg) properties(text []byte) {
	for _, p := range parseProperties(text) {
		key := strings.TrimPrefix(p.key, "zookeeper.")
		if before := z.seen[key]; before > 0 {
			z.warn(p, fmt.Sprintf("replaces the value on line %d", before), "remove one")
		}
		z.seen[key] = p.line
		switch {
		case strings.HasPrefix(key, "server."):
			z.server(p, strings.TrimPrefix(key, "server."))
		case strings.HasPrefix(key, "group."), strings.HasPrefix(key, "weight."):
			p.key = key
			z.groups = append(z.groups, p)
		default:
			z.property(key, p)
		}
	}
}

func (z *zooCfg) warn(p property, what, fix string) {
	z.warnings.add(z.file, p.line, p.key+"="+p.value, what, fix)
}

func (z *zooCfg) problem(p property, what, fix string) {
	z.problems.add(z.file, p.line, p.key+"="+p.value, what, fix)
}

// property takes one line that is not about a server.
func (z *zooCfg) property(key string, p property) {
	switch key {
	case "dataDir":
		z.c.Data = p.value
	case "clientPort":
		z.clientPort, z.clientLine = p.value, p.line
	case "clientPortAddress":
		z.clientHost = strings.Trim(p.value, "[]")
	case "dynamicConfigFile":
		z.dynamic = p.value
	case "peerType":
		z.peerType = p.value
		if p.value != "observer" && p.value != "participant" {
			z.problem(p, "no such role", "write observer or participant")
		}
	case "4lw.commands.whitelist":
		z.c.FourLetterWords = strings.FieldsFunc(p.value, func(r rune) bool { return r == ',' || r == ' ' })
	case "standaloneEnabled":
		if p.value == "false" {
			z.c.VotersMin = 1
		}
	case "version":
	default:
		k, ours := zooKeys[key]
		switch {
		case z.authProperty(key, p):
		case ours:
			z.assign(k, p)
		case slices.Contains(zooIgnored, key) || hasPrefix(key, zooIgnoredPrefixes):
			z.warn(p, "has no effect on this server", "")
		default:
			z.warn(p, "unknown key", "")
		}
	}
}

func hasPrefix(key string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

// assign translates a value and gives it to the setting.
func (z *zooCfg) assign(k zooKey, p property) {
	all := z.c.settings()
	s := all[slices.IndexFunc(all, func(s setting) bool { return s.key == k.key })]
	var v any
	switch s.place.(type) {
	case *bool:
		switch strings.ToLower(p.value) {
		case "true", "yes":
			v = true
		case "false", "no":
			v = false
		default:
			z.problem(p, "not true or false", "write true or false")
			return
		}
	case *float64:
		f, err := strconv.ParseFloat(p.value, 64)
		if err != nil {
			z.problem(p, "not a number", "write a number")
			return
		}
		v = f
	case *string:
		v = p.value
		if s.choices != nil {
			v = strings.ToUpper(strings.ReplaceAll(p.value, "-", "")) // SHA-256
		}
	default:
		n, err := strconv.ParseInt(p.value, 10, 64)
		if err != nil || n > 1<<62/k.unit || n < -1<<62/k.unit {
			z.problem(p, "not a number", "write a number")
			return
		}
		n *= k.unit
		if n <= 0 && k.off > 0 {
			n = k.off
		}
		if k.zero {
			n = max(n, 0)
		}
		v = n
		if _, ok := s.place.(*time.Duration); ok {
			if n < 0 {
				n = 0 // ZooKeeper's way to say: the default
			}
			v = time.Duration(n).String()
		}
	}
	z.fit(s, v, p)
}

// fit assigns a value; a number beyond this server's limits becomes the limit,
// because an unmodified file has to work.
func (z *zooCfg) fit(s setting, v any, p property) {
	what := s.assign(v)
	n, number := v.(int64)
	if what == "" {
		return
	}
	if number {
		limit := min(max(n, s.least), s.most)
		if s.assignNumber(limit) == "" {
			z.warn(p, fmt.Sprintf("out of range, %d is used", limit), s.fix())
			return
		}
	}
	z.problem(p, what, s.fix())
}

// identity finds this server's number. A server on its own needs none.
func (z *zooCfg) identity(read func(string) ([]byte, error)) {
	if z.c.Data == "" {
		z.problems.add(z.file, 0, "dataDir", "no data directory", "set dataDir")
		z.c.Data = "-" // said once is enough
		return
	}
	path := filepath.Join(z.c.Data, "myid")
	text, err := read(path)
	switch {
	case err == nil:
		id, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 31)
		if err != nil || id == 0 {
			z.problems.add(path, 1, strings.TrimSpace(string(text[:min(len(text), 40)])), "not a server number", "write the N of this server's server.N line")
			return
		}
		z.c.ID = uint32(id)
		if len(z.t.Rows) > 0 && !slices.ContainsFunc(z.t.Rows, func(r Row) bool { return r.ID == z.c.ID }) {
			z.problems.add(path, 1, strconv.Itoa(int(id)), "there is no line server."+strconv.Itoa(int(id)), "add it to "+z.file+" or correct myid")
		}
	case len(z.t.Rows) > 1 || !errors.Is(err, fs.ErrNotExist):
		z.problems.add(path, 0, "", err.Error(), "write the N of this server's server.N line to this file")
	case len(z.t.Rows) == 1:
		z.c.ID = z.t.Rows[0].ID
	}
}
