package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// nodesPerDirectory keeps lists of children short, as in sensible use.
const nodesPerDirectory = 1000

// cleanTimeout is how long removing what a run made may take without a server's
// answer.
const cleanTimeout = 30 * time.Second

// ground is the part of the tree that a run has for itself.
type ground struct {
	o     *Options
	root  string
	value []byte
	paths [][]byte // of the nodes to set and get
}

var openACL = wire.NewACLs(wire.WorldAnyone(wire.PermAll))

// prepare makes the run's node and what the workload needs below it. The ground
// is there even with an error, to be cleaned.
func prepare(ctx context.Context, o *Options) (g *ground, err error) {
	g = &ground{o: o, value: value(o.ValueBytes)}
	c, err := dialAny(ctx, o, 0)
	if err != nil {
		return g, err
	}
	defer c.close()
	defer context.AfterFunc(ctx, c.drop)()
	_ = c.nc.SetDeadline(time.Now().Add(o.RequestTimeout))
	body, err := c.call(func(dst []byte) ([]byte, wire.OpCode) {
		q := wire.CreateRequest{Path: []byte(o.Parent + "/bench-"), Data: g.value, ACL: openACL, Flags: wire.FlagPersistentSequential}
		return q.Append(dst), wire.OpCreate
	})
	if err != nil {
		return g, fmt.Errorf("create a node for the run below %q: %w", o.Parent+"/", err)
	}
	var made wire.CreateResponse
	r := wire.NewReader(body)
	made.Decode(&r)
	g.root = string(made.Path)
	if !r.OK() || g.root == "" {
		return g, fmt.Errorf("%w: a create was answered without a path", ErrProtocol)
	}
	return g, g.fill(c)
}

// fill makes the nodes that the workload begins with.
func (g *ground) fill(c *connection) error {
	switch o := g.o; o.Workload {
	case Set, Get, Mixed, Latency:
		dirs := (o.Nodes + nodesPerDirectory - 1) / nodesPerDirectory
		if err := g.createAll(c, dirs, nil, g.directory); err != nil {
			return err
		}
		g.paths = make([][]byte, o.Nodes)
		for k := range g.paths {
			g.paths[k] = fmt.Appendf(nil, "%s/n%07d", g.directory(k/nodesPerDirectory), k)
		}
		return g.createAll(c, o.Nodes, g.value, func(k int) string { return string(g.paths[k]) })
	case List:
		return g.createAll(c, o.Nodes, nil, func(k int) string { return fmt.Sprintf("%s/child-%06d", g.root, k) })
	case Create, Failover:
		return g.createAll(c, o.Connections, nil, g.directory)
	default: // the run's node is all they need
		return nil
	}
}

// directory is what is below the run's node: of a thousand nodes, or of one
// connection.
func (g *ground) directory(i int) string { return fmt.Sprintf("%s/d%05d", g.root, i) }

func (g *ground) createAll(c *connection, n int, data []byte, path func(k int) string) error {
	return c.each(n, func(dst []byte, k int) ([]byte, wire.OpCode) {
		q := wire.CreateRequest{Path: []byte(path(k)), Data: data, ACL: openACL}
		return q.Append(dst), wire.OpCreate
	}, func(k int, r *reply) error {
		// Making many nodes may take long; a server that says nothing may not.
		if k%eachInFlight == 0 {
			_ = c.nc.SetDeadline(time.Now().Add(g.o.RequestTimeout))
		}
		if r.code != wire.OK {
			return fmt.Errorf("create %s: %w", path(k), r.code)
		}
		return nil
	})
}

// clean removes the run's node and everything below it, also when the run was
// told to stop.
func (g *ground) clean(ctx context.Context) error {
	if g.root == "" {
		return nil
	}
	err := g.remove(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("%s could not be removed, remove it with deleteall: %w", g.root, err)
	}
	return nil
}

func (g *ground) remove(ctx context.Context) error {
	o := *g.o
	o.RequestTimeout = cleanTimeout
	c, err := dialAny(ctx, &o, 0)
	if err != nil {
		return err
	}
	defer c.close()
	// What a lost connection had under way may still happen between the look
	// and the removal; a few more looks find it.
	for range 5 {
		if err = c.removeBelow(g.root); !errors.Is(err, wire.ErrNotEmpty) {
			break
		}
	}
	return err
}

// removeBelow deletes path and all below it.
func (c *connection) removeBelow(path string) error {
	_ = c.nc.SetDeadline(time.Now().Add(cleanTimeout))
	body, err := c.call(func(dst []byte) ([]byte, wire.OpCode) {
		q := wire.PathWatchRequest{Path: []byte(path)}
		return q.Append(dst), wire.OpGetChildren
	})
	if errors.Is(err, wire.ErrNoNode) {
		return nil
	}
	if err != nil {
		return err
	}
	r := wire.NewReader(body)
	list := r.Strings()
	if !r.OK() {
		return fmt.Errorf("%w: a list of children does not decode", ErrProtocol)
	}
	names := make([]string, 0, list.Len())
	for name := range list.All {
		names = append(names, path+"/"+string(name))
	}
	inner, err := c.removeEach(names)
	if err != nil {
		return err
	}
	for _, name := range inner {
		if err := c.removeBelow(name); err != nil {
			return err
		}
	}
	inner, err = c.removeEach([]string{path})
	if err == nil && len(inner) > 0 {
		err = wire.ErrNotEmpty
	}
	return err
}

// removeEach deletes these nodes and returns those that have children.
func (c *connection) removeEach(paths []string) (inner []string, err error) {
	err = c.each(len(paths), func(dst []byte, i int) ([]byte, wire.OpCode) {
		q := wire.PathVersionRequest{Path: []byte(paths[i]), Version: -1}
		return q.Append(dst), wire.OpDelete
	}, func(i int, r *reply) error {
		if i%eachInFlight == 0 {
			_ = c.nc.SetDeadline(time.Now().Add(cleanTimeout))
		}
		switch r.code {
		case wire.OK, wire.ErrNoNode:
		case wire.ErrNotEmpty:
			inner = append(inner, paths[i])
		default:
			return fmt.Errorf("delete %s: %w", paths[i], r.code)
		}
		return nil
	})
	return inner, err
}

// value is the same in every run and compresses no better than text.
func value(n int) []byte {
	rng := rand.New(rand.NewPCG(3, 5))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(' ' + rng.IntN(95))
	}
	return b
}
