package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "zabkeeper-faults")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "zabkeeper")
	build := exec.Command("go", "build", "-o", binary, "../..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// process is one server.
type process struct {
	id     int
	data   string
	client string // address
	cmd    *exec.Cmd
	done   chan struct{} // closed when the process has ended
	log    string
}

// cluster is a set of server processes on loopback.
type cluster struct {
	t       *testing.T
	dir     string
	table   string
	servers []*process
}

func newCluster(t *testing.T, size int) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir()}
	ports := freePorts(t, 3*size)
	var table strings.Builder
	for i := range size {
		fmt.Fprintf(&table, "%d 127.0.0.1 %d %d %d\n", i+1, ports[3*i], ports[3*i+1], ports[3*i+2])
		c.servers = append(c.servers, &process{id: i + 1, data: filepath.Join(c.dir, strconv.Itoa(i+1)),
			client: fmt.Sprintf("127.0.0.1:%d", ports[3*i+2]), log: filepath.Join(c.dir, fmt.Sprintf("%d.log", i+1))})
	}
	c.table = filepath.Join(c.dir, "nodes")
	if err := os.WriteFile(c.table, []byte(table.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.end)
	for _, p := range c.servers {
		c.start(p)
	}
	c.awaitServing(c.servers...)
	return c
}

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func (c *cluster) start(p *process) {
	c.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	p.cmd = exec.Command(binary, "serve", "--id", strconv.Itoa(p.id), "--nodes", c.table, "--data", p.data)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	done := make(chan struct{})
	p.done = done
	cmd := p.cmd
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
}

// kill ends a process at once, as kill -9 does, and waits until it is gone.
func (c *cluster) kill(p *process) {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	p.cmd = nil
}

func (c *cluster) end() {
	for _, p := range c.servers {
		c.kill(p)
	}
	if c.t.Failed() {
		for _, p := range c.servers {
			b, _ := os.ReadFile(p.log)
			lines := strings.Split(strings.TrimSpace(string(b)), "\n")
			c.t.Logf("last lines of server %d:\n%s", p.id, strings.Join(lines[max(0, len(lines)-15):], "\n"))
		}
	}
}

// word sends a four-letter word; an unreachable server answers nothing.
func (p *process) word(word string) string {
	conn, err := net.DialTimeout("tcp", p.client, time.Second)
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

// mode is leader, follower and so on, or nothing.
func (p *process) mode() string {
	for line := range strings.Lines(p.word("srvr")) {
		if m, ok := strings.CutPrefix(line, "Mode: "); ok {
			return strings.TrimSpace(m)
		}
	}
	return ""
}

func (p *process) zxid() string {
	for line := range strings.Lines(p.word("srvr")) {
		if z, ok := strings.CutPrefix(line, "Zxid: "); ok {
			return strings.TrimSpace(z)
		}
	}
	return ""
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not true: %s", what)
		}
	}
}

func (c *cluster) awaitServing(servers ...*process) {
	c.t.Helper()
	for _, p := range servers {
		eventually(c.t, fmt.Sprintf("server %d serves", p.id), func() bool { return p.mode() != "" })
	}
}

func (c *cluster) leader() *process {
	for _, p := range c.servers {
		if p.cmd != nil && p.mode() == "leader" {
			return p
		}
	}
	return nil
}

// settle waits until all servers have applied the same.
func (c *cluster) settle() {
	c.t.Helper()
	eventually(c.t, "all servers have applied the same", func() bool {
		for _, p := range c.servers {
			if z := p.zxid(); z == "" || z != c.servers[0].zxid() {
				return false
			}
		}
		return true
	})
}

// history runs zabkeeper history on a server's directory.
func (c *cluster) history(p *process) []string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, "history", "--long", p.data).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		c.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// sameHistories compares what every server says it committed. A server whose
// log begins later, behind a snapshot, is compared from there on.
func (c *cluster) sameHistories() {
	c.t.Helper()
	c.settle()
	var histories [][]string
	for _, p := range c.servers {
		// The commit point reaches an idle log a moment later.
		var h []string
		eventually(c.t, fmt.Sprintf("the history of server %d is complete", p.id), func() bool {
			h = c.history(p)
			f := strings.Fields(h[len(h)-1])
			epoch, _ := strconv.ParseUint(f[1], 10, 32)
			counter, _ := strconv.ParseUint(f[2], 10, 32)
			return fmt.Sprintf("0x%x", epoch<<32|counter) == p.zxid()
		})
		histories = append(histories, h)
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
