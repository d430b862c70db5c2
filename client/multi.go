package client

import (
	"context"
	"slices"

	"github.com/zabkeeper/zabkeeper/wire"
)

// Ops builds the operations of a Multi; the zero value has none. The methods
// return the receiver, so that they can be chained.
type Ops struct{ list []op }

type op struct {
	code    wire.OpCode // 0 for a create: its options decide
	path    string
	data    []byte
	version int32
	create  CreateOptions
}

// Create adds the creation of a znode.
func (o *Ops) Create(path string, data []byte, options CreateOptions) *Ops {
	o.list = append(o.list, op{path: path, data: data, create: options})
	return o
}

// Set adds new data for a znode.
func (o *Ops) Set(path string, data []byte, version int32) *Ops {
	o.list = append(o.list, op{code: wire.OpSetData, path: path, data: data, version: version})
	return o
}

// Delete adds the removal of a znode.
func (o *Ops) Delete(path string, version int32) *Ops {
	o.list = append(o.list, op{code: wire.OpDelete, path: path, version: version})
	return o
}

// Check adds the condition that a znode exists with the given version.
func (o *Ops) Check(path string, version int32) *Ops {
	o.list = append(o.list, op{code: wire.OpCheck, path: path, version: version})
	return o
}

// Len returns the number of operations.
func (o *Ops) Len() int { return len(o.list) }

// Reads builds the reads of a MultiRead; the zero value has none.
type Reads struct{ list []op }

// Get adds the data of a znode.
func (o *Reads) Get(path string) *Reads {
	o.list = append(o.list, op{code: wire.OpGetData, path: path})
	return o
}

// Children adds the names of a znode's children.
func (o *Reads) Children(path string) *Reads {
	o.list = append(o.list, op{code: wire.OpGetChildren, path: path})
	return o
}

// Result is what one operation gave. Only the fields its operation has are set.
type Result struct {
	Path     string   // Create
	Stat     Stat     // Create, Set, Get
	Data     []byte   // Get
	Children []string // Children, sorted
	Err      error    // why this operation failed, or was not done
}

// Multi does all operations or none. When one fails, the error names it and
// every Result has its own error.
func (c *Client) Multi(ctx context.Context, o *Ops) ([]Result, error) {
	req := c.newRequest(wire.OpMulti)
	for i := range o.list {
		var err error
		if req.frame, err = c.appendOp(req.frame, &o.list[i]); err != nil {
			return nil, &OpError{"multi", o.list[i].path, err}
		}
	}
	results, err := c.multi(ctx, "multi", req, len(o.list))
	failed := slices.IndexFunc(results, func(r Result) bool { return r.Err != nil })
	if failed >= 0 {
		err = &OpError{"multi", o.list[failed].path, results[failed].Err}
		for i := range failed { // a server reports those without an error
			results[i].Err = wire.ErrRuntimeInconsistency
		}
	}
	return results, err
}

// MultiRead does all reads at one point in time. Each Result has its own error.
func (c *Client) MultiRead(ctx context.Context, o *Reads) ([]Result, error) {
	req := c.newRequest(wire.OpMultiRead)
	for _, r := range o.list {
		full, err := c.full("multiRead", r.path)
		if err != nil {
			return nil, err
		}
		req.frame = wire.AppendMultiOp(req.frame, r.code)
		req.frame = (&wire.PathWatchRequest{Path: []byte(full)}).Append(req.frame)
	}
	return c.multi(ctx, "multiRead", req, len(o.list))
}

func (c *Client) appendOp(dst []byte, o *op) ([]byte, error) {
	full := []byte(c.chrooted(o.path))
	code, rec := o.code, wire.CreateRequest{}
	if code == 0 {
		var err error
		if code, rec, err = o.create.record(o.path, o.data); err != nil {
			return dst, err
		}
		rec.Path = full
	} else if wire.CheckPath(o.path) != wire.OK {
		return dst, errPath
	}
	dst = wire.AppendMultiOp(dst, code)
	switch code {
	case wire.OpCreateTTL:
		dst = rec.AppendTTL(dst)
	case wire.OpCreate2, wire.OpCreateContainer:
		dst = rec.Append(dst)
	case wire.OpSetData:
		dst = (&wire.SetDataRequest{Path: full, Data: o.data, Version: o.version}).Append(dst)
	default:
		dst = (&wire.PathVersionRequest{Path: full, Version: o.version}).Append(dst)
	}
	return dst, nil
}

func (c *Client) multi(ctx context.Context, name string, req *request, ops int) ([]Result, error) {
	req.frame = wire.AppendMultiEnd(req.frame)
	body, err := c.do(ctx, req)
	if err != nil {
		return nil, &OpError{Op: name, Err: err}
	}
	var results []Result
	err = wire.DecodeMultiResponse(body, func(res *wire.MultiResult) {
		r := Result{Stat: res.Stat, Data: res.Data, Err: res.Err.Err()}
		if res.Path != nil {
			r.Path = c.stripped(string(res.Path))
		}
		if res.Type == wire.OpGetChildren {
			r.Children = sorted(res.Children)
		}
		results = append(results, r)
	})
	if err != nil || len(results) != ops {
		return nil, &OpError{Op: name, Err: ErrProtocol}
	}
	return slices.Clip(results), nil
}
