package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The limits of a node table.
const (
	ServerNumberMax = 1<<31 - 1
	RowsMax         = 1000
	TableBytesMax   = 64 << 10 // it travels in every hello between servers
)

// Row is one server of the node table.
type Row struct {
	ID         uint32
	Host       string // IP address or host name
	ServerPort uint16 // election
	LeaderPort uint16 // replication
	ClientPort uint16 // 0: unknown
	AdminPort  uint16 // 0: not given
	Observer   bool
	Weight     int // 1 unless given
	Group      int // 0: none
	Line       int // in the file

	valid      bool   // no problem so far
	clientHost string // zoo.cfg: what clients connect to, when it is not Host
}

// ServerAddress returns where the server's election listens.
func (r *Row) ServerAddress() string { return r.address(r.ServerPort) }

// LeaderAddress returns where the server's followers connect while it leads.
func (r *Row) LeaderAddress() string { return r.address(r.LeaderPort) }

// ClientAddress returns where clients connect.
func (r *Row) ClientAddress() string { return r.address(r.ClientPort) }

func (r *Row) address(port uint16) string { return net.JoinHostPort(r.Host, strconv.Itoa(int(port))) }

// Table is the node table, rows by ascending number.
type Table struct {
	Name     string // the file
	Rows     []Row
	Warnings []Problem
}

// Row returns the row of a server, nil when there is none.
func (t *Table) Row(id uint32) *Row {
	i, found := slices.BinarySearchFunc(t.Rows, id, func(r Row, id uint32) int { return int(int64(r.ID) - int64(id)) })
	if !found {
		return nil
	}
	return &t.Rows[i]
}

func (t *Table) numbers() string {
	var b strings.Builder
	for i := range t.Rows {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatUint(uint64(t.Rows[i].ID), 10))
	}
	return b.String()
}

// LoadTable reads a node table from a file.
func LoadTable(path string) (*Table, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return ParseTable(path, text)
}

// ParseTable reads a node table: a line per server with its number, address,
// server_port, leader_port and client_port, then words like role=observer. "#"
// starts a comment. The brackets that documents write around the fields are
// tolerated. A port may be "-": a client_port that is not known, or the ports for
// other servers in the table of a server on its own. A returned error is Problems.
func ParseTable(name string, text []byte) (*Table, error) {
	if len(text) > TableBytesMax {
		return nil, Problems{{File: name, What: fmt.Sprintf("%d bytes, want at most %d", len(text), TableBytesMax), Fix: "is this the node table?"}}
	}
	t := &Table{Name: name}
	var p Problems
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line, _, _ = strings.Cut(strings.TrimPrefix(line, "\ufeff"), "#")
		if fields := strings.Fields(line); len(fields) > 0 {
			r := parseRow(name, n, fields, &p)
			t.Rows = append(t.Rows, r)
		}
	}
	t.check(&p)
	if len(p) > 0 {
		return nil, p
	}
	return t, nil
}

func parseRow(name string, line int, fields []string, p *Problems) Row {
	r := Row{Weight: 1, Line: line}
	before := len(*p)
	required := [...]string{"server number", "IP", "server_port", "leader_port", "client_port"}
	for i, what := range required {
		if i >= len(fields) || strings.Contains(fields[i], "=") {
			p.add(name, line, strings.Join(fields, " "), "no "+what, "write: number IP server_port leader_port client_port")
			return r
		}
		f := strings.Trim(fields[i], "[]")
		switch i {
		case 0:
			id, err := strconv.ParseUint(f, 10, 31)
			if err != nil || id == 0 {
				p.add(name, line, fields[i], "not a server number", fmt.Sprintf("write a number from 1 to %d", ServerNumberMax))
			}
			r.ID = uint32(id)
		case 1:
			r.Host = parseHost(name, line, f, p)
		default:
			*[]*uint16{&r.ServerPort, &r.LeaderPort, &r.ClientPort}[i-2] = parsePort(name, line, fields[i], what, p)
		}
	}
	seen := map[string]bool{}
	for _, word := range fields[len(required):] {
		key, value, _ := strings.Cut(word, "=")
		if seen[key] {
			p.add(name, line, word, key+" is given twice", "remove one")
		}
		seen[key] = true
		r.parseWord(name, line, key, value, p)
	}
	r.valid = len(*p) == before
	return r
}

