package client

import (
	"context"

	"github.com/zabkeeper/zabkeeper/wire"
)

// AnyConfig lets a Reconfig go ahead whatever the present configuration is.
const AnyConfig int64 = -1

// Reconfig is a change of the ensemble's membership. Members is the whole new
// list and excludes the other two. Lines are as in /zookeeper/config:
// server.N=host:quorumPort:electionPort[:role][;[clientHost:]clientPort].
type Reconfig struct {
	Joining []string // lines of servers to add, or to put in the place of their number
	Leaving []string // numbers
	Members []string // lines
	// IfConfig is the version that the present configuration must have, which is
	// the zxid on its last line; AnyConfig for any.
	IfConfig int64
}

// Reconfig changes the membership of the ensemble and returns the text of the
// new configuration. The server decides who may do that.
func (c *Client) Reconfig(ctx context.Context, r Reconfig) (string, Stat, error) {
	req := c.newRequest(wire.OpReconfig)
	rec := wire.ReconfigRequest{Joining: commaList(r.Joining), Leaving: commaList(r.Leaving), NewMembers: commaList(r.Members), ConfigID: r.IfConfig}
	req.frame = rec.Append(req.frame)
	var res wire.DataResponse
	if err := c.call(ctx, req, res.Decode); err != nil {
		return "", Stat{}, &OpError{"reconfig", "", err}
	}
	return string(res.Data), res.Stat, nil
}

// commaList joins a list; an empty one is null, as ZooKeeper's client sends it.
func commaList(items []string) []byte {
	var b []byte
	for i, s := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, s...)
	}
	return b
}
