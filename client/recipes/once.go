package recipes

import (
	"context"
	"errors"

	"github.com/zabkeeper/zabkeeper/client"
)

// onceSuffix is appended to a recipe's path for the markers of its writes.
const onceSuffix = "-__once__"

// once is one write that happens once although answers get lost: a multi that
// also creates an ephemeral znode with a name of its own. When that exists, the
// write has happened. Markers stand beside the recipe's path and not below it,
// where kazoo would take them for entries.
type once struct {
	c      *client.Client
	dir    string
	marker string
	unsure bool
}

func newOnce(c *client.Client, path string) *once {
	dir := path + onceSuffix
	return &once{c: c, dir: dir, marker: dir + "/" + newID()}
}

// do carries out one operation. It may be called again with another one when it
// has returned an error of the operation, since that one did not happen.
func (o *once) do(ctx context.Context, add func(*client.Ops)) error {
	for {
		ops := new(client.Ops).Create(o.marker, nil, client.CreateOptions{Mode: client.ModeEphemeral})
		add(ops)
		results, err := o.c.Multi(ctx, ops)
		switch {
		case err == nil:
			return o.finish(ctx)
		case errors.Is(err, client.ErrConnectionLoss):
			o.unsure = true
		case len(results) > 0 && errors.Is(results[0].Err, client.ErrNodeExists):
			return o.finish(ctx)
		case len(results) > 0 && errors.Is(results[0].Err, client.ErrNoNode):
			if err := ensurePath(ctx, o.c, o.dir); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// finish removes the marker, unless an earlier attempt might still be on its
// way: then it has to find the marker, which goes with the session.
func (o *once) finish(ctx context.Context) error {
	if o.unsure {
		return nil
	}
	_ = o.c.Delete(ctx, o.marker, client.AnyVersion) // goes with the session at the latest
	return nil
}
