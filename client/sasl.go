package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/zabkeeper/zabkeeper/sasl"
	"github.com/zabkeeper/zabkeeper/wire"
)

// SASL is a user's name and password, for DIGEST-MD5. The password is never sent.
type SASL struct{ User, Password string }

// schemeSASL is the scheme with which AddAuth logs in.
const schemeSASL = "sasl"

// parseSASL reads user:password.
func parseSASL(auth []byte) (SASL, error) {
	user, password, ok := strings.Cut(string(auth), ":")
	if !ok || user == "" {
		return SASL{}, fmt.Errorf("%w: sasl credentials are user:password", ErrOptions)
	}
	return SASL{user, password}, nil
}

// refusesLogin tells a refusal, and a server that is not the right one, from a
// connection that broke.
func refusesLogin(err error) bool {
	return errors.Is(err, ErrAuthFailed) || errors.Is(err, ErrAuthRequired) || errors.Is(err, sasl.ErrServer)
}

// login exchanges tokens until both sides know the password of each other.
func (s *SASL) login(exchange func(token []byte) ([]byte, error)) error {
	conversation := sasl.NewDigestMD5Client(s.User, s.Password)
	token, err := conversation.First()
	for done := false; !done; {
		if err != nil {
			return err
		}
		if token, err = exchange(token); err != nil {
			return err
		}
		if token == nil {
			return fmt.Errorf("%w: the server offers no login", ErrAuthFailed)
		}
		token, done, err = conversation.Respond(token)
	}
	return err
}

// addSASL logs in on the connection there is. One that is made meanwhile begins
// anew, and the conversation fails.
func (c *Client) addSASL(ctx context.Context, s SASL) error {
	return s.login(func(token []byte) ([]byte, error) {
		req := c.newRequest(wire.OpSASL)
		req.frame = (&wire.SASLToken{Token: token}).Append(req.frame)
		var answer wire.SASLToken
		err := c.call(ctx, req, answer.Decode)
		return answer.Token, err
	})
}

// logInAgain logs in on a new connection, before anything else is sent on it. A
// refusal is final: going on without the identity would be wrong.
func (c *Client) logInAgain(conn *connection) error {
	c.mu.Lock()
	logins := append([]SASL(nil), c.logins...)
	c.mu.Unlock()
	for i := range logins {
		xid := int32(0)
		err := logins[i].login(func(token []byte) ([]byte, error) {
			xid++
			return c.saslRequest(conn, xid, token)
		})
		if err == nil {
			continue
		}
		if refusesLogin(err) {
			c.mu.Lock()
			c.final = ErrAuthFailed
			c.mu.Unlock()
		}
		return fmt.Errorf("login of %q: %w", logins[i].User, err)
	}
	return nil
}

// saslRequest is one request and its answer on a connection that has no reader
// yet.
func (c *Client) saslRequest(conn *connection, xid int32, token []byte) ([]byte, error) {
	frame := wire.RequestHeader{Xid: xid, Op: wire.OpSASL}.Append(wire.BeginFrame(nil))
	frame = wire.EndFrame((&wire.SASLToken{Token: token}).Append(frame), 0)
	if _, err := conn.nc.Write(frame); err != nil {
		return nil, err
	}
	body, err := readFrame(conn.in, c.opt.ReplyBytesMax)
	if err != nil {
		return nil, err
	}
	var h wire.ReplyHeader
	var answer wire.SASLToken
	r := wire.NewReader(body)
	if h.Decode(&r); r.OK() && h.Err != wire.OK {
		return nil, h.Err
	}
	if answer.Decode(&r); !r.OK() || h.Xid != xid {
		return nil, fmt.Errorf("%w: answer of %d bytes to a sasl request", ErrProtocol, len(body))
	}
	return answer.Token, nil
}
