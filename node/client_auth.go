package node

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"

	"github.com/zabkeeper/zabkeeper/node/auth"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
)

// introduceTLS gives a connection with TLS the identities of its certificate. It
// returns false when the connection is to be closed.
func (c *clientConn) introduceTLS() bool {
	t, ok := c.nc.(*tls.Conn)
	if !ok {
		return true
	}
	// The read deadline of the session's handshake bounds this one, too.
	if t.HandshakeContext(context.Background()) != nil {
		return false
	}
	state := t.ConnectionState()
	c.known.TLS = &state
	ids, err := c.n.auth.Secured(&c.known)
	if err != nil {
		c.authFailed("x509", err)
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addIdentities(ids)
	return true
}

// addIdentities adds those that the connection does not have yet. c.mu is held.
func (c *clientConn) addIdentities(ids []tree.Identity) {
	for _, id := range ids {
		if !slices.Contains(c.idList, id) && len(c.idList) < tree.IdentitiesMax {
			c.idList = append(c.idList, id)
		}
	}
	c.reader.Identities = tree.NewIdentities(c.idList)
	c.admitted = c.n.auth.Admits(c.idList)
}

func (c *clientConn) authFailed(scheme string, err error) {
	c.n.counters.authFailed.Add(1)
	c.n.log.Warn().Err(err).Str("scheme", scheme).Str("client", c.host).Msg("a client could not be authenticated")
}

// authenticate handles an auth request. It has no answer where the client is to
// try another server. c.mu is held.
func (c *clientConn) authenticate(body []byte) (code wire.ErrorCode, answered bool) {
	var p wire.AuthPacket
	r := wire.NewReader(body)
	if p.Decode(&r); !r.OK() {
		return wire.ErrMarshalling, true
	}
	ids, err := c.n.auth.Identify(string(p.Scheme), p.Auth, &c.known)
	if err != nil {
		c.authFailed(string(p.Scheme), err)
		return wire.ErrAuthFailed, !errors.Is(err, auth.ErrElsewhere)
	}
	c.addIdentities(ids)
	return wire.OK, true
}

// login handles a sasl request. Like ZooKeeper it has no answer to a request
// without a token. c.mu is held.
func (c *clientConn) login(body []byte) (token []byte, code wire.ErrorCode, answered bool) {
	var p wire.SASLToken
	r := wire.NewReader(body)
	if p.Decode(&r); !r.OK() || p.Token == nil {
		return nil, wire.ErrMarshalling, false
	}
	token, ids, err := c.n.auth.Respond(&c.saslLogin, p.Token)
	switch {
	case err != nil && c.n.auth.Requires("sasl"):
		code = wire.ErrSessionClosedRequireSASLAuth
	case err != nil:
		code = wire.ErrAuthFailed
	}
	if err != nil {
		c.authFailed("sasl", err)
	}
	c.addIdentities(ids)
	return token, code, true
}

// finalAnswer reports whether a connection ends behind a reply with this code.
func finalAnswer(code wire.ErrorCode) bool {
	return code == wire.ErrAuthFailed || code == wire.ErrSessionClosedRequireSASLAuth
}

func appendWhoAmI(dst []byte, ids []tree.Identity) []byte {
	dst = wire.AppendInt(dst, int32(len(ids)))
	for _, id := range ids {
		user := id.ID
		if id.Scheme == "digest" {
			user, _, _ = strings.Cut(user, ":")
		}
		dst = wire.AppendString(wire.AppendString(dst, id.Scheme), user)
	}
	return dst
}
