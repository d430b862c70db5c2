package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	ensembleSize = 3
	// serveWait is how long servers have until they serve; with a million nodes a
	// JVM needs its time.
	serveWait = 3 * time.Minute
)

// options of an ensemble beyond the defaults.
type options struct {
	size  int      // 0 for ensembleSize
	lines string   // of zoo.cfg
	wrap  []string // a command in front of the server's
}

// ensemble is the servers of one peer.
type ensemble struct {
	kind    *kind
	dir     string
	options options
	servers []*server
}

// newEnsemble makes an ensemble that does not run yet.
func newEnsemble(k *kind, dir string, o options) (*ensemble, error) {
	if o.size == 0 {
		o.size = ensembleSize
	}
	ports, err := freePorts(3 * o.size)
	if err != nil {
		return nil, err
	}
	e := &ensemble{kind: k, dir: dir, options: o}
	for i := range o.size {
		s := &server{number: i + 1, dir: filepath.Join(dir, strconv.Itoa(i+1)), ports: [3]int(ports[3*i : 3*i+3])}
		s.client = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.ports[0]))
		if err := os.MkdirAll(filepath.Join(s.dir, "data"), 0o755); err != nil {
			return nil, err
		}
		e.servers = append(e.servers, s)
	}
	return e, nil
}

// Ports for servers are below those from which the system dials: a server that is
// started again finds its port free, however many clients there are.
const (
	portLeast = 12_000
	portMost  = 32_000
)

var errNoPorts = errors.New("no free ports")

// freePorts are ports of loopback on which nobody listens at the moment.
func freePorts(n int) (ports []int, err error) {
	for port, left := portLeast+rand.IntN(portMost-portLeast), portMost-portLeast; left > 0 && len(ports) < n; left-- {
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			defer func() { _ = l.Close() }()
			ports = append(ports, port)
		}
		if port++; port == portMost {
			port = portLeast
		}
	}
	if len(ports) < n {
		return nil, fmt.Errorf("%w: %d from %d to %d, %d needed", errNoPorts, len(ports), portLeast, portMost, n)
	}
	return ports, nil
}

// launch starts the servers that do not run, and waits for nothing.
func (e *ensemble) launch() error {
	for _, s := range e.servers {
		if s.running() {
			continue
		}
		command, err := e.kind.command(e, s)
		if err != nil {
			return err
		}
		if err := s.launch(append(append([]string{}, e.options.wrap...), command...)); err != nil {
			return err
		}
	}
	return nil
}

// start launches and waits until every server serves: a server may have a role a
// moment before it takes sessions.
func (e *ensemble) start(ctx context.Context) error {
	if err := e.launch(); err != nil {
		return err
	}
	return e.await(ctx)
}

// await waits until every server that runs serves.
func (e *ensemble) await(ctx context.Context) error {
	for _, s := range e.servers {
		if !s.running() {
			continue
		}
		if err := s.await(ctx, "to serve", serveWait, func() bool { return e.kind.role(s) != "" && e.kind.probe(s) == nil }); err != nil {
			return err
		}
	}
	return nil
}

// end ends the servers and keeps their data.
func (e *ensemble) end() {
	for _, s := range e.servers {
		s.end()
	}
}

// remove ends the servers and removes their data.
func (e *ensemble) remove() error {
	e.end()
	return os.RemoveAll(e.dir)
}

var errNoLeader = errors.New("nobody leads")

func (e *ensemble) leader() (*server, error) {
	for _, s := range e.servers {
		if s.running() && e.kind.role(s) == "leader" {
			return s, nil
		}
	}
	return nil, errNoLeader
}

// follower is a server that runs and does not lead.
func (e *ensemble) follower() (*server, error) {
	l, err := e.leader()
	if err != nil {
		return nil, err
	}
	for _, s := range e.servers {
		if s != l && s.running() {
			return s, nil
		}
	}
	return nil, errors.New("nobody follows")
}

// addresses is where the servers that run take clients, as a command line names it.
func (e *ensemble) addresses() string {
	var list []string
	for _, s := range e.servers {
		if s.running() {
			list = append(list, s.client)
		}
	}
	return strings.Join(list, ",")
}

func (e *ensemble) pids() (pids []int) {
	for _, s := range e.servers {
		if s.running() {
			pids = append(pids, s.pid())
		}
	}
	return pids
}
