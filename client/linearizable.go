package client

import (
	"context"
	"errors"

	"github.com/zabkeeper/zabkeeper/wire"
)

// Linearizable reads see every write that was answered to anybody before the
// read was sent. They need an extension of the server: against a ZooKeeper they
// return ErrUnsupported, as its sync does not promise as much.
type Linearizable struct{ c *Client }

// Linearizable returns the reads of c that are linearizable.
func (c *Client) Linearizable() Linearizable { return Linearizable{c} }

// wrap makes a request for op one for a linearizable op.
func (c *Client) newLinearizable(op wire.OpCode) *request {
	req := c.newRequest(wire.OpLinearizable)
	req.needs = wire.ExtensionsOf(wire.OpLinearizable, op)
	req.frame = wire.AppendInt(req.frame, int32(op))
	return req
}

func (l Linearizable) read(ctx context.Context, name, path string, op wire.OpCode, decode func(*wire.Reader)) error {
	full, err := l.c.full(name, path)
	if err != nil {
		return err
	}
	req := l.c.newLinearizable(op)
	req.frame = watchRecord(nil)([]byte(full), req.frame)
	if err = l.c.call(ctx, req, decode); err != nil {
		return &OpError{name, path, err}
	}
	return nil
}

// Get is Client.Get.
func (l Linearizable) Get(ctx context.Context, path string) ([]byte, Stat, error) {
	var res wire.DataResponse
	err := l.read(ctx, "get", path, wire.OpGetData, res.Decode)
	return res.Data, res.Stat, err
}

// Exists is Client.Exists.
func (l Linearizable) Exists(ctx context.Context, path string) (Stat, bool, error) {
	var stat Stat
	err := l.read(ctx, "exists", path, wire.OpExists, stat.Decode)
	if errors.Is(err, ErrNoNode) {
		return Stat{}, false, nil
	}
	return stat, err == nil, err
}

// Children is Client.Children2.
func (l Linearizable) Children(ctx context.Context, path string) ([]string, Stat, error) {
	var res wire.StringsResponse
	if err := l.read(ctx, "children", path, wire.OpGetChildren2, res.DecodeStat); err != nil {
		return nil, Stat{}, err
	}
	return sorted(res.Names), res.Stat, nil
}

// ListPage is Client.ListPage, of one page.
func (l Linearizable) ListPage(ctx context.Context, path string, o PageOptions) (Page, error) {
	return l.c.listPage(ctx, path, o, l.c.newLinearizable(wire.OpListPage))
}

// MultiRead is Client.MultiRead.
func (l Linearizable) MultiRead(ctx context.Context, o *Reads) ([]Result, error) {
	return l.c.multiRead(ctx, o, l.c.newLinearizable(wire.OpMultiRead))
}