func parseHost(name string, line int, s string, p *Problems) string {
	if a, err := netip.ParseAddr(s); err == nil {
		if a.IsUnspecified() {
			// Others dial it (F29).
			p.add(name, line, s, "not an address that other servers can connect to", "write the address of the host")
		}
		return a.String()
	}
	bad := strings.IndexFunc(s, func(r rune) bool {
		return r != '-' && r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if s == "" || bad >= 0 || len(s) > 253 || strings.Trim(s, "0123456789.") == "" {
		p.add(name, line, s, "not an IP address or host name", "write an address like 10.0.0.1")
	}
	return strings.ToLower(s)
}

func parsePort(name string, line int, s, what string, p *Problems) uint16 {
	if s == "-" && what != "admin" {
		return 0
	}
	n, err := strconv.ParseUint(strings.Trim(s, "[]"), 10, 16)
	if err != nil || n == 0 {
		p.add(name, line, s, "not a port for "+what, "write a number from 1 to 65535")
		return 0
	}
	return uint16(n)
}

func (r *Row) parseWord(name string, line int, key, value string, p *Problems) {
	word := key + "=" + value
	number := func(least, most uint64) int {
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil || n < least || n > most {
			p.add(name, line, word, "out of range", fmt.Sprintf("write a number from %d to %d", least, most))
		}
		return int(n)
	}
	switch key {
	case "role":
		r.Observer = value == "observer"
		if value != "observer" && value != "voter" {
			p.add(name, line, word, "no such role", "write role=voter or role=observer")
		}
	case "admin":
		r.AdminPort = parsePort(name, line, value, "admin", p)
	case "weight":
		r.Weight = number(0, 1000)
	case "group":
		r.Group = number(1, 1000)
	default:
		fix := "write role=, admin=, weight= or group="
		if n := nearest(key, []string{"role", "admin", "weight", "group"}); n != "" {
			fix = "did you mean " + n + "=?"
		}
		p.add(name, line, word, "unknown word", fix)
	}
}

// check finds what is wrong between rows, then sorts them.
func (t *Table) check(p *Problems) {
	lines := map[uint32]int{}
	used := map[string]string{}
	voters := 0
	for i := range t.Rows {
		r := &t.Rows[i]
		if before := lines[r.ID]; before > 0 && r.ID > 0 {
			p.add(t.Name, r.Line, strconv.Itoa(int(r.ID)), fmt.Sprintf("server number is also on line %d", before), "give every server its own number")
		}
		lines[r.ID] = r.Line
		if !r.Observer {
			voters++
		}
		if len(t.Rows) > 1 && r.valid && (r.ServerPort == 0 || r.LeaderPort == 0) {
			p.add(t.Name, r.Line, r.text(), "other servers need server_port and leader_port", "write both ports")
		}
		names := [...]string{"server_port", "leader_port", "client_port", "admin"}
		for j, port := range [...]uint16{r.ServerPort, r.LeaderPort, r.ClientPort, r.AdminPort} {
			at := r.address(port)
			here := fmt.Sprintf("%s on line %d", names[j], r.Line)
			if before := used[at]; before != "" && port > 0 && r.Host != "" {
				p.add(t.Name, r.Line, at, names[j]+" is the same as "+before, "give every port its own number")
			} else {
				used[at] = here
			}
		}
	}
	switch {
	case len(t.Rows) > RowsMax:
		p.add(t.Name, 0, "", fmt.Sprintf("%d servers, want at most %d", len(t.Rows), RowsMax), "remove some")
	case voters == 0:
		p.add(t.Name, 0, "", "no voters", "write a row without role=observer")
	case voters%2 == 0:
		t.Warnings = append(t.Warnings, Problem{t.Name, 0, "", fmt.Sprintf("%d voters tolerate no more failures than %d", voters, voters-1),
			"add or remove a voter"})
	}
	slices.SortStableFunc(t.Rows, func(a, b Row) int { return int(int64(a.ID) - int64(b.ID)) })
}
