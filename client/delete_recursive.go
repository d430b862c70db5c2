package client

import (
	"context"
	"errors"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

// The limits of DeleteRecursive.
const (
	DeleteLimitDefault = wire.DeleteLimitDefault
	DeleteLimitMax     = wire.DeleteLimitMax
)

// DeleteRecursive removes a znode and everything below it in one transaction, if
// the version of the znode is the given one and there are at most limit znodes
// (0 for DeleteLimitDefault, at most DeleteLimitMax). It returns how many went. A
// server without the extension cannot: ErrUnsupported.
func (c *Client) DeleteRecursive(ctx context.Context, path string, version int32, limit int) (int, error) {
	full, err := c.full("deleteRecursive", path)
	if err != nil {
		return 0, err
	}
	if limit < 0 || limit > DeleteLimitMax {
		return 0, &OpError{"deleteRecursive", path, ErrBadArguments}
	}
	req := c.newRequest(wire.OpDeleteRecursive)
	req.needs = wire.ExtensionsOf(wire.OpDeleteRecursive)
	req.frame = (&wire.DeleteRecursiveRequest{Path: []byte(full), Version: version, Limit: int32(limit)}).Append(req.frame)
	var res wire.IntResponse
	if err = c.call(ctx, req, res.Decode); err != nil {
		return 0, &OpError{"deleteRecursive", path, err}
	}
	return int(res.Value), nil
}

// Deleted says what DeleteAll did.
type Deleted struct {
	Nodes  int  // how many went, of other clients' doing not counted
	Atomic bool // all in one transaction
}

// DeleteAll removes a znode and everything below it whatever the server: in one
// transaction where the server can and there are no more than DeleteLimitMax,
// otherwise from the leaves up, batch znodes at a time, and again when others
// changed something meanwhile. With a batch of 0 it first tries the one
// transaction and then takes 1000 at a time; with any other it does not try.
func (c *Client) DeleteAll(ctx context.Context, path string, batch int) (Deleted, error) {
	if path == "/" || batch < 0 {
		return Deleted{}, &OpError{"deleteAll", path, ErrBadArguments}
	}
	if batch == 0 {
		n, err := c.DeleteRecursive(ctx, path, AnyVersion, DeleteLimitMax)
		if !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrLimitExceeded) {
			return Deleted{n, err == nil}, err
		}
		batch = 1000
	}
	var done Deleted
	for found := false; ; found = true {
		paths, err := c.Subtree(ctx, path)
		if errors.Is(err, ErrNoNode) && found {
			return done, nil
		}
		if err != nil {
			return done, err
		}
		for len(paths) > 0 && err == nil {
			first := max(0, len(paths)-batch)
			var ops Ops
			for i := len(paths) - 1; i >= first; i-- {
				ops.Delete(paths[i], AnyVersion)
			}
			if _, err = c.Multi(ctx, &ops); err == nil {
				done.Nodes += len(paths) - first
				paths = paths[:first]
			}
		}
		if !errors.Is(err, ErrNotEmpty) && !errors.Is(err, ErrNoNode) {
			return done, err
		}
	}
}

// Subtree returns path and the paths of everything below it, level by level,
// without what is deleted meanwhile.
func (c *Client) Subtree(ctx context.Context, path string) ([]string, error) {
	paths := []string{path}
	for i := 0; i < len(paths); i++ {
		names, err := c.Children(ctx, paths[i])
		if errors.Is(err, ErrNoNode) && i > 0 {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			paths = append(paths, strings.TrimSuffix(paths[i], "/")+"/"+n)
		}
	}
	return paths, nil
}
