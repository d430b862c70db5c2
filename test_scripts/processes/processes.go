// Package processes runs real zabkeeper servers on loopback for tests: builds the
// program once, starts, kills and restarts servers by their own pid, and asks
// them how they are.
package processes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Binary is the program under test, built by Main.
var Binary string

// Main is the body of a TestMain: it builds the program, runs the tests, and
// then what else is given.
func Main(m *testing.M, after ...func()) {
	dir, err := os.MkdirTemp("", "zabkeeper-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	Binary = filepath.Join(dir, "zabkeeper")
	build := exec.Command("go", "build", "-o", Binary, "github.com/zabkeeper/zabkeeper")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	code := 1
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
	} else {
		code = m.Run()
	}
	for _, f := range after {
		f()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// Process is one server.
type Process struct {
	ID     int
	Data   string
	Client string        // address
	Cmd    *exec.Cmd     // nil while it does not run
	Done   chan struct{} // closed when the process has ended
	Log    string
	join   []string // flags instead of a node table
	// settings are a file, empty for the defaults; command runs the program.
	settings string
	command  []string
}

// Cluster is a set of server processes on loopback.
type Cluster struct {
	t        testing.TB
	dir      string
	table    string
	settings string // a file; empty for the defaults
	// Program is what the servers run from their next start on.
	Program string
	Servers []*Process
	// Planned servers have an address, and start with Join.
	Planned []*Process
}

// New starts a cluster of that size and waits until it serves.
func New(t testing.TB, size int) *Cluster {
	t.Helper()
	return NewWith(t, size, "")
}

// NewWith is New with settings in TOML.
func NewWith(t testing.TB, size int, settings string) *Cluster {
	t.Helper()
	c := Lay(t, Loopback(t, size), settings)
	for _, p := range c.Servers {
		c.Start(p)
	}
	c.AwaitServing(c.Servers...)
	return c
}

// Start starts a server.
func (c *Cluster) Start(p *Process) {
	c.t.Helper()
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	args := append(slices.Clone(p.command), c.Program, "serve", "--id", strconv.Itoa(p.ID), "--data", p.Data)
	if p.join == nil {
		args = append(args, "--nodes", c.table)
	}
	args = append(args, p.join...)
	if settings := cmp.Or(p.settings, c.settings); settings != "" {
		args = append(args, "--config", settings)
	}
	p.Cmd = exec.Command(args[0], args[1:]...)
	p.Cmd.Stdout, p.Cmd.Stderr = log, log
	endWithParent(p.Cmd)
	if err := p.Cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	done := make(chan struct{})
	p.Done = done
	cmd := p.Cmd
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
}

// Ended reports that a server does not run, be it that it ended by itself.
func (p *Process) Ended() bool {
	if p.Cmd == nil {
		return true
	}
	select {
	case <-p.Done:
		return true
	default:
		return false
	}
}

// Kill ends a process at once, as kill -9 does, and waits until it is gone.
func (c *Cluster) Kill(p *Process) {
	if p.Cmd == nil {
		return
	}
	_ = p.Cmd.Process.Kill()
	<-p.Done
	p.Cmd = nil
}

func (c *Cluster) end() {
	for _, p := range c.Servers {
		c.Kill(p)
	}
	if c.t.Failed() {
		for _, p := range c.Servers {
			b, _ := os.ReadFile(p.Log)
			lines := strings.Split(strings.TrimSpace(string(b)), "\n")
			c.t.Logf("last lines of server %d:\n%s", p.ID, strings.Join(lines[max(0, len(lines)-15):], "\n"))
		}
	}
}

// Word sends a four-letter word; an unreachable server answers nothing.
func (p *Process) Word(word string) string {
	conn, err := net.DialTimeout("tcp", p.Client, time.Second)
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := conn.Write([]byte(word)); err != nil {
		return ""
	}
	b, _ := io.ReadAll(conn)
	return string(b)
}

// Mode is leader, follower and so on, or nothing.
func (p *Process) Mode() string {
	for line := range strings.Lines(p.Word("srvr")) {
		if m, ok := strings.CutPrefix(line, "Mode: "); ok {
			return strings.TrimSpace(m)
		}
	}
	return ""
}

// Zxid is the last transaction a server has applied, as it prints it.
func (p *Process) Zxid() string {
	for line := range strings.Lines(p.Word("srvr")) {
		if z, ok := strings.CutPrefix(line, "Zxid: "); ok {
			return strings.TrimSpace(z)
		}
	}
	return ""
}

// Eventually waits until what holds, for as long as a slow machine may need.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not true: %s", what)
		}
	}
}

