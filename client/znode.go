package client

import (
	"context"
	"errors"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// Stat is what is known about a znode besides its data.
type Stat = wire.Stat

// AnyVersion switches the version check of Set, Delete, SetACL and Check off.
const AnyVersion int32 = -1

// CreateMode is the kind of znode that Create makes.
type CreateMode = wire.CreateFlags

// The kinds of znodes. TTL modes need CreateOptions.TTL.
const (
	ModePersistent           = wire.FlagPersistent
	ModeEphemeral            = wire.FlagEphemeral
	ModePersistentSequential = wire.FlagPersistentSequential
	ModeEphemeralSequential  = wire.FlagEphemeralSequential
	ModeContainer            = wire.FlagContainer
	ModeTTL                  = wire.FlagTTL
	ModeSequentialTTL        = wire.FlagSequentialTTL
)

// CreateOptions says what kind of znode to make. The zero value is a
// persistent one that is open to everyone.
type CreateOptions struct {
	Mode CreateMode
	ACL  []ACL // nil is OpenACL
	TTL  time.Duration
	// Parents makes what is missing above the node, too, in the same
	// transaction: persistent nodes without data, with the same ACL. A server
	// without the extension cannot: ErrUnsupported.
	Parents bool
}

// record returns the operation and the record of a create. Plain ones are
// create2, which answers with the Stat, unless the caller wants the old form.
func (o CreateOptions) record(path string, data []byte) (wire.OpCode, wire.CreateRequest, error) {
	final := path
	if o.Mode.Sequential() { // the rules are for the path that it will be
		final += "0"
	}
	if wire.CheckPath(final) != wire.OK {
		return 0, wire.CreateRequest{}, errPath
	}
	acl := wire.NewACLs(o.ACL...)
	if o.ACL == nil {
		acl = wire.NewACLs(OpenACL()...)
	}
	rec := wire.CreateRequest{Path: []byte(path), Data: data, ACL: acl, Flags: o.Mode, TTLMs: o.TTL.Milliseconds()}
	switch {
	case !o.Mode.Valid(), o.Mode.TTL() != (o.TTL != 0), o.Mode.TTL() && (rec.TTLMs < 1 || rec.TTLMs > wire.TTLMsMax):
		return 0, rec, ErrBadArguments
	case o.Parents:
		return wire.OpCreateParents, rec, nil
	case o.Mode.TTL():
		return wire.OpCreateTTL, rec, nil
	case o.Mode == ModeContainer:
		return wire.OpCreateContainer, rec, nil
	}
	return wire.OpCreate2, rec, nil
}

// Create makes a znode and returns its path, which has a number appended in
// the sequential modes. The parent must exist, unless CreateOptions.Parents.
func (c *Client) Create(ctx context.Context, path string, data []byte, o CreateOptions) (string, error) {
	created, _, err := c.Create2(ctx, path, data, o)
	return created, err
}

// Create2 is Create and the Stat of the new znode.
func (c *Client) Create2(ctx context.Context, path string, data []byte, o CreateOptions) (string, Stat, error) {
	op, rec, err := o.record(path, data)
	if err != nil {
		return "", Stat{}, &OpError{"create", path, err}
	}
	rec.Path = []byte(c.chrooted(path))
	req := c.newRequest(op)
	req.needs = wire.ExtensionsOf(op)
	req.frame = appendCreate(req.frame, op, &rec)
	var res wire.CreateResponse
	if err = c.call(ctx, req, res.DecodeStat); err != nil {
		return "", Stat{}, &OpError{"create", path, err}
	}
	return c.stripped(string(res.Path)), res.Stat, nil
}

func appendCreate(dst []byte, op wire.OpCode, rec *wire.CreateRequest) []byte {
	if op == wire.OpCreateTTL || op == wire.OpCreateParents {
		return rec.AppendTTL(dst)
	}
	return rec.Append(dst)
}

// call sends req and decodes the answer.
func (c *Client) call(ctx context.Context, req *request, decode func(*wire.Reader)) error {
	body, err := c.do(ctx, req)
	if err != nil || decode == nil {
		return err
	}
	r := wire.NewReader(body)
	if decode(&r); !r.OK() {
		return ErrProtocol
	}
	return nil
}

// pathCall is call for requests with a path and little else.
func (c *Client) pathCall(ctx context.Context, name, path string, op wire.OpCode, w *watchIntent,
	record func(full []byte, dst []byte) []byte, decode func(*wire.Reader)) error {
	full, err := c.full(name, path)
	if err != nil {
		return err
	}
	req := c.newRequest(op)
	req.frame = record([]byte(full), req.frame)
	if w != nil {
		w.path, w.sink = full, newSink(path, 0)
		req.watch = w
	}
	if err = c.call(ctx, req, decode); err != nil {
		return &OpError{name, path, err}
	}
	return nil
}

func watchRecord(w *watchIntent) func(full, dst []byte) []byte {
	return func(full, dst []byte) []byte {
		return (&wire.PathWatchRequest{Path: full, Watch: w != nil}).Append(dst)
	}
}

func plainRecord(full, dst []byte) []byte { return (&wire.PathRequest{Path: full}).Append(dst) }

// Get returns the data of a znode: nil when it was created without any.
func (c *Client) Get(ctx context.Context, path string) ([]byte, Stat, error) {
	return c.get(ctx, path, nil)
}

func (c *Client) get(ctx context.Context, path string, w *watchIntent) ([]byte, Stat, error) {
	var res wire.DataResponse
	err := c.pathCall(ctx, "get", path, wire.OpGetData, w, watchRecord(w), res.Decode)
	return res.Data, res.Stat, err
}

// Exists returns the Stat of a znode and whether there is one.
func (c *Client) Exists(ctx context.Context, path string) (Stat, bool, error) {
	return c.exists(ctx, path, nil)
}

func (c *Client) exists(ctx context.Context, path string, w *watchIntent) (Stat, bool, error) {
	var stat Stat
	err := c.pathCall(ctx, "exists", path, wire.OpExists, w, watchRecord(w), stat.Decode)
	if errors.Is(err, ErrNoNode) {
		return Stat{}, false, nil
	}
	return stat, err == nil, err
}

// Set replaces the data of a znode if its version is the given one.
func (c *Client) Set(ctx context.Context, path string, data []byte, version int32) (Stat, error) {
	var stat Stat
	err := c.pathCall(ctx, "set", path, wire.OpSetData, nil, func(full, dst []byte) []byte {
		return (&wire.SetDataRequest{Path: full, Data: data, Version: version}).Append(dst)
	}, stat.Decode)
	return stat, err
}

// Delete removes a znode without children if its version is the given one.
func (c *Client) Delete(ctx context.Context, path string, version int32) error {
	return c.pathCall(ctx, "delete", path, wire.OpDelete, nil, func(full, dst []byte) []byte {
		return (&wire.PathVersionRequest{Path: full, Version: version}).Append(dst)
	}, nil)
}

// Children returns the names of a znode's children, sorted.
func (c *Client) Children(ctx context.Context, path string) ([]string, error) {
	names, _, err := c.children(ctx, path, nil)
	return names, err
}

// Children2 is Children and the Stat of the znode.
func (c *Client) Children2(ctx context.Context, path string) ([]string, Stat, error) {
	return c.children(ctx, path, nil)
}

func (c *Client) children(ctx context.Context, path string, w *watchIntent) ([]string, Stat, error) {
	var res wire.StringsResponse
	err := c.pathCall(ctx, "children", path, wire.OpGetChildren2, w, watchRecord(w), res.DecodeStat)
	if err != nil {
		return nil, Stat{}, err
	}
	return sorted(res.Names), res.Stat, nil
}

// GetEphemerals returns the ephemeral znodes of this session whose paths start
// with prefix, which may be empty or end anywhere in a name.
func (c *Client) GetEphemerals(ctx context.Context, prefix string) ([]string, error) {
	if prefix == "/" {
		prefix = ""
	}
	req := c.newRequest(wire.OpGetEphemerals)
	req.frame = plainRecord([]byte(c.opt.Chroot+prefix), req.frame)
	var res wire.StringsResponse
	if err := c.call(ctx, req, res.Decode); err != nil {
		return nil, &OpError{"getEphemerals", prefix, err}
	}
	paths := sorted(res.Names)
	inside := paths[:0]
	for _, p := range paths {
		if stripped := c.stripped(p); c.opt.Chroot == "" || stripped != p {
			inside = append(inside, stripped)
		}
	}
	return inside, nil
}

// GetAllChildrenNumber returns how many znodes are below path.
func (c *Client) GetAllChildrenNumber(ctx context.Context, path string) (int, error) {
	var res wire.IntResponse
	err := c.pathCall(ctx, "getAllChildrenNumber", path, wire.OpGetAllChildrenNumber, nil, plainRecord, res.Decode)
	return int(res.Value), err
}

// Sync makes the reads behind it see everything that was committed before it.
func (c *Client) Sync(ctx context.Context, path string) error {
	return c.pathCall(ctx, "sync", path, wire.OpSync, nil, plainRecord, nil)
}

// GetConfig returns the configuration of the ensemble, whatever the chroot.
func (c *Client) GetConfig(ctx context.Context) ([]byte, Stat, error) {
	const path = "/zookeeper/config"
	req := c.newRequest(wire.OpGetData)
	req.frame = watchRecord(nil)([]byte(path), req.frame)
	var res wire.DataResponse
	if err := c.call(ctx, req, res.Decode); err != nil {
		return nil, Stat{}, &OpError{"config", path, err}
	}
	return res.Data, res.Stat, nil
}
