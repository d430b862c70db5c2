package processes

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Plan gives so many servers an address that clients may know before the
// servers join the cluster.
func (c *Cluster) Plan(n int) {
	c.t.Helper()
	ports := FreePorts(c.t, 3*n)
	for i := range n {
		id := len(c.Servers) + len(c.Planned) + 1
		p := ports[3*i : 3*i+3]
		c.Planned = append(c.Planned, &Process{ID: id, Data: filepath.Join(c.dir, strconv.Itoa(id)),
			Client: fmt.Sprintf("127.0.0.1:%d", p[2]), Log: filepath.Join(c.dir, fmt.Sprintf("%d.log", id)),
			join: []string{"--join", c.Servers[0].Client, "--host", "127.0.0.1", "--ports", fmt.Sprintf("%d,%d,%d", p[0], p[1], p[2])}})
	}
}

// Join starts the next planned server. It follows, and is no member yet.
func (c *Cluster) Join() *Process {
	c.t.Helper()
	p := c.Planned[0]
	c.Planned = c.Planned[1:]
	c.Servers = append(c.Servers, p)
	p.join[1] = strings.Join(c.running(), ",")
	c.Start(p)
	return p
}

func (c *Cluster) running() []string {
	var out []string
	for _, p := range c.Servers {
		if p.Cmd != nil {
			out = append(out, p.Client)
		}
	}
	return out
}

// Drop ends a server that is no member any more, for good.
func (c *Cluster) Drop(p *Process) {
	c.t.Helper()
	c.Kill(p)
	c.Servers = slices.DeleteFunc(c.Servers, func(o *Process) bool { return o == p })
}

// Command runs zabkeeper with these arguments and returns what it prints.
func (c *Cluster) Command(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, Binary, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("zabkeeper %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}
