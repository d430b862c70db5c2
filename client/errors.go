package client

import (
	"errors"

	"github.com/zabkeeper/zabkeeper/wire"
)

// The errors a server answers, and two of them that the client makes itself:
// ErrConnectionLoss when the outcome of a request is unknown, ErrSessionExpired
// when the session is gone for good.
const (
	ErrConnectionLoss          = wire.ErrConnectionLoss
	ErrMarshalling             = wire.ErrMarshalling
	ErrUnimplemented           = wire.ErrUnimplemented
	ErrOperationTimeout        = wire.ErrOperationTimeout
	ErrBadArguments            = wire.ErrBadArguments
	ErrNewConfigNoQuorum       = wire.ErrNewConfigNoQuorum
	ErrReconfigInProgress      = wire.ErrReconfigInProgress
	ErrNoNode                  = wire.ErrNoNode
	ErrNoAuth                  = wire.ErrNoAuth
	ErrBadVersion              = wire.ErrBadVersion
	ErrNoChildrenForEphemerals = wire.ErrNoChildrenForEphemerals
	ErrNodeExists              = wire.ErrNodeExists
	ErrNotEmpty                = wire.ErrNotEmpty
	ErrSessionExpired          = wire.ErrSessionExpired
	ErrInvalidACL              = wire.ErrInvalidACL
	ErrAuthFailed              = wire.ErrAuthFailed
	ErrNotReadOnly             = wire.ErrNotReadOnly
	ErrNoWatcher               = wire.ErrNoWatcher
	ErrReconfigDisabled        = wire.ErrReconfigDisabled
	ErrQuotaExceeded           = wire.ErrQuotaExceeded
	ErrThrottledOp             = wire.ErrThrottledOp
	// ErrAuthRequired: the server serves authenticated clients only.
	ErrAuthRequired = wire.ErrSessionClosedRequireSASLAuth
)

// The errors of extensions that ZooKeeper does not have.
const (
	ErrReplyTooLarge     = wire.ErrReplyTooLarge     // of a read: the answer is above Options.ReplyBytesMax
	ErrDoneReplyTooLarge = wire.ErrDoneReplyTooLarge // of a write that was carried out, likewise
	ErrLimitExceeded     = wire.ErrLimitExceeded     // more znodes than the limit; nothing was done
	ErrNodeReplaced      = wire.ErrNodeReplaced      // the znode was created by another transaction
)

var (
	// ErrClosed is returned by every call after Close.
	ErrClosed = errors.New("client is closed")
	// ErrTooLarge refuses a request that a server would close the connection for.
	ErrTooLarge = errors.New("request is larger than a server accepts")
	// ErrProtocol reports bytes that are not the answer they should be.
	ErrProtocol = errors.New("server broke the protocol")
	// ErrOptions reports unusable Options or an unusable connect string.
	ErrOptions = errors.New("bad client options")
)

// errPath is an ErrBadArguments that says what is wrong.
var errPath error = pathError{}

type pathError struct{}

func (pathError) Error() string { return "not a valid name of a node" }
func (pathError) Unwrap() error { return ErrBadArguments }

// OpError says which operation on which path failed.
type OpError struct {
	Op   string
	Path string
	Err  error
}

// Error returns the operation, the path and what happened.
func (e *OpError) Error() string {
	s := e.Op
	if e.Path != "" {
		s += " " + e.Path
	}
	return s + ": " + Describe(e.Err)
}

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// Describe words an error for people; the codes of the protocol get a phrase.
func Describe(err error) string {
	var code wire.ErrorCode
	if errors.As(err, &code) && err.Error() == code.Error() && phrases[code] != "" {
		return phrases[code]
	}
	return err.Error()
}

var phrases = map[wire.ErrorCode]string{
	wire.ErrRuntimeInconsistency:    "not done because another operation of the multi failed",
	wire.ErrConnectionLoss:          "connection lost, the outcome is unknown",
	wire.ErrMarshalling:             "malformed request or reply",
	wire.ErrUnimplemented:           "not supported by the server",
	wire.ErrOperationTimeout:        "timed out",
	wire.ErrBadArguments:            "invalid arguments",
	wire.ErrNewConfigNoQuorum:       "the new configuration has no quorum of connected servers",
	wire.ErrReconfigInProgress:      "another reconfiguration is in progress",
	wire.ErrNoNode:                  "node does not exist",
	wire.ErrNoAuth:                  "permission denied",
	wire.ErrBadVersion:              "version does not match",
	wire.ErrNoChildrenForEphemerals: "ephemeral nodes cannot have children",
	wire.ErrNodeExists:              "node already exists",
	wire.ErrNotEmpty:                "node has children",
	wire.ErrSessionExpired:          "session expired",
	wire.ErrInvalidACL:              "invalid ACL",
	wire.ErrAuthFailed:              "authentication failed",
	wire.ErrSessionMoved:            "session moved to another server",
	wire.ErrNotReadOnly:             "server is read-only",
	wire.ErrEphemeralOnLocalSession: "ephemeral nodes need a global session",
	wire.ErrNoWatcher:               "no such watch",
	wire.ErrReconfigDisabled:        "reconfiguration is disabled",
	wire.ErrQuotaExceeded:           "quota exceeded",
	wire.ErrThrottledOp:             "server is overloaded",
	wire.ErrReplyTooLarge:           "the answer is longer than this client takes",
	wire.ErrDoneReplyTooLarge:       "done, but the answer is longer than this client takes",
	wire.ErrLimitExceeded:           "more nodes than the limit, nothing was done",
	wire.ErrNodeReplaced:            "node was created anew",

	wire.ErrSessionClosedRequireSASLAuth: "the server serves authenticated clients only",
}
