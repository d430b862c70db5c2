// Package sasl holds the mechanisms by which a client proves who it is, both
// sides of each, without a connection: tokens go in and come out. How tokens
// travel is the business of node and client.
//
// A Mechanism starts one Conversation for every connection that logs in. The
// conversation answers the client's tokens until it has an identity or refuses;
// after either it refuses every further token.
package sasl

import "errors"

// ErrRefused is wrapped by every refusal of a client's token.
var ErrRefused = errors.New("login refused")

// ErrServer is wrapped where the server's token is not what it has to be: the
// client must not trust it.
var ErrServer = errors.New("the server did not prove itself")

// Mechanism is one way to log in, as a server offers it.
type Mechanism interface {
	// Takes reports whether a conversation that begins with this token is one
	// of this mechanism.
	Takes(first []byte) bool
	Begin() Conversation
}

// Conversation is the server's side of one login.
type Conversation interface {
	// Respond answers a token, which it does not keep.
	Respond(token []byte) ([]byte, error)
	// Name returns who logged in, and false as long as nobody has.
	Name() (string, bool)
}

// ClientConversation is the client's side of one login.
type ClientConversation interface {
	// First is the token to begin with.
	First() ([]byte, error)
	// Respond answers the server's token. Without an answer the login is
	// complete and the server has proved itself.
	Respond(token []byte) (answer []byte, done bool, err error)
}
