package client

import (
	"context"
	"slices"

	"github.com/zabkeeper/zabkeeper/wire"
)

// ACL grants permissions to an identity.
type ACL = wire.ACL

// ID is an identity: a scheme and a name in it.
type ID = wire.ID

// Perms is a set of permissions.
type Perms = wire.Perms

// The permissions.
const (
	PermRead   = wire.PermRead
	PermWrite  = wire.PermWrite
	PermCreate = wire.PermCreate
	PermDelete = wire.PermDelete
	PermAdmin  = wire.PermAdmin
	PermAll    = wire.PermAll
)

// OpenACL lets everyone do everything.
func OpenACL() []ACL { return []ACL{wire.WorldAnyone(PermAll)} }

// ReadACL lets everyone read.
func ReadACL() []ACL { return []ACL{wire.WorldAnyone(PermRead)} }

// CreatorACL lets the authenticated creator do everything.
func CreatorACL() []ACL { return []ACL{{Perms: PermAll, ID: ID{Scheme: "auth"}}} }

// GetACL returns the ACL of a znode.
func (c *Client) GetACL(ctx context.Context, path string) ([]ACL, Stat, error) {
	var res wire.ACLResponse
	if err := c.pathCall(ctx, "getAcl", path, wire.OpGetACL, nil, plainRecord, res.Decode); err != nil {
		return nil, Stat{}, err
	}
	return res.ACL.List(), res.Stat, nil
}

// SetACL replaces the ACL of a znode if the version of the ACL, Stat.Aversion,
// is the given one.
func (c *Client) SetACL(ctx context.Context, path string, acl []ACL, version int32) (Stat, error) {
	var stat Stat
	err := c.pathCall(ctx, "setAcl", path, wire.OpSetACL, nil, func(full, dst []byte) []byte {
		return (&wire.SetACLRequest{Path: full, ACL: wire.NewACLs(acl...), Version: version}).Append(dst)
	}, stat.Decode)
	return stat, err
}

// AddAuth authenticates the connection, and those that follow it, such as with
// scheme "digest" and "user:password". With scheme "sasl" it logs in without
// sending the password; see Options.SASL for doing so from the start.
// ErrAuthFailed leaves the session as it
// was. A server that refuses the same credentials after a reconnect ends the
// session for this client: going on without an identity would be wrong.
func (c *Client) AddAuth(ctx context.Context, scheme string, auth []byte) error {
	if scheme == schemeSASL {
		s, err := parseSASL(auth)
		if err == nil {
			err = c.addSASL(ctx, s)
		}
		if err != nil {
			return &OpError{"addAuth", scheme, err}
		}
		c.mu.Lock()
		c.logins = append(c.logins, s)
		c.mu.Unlock()
		return nil
	}
	a := credential{scheme, slices.Clone(auth)}
	req := c.newAuthRequest(a)
	req.then = func(_ []byte, err error) {
		if err == nil {
			c.auths = append(c.auths, a)
		}
	}
	if _, err := c.do(ctx, req); err != nil {
		return &OpError{"addAuth", scheme, err}
	}
	return nil
}

func (c *Client) newAuthRequest(a credential) *request {
	req := c.newRequest(wire.OpAuth)
	req.frame = (&wire.AuthPacket{Scheme: []byte(a.scheme), Auth: a.auth}).Append(req.frame)
	return req
}

// WhoAmI returns the identities of the connection.
func (c *Client) WhoAmI(ctx context.Context) ([]ID, error) {
	var res wire.WhoAmIResponse
	if err := c.call(ctx, c.newRequest(wire.OpWhoAmI), res.Decode); err != nil {
		return nil, &OpError{Op: "whoAmI", Err: err}
	}
	return res.Clients, nil
}
