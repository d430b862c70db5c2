package processes

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Seat is where one server runs.
type Seat struct {
	Host     string   // address of its row
	Ports    [3]int   // server_port, leader_port and client_port of its row
	Words    string   // at the end of its row, such as role=observer
	Settings string   // lines of TOML of its own, before any table
	Data     string   // its data directory; empty for one below the test's own
	Command  []string // what runs the program, with its arguments before the program's
}

// Loopback returns seats on free ports of loopback.
func Loopback(t testing.TB, size int) []Seat {
	t.Helper()
	ports := FreePorts(t, 3*size)
	seats := make([]Seat, size)
	for i := range seats {
		seats[i] = Seat{Host: "127.0.0.1", Ports: [3]int(ports[3*i : 3*i+3])}
	}
	return seats
}

// Lay prepares a cluster without starting it. The settings are for all servers.
func Lay(t testing.TB, seats []Seat, settings string) *Cluster {
	t.Helper()
	c := &Cluster{t: t, dir: t.TempDir(), Program: Binary}
	write := func(name, text string) string {
		file := filepath.Join(c.dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	if settings != "" {
		c.settings = write("settings.toml", settings)
	}
	var table strings.Builder
	for i, s := range seats {
		id := i + 1
		fmt.Fprintf(&table, "%d %s %d %d %d %s\n", id, s.Host, s.Ports[0], s.Ports[1], s.Ports[2], s.Words)
		p := &Process{ID: id, Data: s.Data, Client: fmt.Sprintf("%s:%d", s.Host, s.Ports[2]), command: s.Command,
			Log: filepath.Join(c.dir, fmt.Sprintf("%d.log", id))}
		if p.Data == "" {
			p.Data = filepath.Join(c.dir, strconv.Itoa(id))
		}
		if s.Settings != "" {
			p.settings = write(fmt.Sprintf("settings.%d.toml", id), s.Settings+settings)
		}
		c.Servers = append(c.Servers, p)
	}
	c.table = write("nodes", table.String())
	t.Cleanup(c.end)
	return c
}

// Twin starts a second process with the number of a server and a directory of
// its own, on the table of the cluster: the mistake of an operator.
func (c *Cluster) Twin(p *Process, host string) *Process {
	c.t.Helper()
	ports := FreePorts(c.t, 3)
	text, err := os.ReadFile(c.table)
	if err != nil {
		c.t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")
	rows[p.ID-1] = fmt.Sprintf("%d %s %d %d %d", p.ID, host, ports[0], ports[1], ports[2])
	twin := &Process{ID: p.ID, Data: filepath.Join(c.dir, fmt.Sprintf("%d.twin", p.ID)), Client: fmt.Sprintf("%s:%d", host, ports[2]),
		Log: filepath.Join(c.dir, fmt.Sprintf("%d.twin.log", p.ID)), command: p.command, settings: p.settings}
	table := c.table
	c.table = filepath.Join(c.dir, fmt.Sprintf("nodes.twin.%d", p.ID))
	if err := os.WriteFile(c.table, []byte(strings.Join(rows, "\n")+"\n"), 0o644); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { c.Kill(twin) })
	c.Start(twin)
	c.table = table
	return twin
}
