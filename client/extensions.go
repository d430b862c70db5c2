package client

import (
	"context"
	"errors"

	"github.com/zabkeeper/zabkeeper/wire"
)

// ErrUnsupported is returned for an operation that ZooKeeper does not have when
// the client is connected to a server that does not have it either. Nothing was
// sent. See docs/extensions.md.
var ErrUnsupported = errors.New("the server does not have this extension of zabkeeper")

// Extensions is a set of operations that ZooKeeper does not have.
type Extensions = wire.Extensions

// The extensions, for Extensions.Has.
const (
	ExtLinearizable    Extensions = 1 << 0 // Client.Linearizable
	ExtListPage        Extensions = 1 << 1 // Client.ListPage without reading the whole list
	ExtDeleteRecursive Extensions = 1 << 2 // Client.DeleteRecursive
	ExtCreateParents   Extensions = 1 << 3 // CreateOptions.Parents
	ExtCheckNotExists  Extensions = 1 << 4 // Ops.CheckNotExists
	ExtCheckCzxid      Extensions = 1 << 5 // Ops.CheckCzxid
	ExtReplyLimit      Extensions = 1 << 6 // Options.ReplyBytesMax is told to the server
)

// Extensions asks the server which extensions it has; a ZooKeeper has none. The
// client does not need to be asked first: it finds out by itself for every
// connection, and sends nothing that its server does not have.
func (c *Client) Extensions(ctx context.Context) (Extensions, error) {
	req := c.newProbe()
	var set Extensions
	body, err := c.do(ctx, req)
	switch {
	case err == nil:
		set = extensionsIn(body)
	case errors.Is(err, ErrNoNode), errors.Is(err, ErrNoAuth):
		err = nil
	default:
		err = &OpError{"extensions", wire.PathExtensions, err}
	}
	return set, err
}

// newProbe reads a path that is nothing to a ZooKeeper, whatever the chroot.
func (c *Client) newProbe() *request {
	req := c.newRequest(wire.OpGetData)
	req.frame = watchRecord(nil)([]byte(wire.PathExtensions), req.frame)
	return req
}

// extensionsIn reads the answer to a probe. A znode that somebody made by that
// name in a ZooKeeper has a czxid, and says nothing.
func extensionsIn(body []byte) Extensions {
	var res wire.DataResponse
	r := wire.NewReader(body)
	if res.Decode(&r); !r.OK() || res.Stat.Czxid != 0 {
		return 0
	}
	return wire.ParseExtensions(res.Data)
}

// askExtensions sends the probe in front of the first request of a connection,
// but not of those that say who the client is: a server that wants to know that
// first hangs up on anything else. What needs an extension waits for the answer.
func (c *Client) askExtensions(dst []byte) []byte {
	if c.extensionsAsked {
		return dst
	}
	c.extensionsAsked = true
	req := c.newProbe()
	req.then = func(body []byte, err error) {
		if errors.Is(err, ErrConnectionLoss) {
			return
		}
		if errors.Is(err, ErrAuthRequired) {
			c.refuseSent(err)
			return
		}
		c.extensionsKnown = true
		if err == nil {
			c.extensions = extensionsIn(body)
		}
		if c.extensions.Has(ExtReplyLimit) {
			limit := c.newRequest(wire.OpSetReplyLimit)
			limit.frame = (&wire.ReplyLimit{Bytes: int32(c.opt.ReplyBytesMax)}).Append(limit.frame)
			c.prime = append(c.prime, c.framed(limit))
		}
		c.wakeWriter()
	}
	return c.send(dst, c.framed(req))
}

// refuseSent ends what was sent behind a probe that the server refused because it
// wants to know first who the client is: it hangs up and carries none of it out.
// The caller holds c.mu.
func (c *Client) refuseSent(err error) {
	for req := c.sent.pop(); req != nil; req = c.sent.pop() {
		c.finish(req, nil, err)
	}
}