// AwaitServing waits until these servers serve.
func (c *Cluster) AwaitServing(servers ...*Process) {
	c.t.Helper()
	for _, p := range servers {
		Eventually(c.t, fmt.Sprintf("server %d serves", p.ID), func() bool { return p.Mode() != "" || p.Ended() })
		if p.Ended() {
			lines := strings.Split(strings.TrimSpace(p.ReadLog()), "\n")
			c.t.Fatalf("server %d has ended: %s", p.ID, lines[len(lines)-1])
		}
	}
}

// Leader returns the server that leads, nil for nobody.
func (c *Cluster) Leader() *Process {
	for _, p := range c.Servers {
		if p.Cmd != nil && p.Mode() == "leader" {
			return p
		}
	}
	return nil
}

// Settle waits until all servers have applied the same.
func (c *Cluster) Settle() {
	c.t.Helper()
	Eventually(c.t, "all servers have applied the same", func() bool {
		for _, p := range c.Servers {
			if z := p.Zxid(); z == "" || z != c.Servers[0].Zxid() {
				return false
			}
		}
		return true
	})
}

// History runs zabkeeper history with a flag that says its form on a server's
// directory.
func (c *Cluster) History(p *Process, form string) []string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, Binary, "history", form, p.Data).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		c.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// SameHistories compares what every server says it committed. A server whose
// log begins later, behind a snapshot, is compared from there on.
func (c *Cluster) SameHistories() {
	c.t.Helper()
	c.Settle()
	var histories [][]string
	for _, p := range c.Servers {
		// The commit point reaches an idle log a moment later.
		var h []string
		Eventually(c.t, fmt.Sprintf("the history of server %d is complete", p.ID), func() bool {
			h = c.History(p, "--long")
			return fmt.Sprintf("0x%x", position(h[len(h)-1])) == p.Zxid()
		})
		histories = append(histories, h)
	}
	// A session may end between one look and the next: what all have is compared.
	last := position(histories[0][len(histories[0])-1])
	for _, h := range histories[1:] {
		last = min(last, position(h[len(h)-1]))
	}
	for i, h := range histories {
		for len(h) > 1 && position(h[len(h)-1]) > last {
			h = h[:len(h)-1]
		}
		histories[i] = h
	}
	for i, h := range histories[1:] {
		a, b := histories[0], h
		n := min(len(a), len(b))
		a, b = a[len(a)-n:], b[len(b)-n:]
		for k := range a {
			if a[k] != b[k] {
				c.t.Fatalf("histories differ: server 1 has %q, server %d has %q", a[k], i+2, b[k])
			}
		}
	}
	c.t.Logf("%d servers agree on %d committed records", len(histories), len(histories[0]))
}

// position is the zxid of a line of a history.
func position(line string) uint64 {
	f := strings.Fields(line)
	epoch, _ := strconv.ParseUint(f[1], 10, 32)
	counter, _ := strconv.ParseUint(f[2], 10, 32)
	return epoch<<32 | counter
}

// Addresses are where clients connect.
func (c *Cluster) Addresses() []string {
	var out []string
	for _, p := range slices.Concat(c.Servers, c.Planned) {
		out = append(out, p.Client)
	}
	return out
}

// ReadLog returns what a server has logged.
func (p *Process) ReadLog() string {
	b, _ := os.ReadFile(p.Log)
	return string(b)
}
