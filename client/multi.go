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
	czxid   int64
	limit   int
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

// CheckNotExists adds the condition that there is no such znode. Like those
// below it needs an extension of the server: Multi returns ErrUnsupported.
func (o *Ops) CheckNotExists(path string) *Ops {
	o.list = append(o.list, op{code: wire.OpCheckNotExists, path: path})
	return o
}

// CheckCzxid adds the condition that a znode is still the one that this
// transaction created (Stat.Czxid), and has the given version.
func (o *Ops) CheckCzxid(path string, czxid int64, version int32) *Ops {
	o.list = append(o.list, op{code: wire.OpCheckCzxid, path: path, czxid: czxid, version: version})
	return o
}

// DeleteRecursive adds the removal of a znode and everything below it; see
// Client.DeleteRecursive.
func (o *Ops) DeleteRecursive(path string, version int32, limit int) *Ops {
	o.list = append(o.list, op{code: wire.OpDeleteRecursive, path: path, version: version, limit: limit})
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
	Count    int      // DeleteRecursive: how many went; Create with Parents: how many were made
	Err      error    // why this operation failed, or was not done
}

// Multi does all operations or none. When one fails, the error names it and
// every Result has its own error.
func (c *Client) Multi(ctx context.Context, o *Ops) ([]Result, error) {
	req := c.newRequest(wire.OpMulti)
	for i := range o.list {
		var err error
		if err = c.appendOp(req, &o.list[i]); err != nil {
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
	return c.multiRead(ctx, o, c.newRequest(wire.OpMultiRead))
}

func (c *Client) multiRead(ctx context.Context, o *Reads, req *request) ([]Result, error) {
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

// appendOp adds one operation to a multi, and what the server must have for it.
func (c *Client) appendOp(req *request, o *op) error {
	full := []byte(c.chrooted(o.path))
	code, rec := o.code, wire.CreateRequest{}
	if code == 0 {
		var err error
		if code, rec, err = o.create.record(o.path, o.data); err != nil {
			return err
		}
		rec.Path = full
	} else if wire.CheckPath(o.path) != wire.OK {
		return errPath
	}
	req.needs |= wire.ExtensionsOf(code)
	dst := wire.AppendMultiOp(req.frame, code)
	switch code {
	case wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL, wire.OpCreateParents:
		dst = appendCreate(dst, code, &rec)
	case wire.OpSetData:
		dst = (&wire.SetDataRequest{Path: full, Data: o.data, Version: o.version}).Append(dst)
	case wire.OpCheckNotExists:
		dst = plainRecord(full, dst)
	case wire.OpCheckCzxid:
		dst = (&wire.CheckCzxidRequest{Path: full, Czxid: o.czxid, Version: o.version}).Append(dst)
	case wire.OpDeleteRecursive:
		if o.limit < 0 || o.limit > DeleteLimitMax {
			return ErrBadArguments
		}
		dst = (&wire.DeleteRecursiveRequest{Path: full, Version: o.version, Limit: int32(o.limit)}).Append(dst)
	default:
		dst = (&wire.PathVersionRequest{Path: full, Version: o.version}).Append(dst)
	}
	req.frame = dst
	return nil
}

func (c *Client) multi(ctx context.Context, name string, req *request, ops int) ([]Result, error) {
	req.frame = wire.AppendMultiEnd(req.frame)
	body, err := c.do(ctx, req)
	if err != nil {
		return nil, &OpError{Op: name, Err: err}
	}
	var results []Result
	err = wire.DecodeMultiResponse(body, func(res *wire.MultiResult) {
		r := Result{Stat: res.Stat, Data: res.Data, Count: int(res.Count), Err: res.Err.Err()}
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
