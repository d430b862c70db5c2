package wire

import "strconv"

// ErrorCode is the err field of a reply. It is an error, but OK is one too: use
// Err where a nil error must mean success.
type ErrorCode int32

// The codes of ZooKeeper 3.9.
const (
	OK                              ErrorCode = 0
	ErrSystem                       ErrorCode = -1
	ErrRuntimeInconsistency         ErrorCode = -2
	ErrDataInconsistency            ErrorCode = -3
	ErrConnectionLoss               ErrorCode = -4
	ErrMarshalling                  ErrorCode = -5
	ErrUnimplemented                ErrorCode = -6
	ErrOperationTimeout             ErrorCode = -7
	ErrBadArguments                 ErrorCode = -8
	ErrUnknownSession               ErrorCode = -12
	ErrNewConfigNoQuorum            ErrorCode = -13
	ErrReconfigInProgress           ErrorCode = -14
	ErrAPI                          ErrorCode = -100
	ErrNoNode                       ErrorCode = -101
	ErrNoAuth                       ErrorCode = -102
	ErrBadVersion                   ErrorCode = -103
	ErrNoChildrenForEphemerals      ErrorCode = -108
	ErrNodeExists                   ErrorCode = -110
	ErrNotEmpty                     ErrorCode = -111
	ErrSessionExpired               ErrorCode = -112
	ErrInvalidCallback              ErrorCode = -113
	ErrInvalidACL                   ErrorCode = -114
	ErrAuthFailed                   ErrorCode = -115
	ErrSessionMoved                 ErrorCode = -118
	ErrNotReadOnly                  ErrorCode = -119
	ErrEphemeralOnLocalSession      ErrorCode = -120
	ErrNoWatcher                    ErrorCode = -121
	ErrRequestTimeout               ErrorCode = -122
	ErrReconfigDisabled             ErrorCode = -123
	ErrSessionClosedRequireSASLAuth ErrorCode = -124
	ErrQuotaExceeded                ErrorCode = -125
	ErrThrottledOp                  ErrorCode = -127
)

// ErrSessionPassword tells a server that a client offered the wrong password of
// a live session. It never travels to a client, who is told that the session
// expired.
const ErrSessionPassword ErrorCode = -1001

var errorNames = map[ErrorCode]string{
	OK: "OK", ErrSystem: "SYSTEMERROR", ErrRuntimeInconsistency: "RUNTIMEINCONSISTENCY",
	ErrDataInconsistency: "DATAINCONSISTENCY", ErrConnectionLoss: "CONNECTIONLOSS",
	ErrMarshalling: "MARSHALLINGERROR", ErrUnimplemented: "UNIMPLEMENTED",
	ErrOperationTimeout: "OPERATIONTIMEOUT", ErrBadArguments: "BADARGUMENTS",
	ErrUnknownSession: "UNKNOWNSESSION", ErrNewConfigNoQuorum: "NEWCONFIGNOQUORUM",
	ErrReconfigInProgress: "RECONFIGINPROGRESS", ErrAPI: "APIERROR", ErrNoNode: "NONODE",
	ErrNoAuth: "NOAUTH", ErrBadVersion: "BADVERSION",
	ErrNoChildrenForEphemerals: "NOCHILDRENFOREPHEMERALS", ErrNodeExists: "NODEEXISTS",
	ErrNotEmpty: "NOTEMPTY", ErrSessionExpired: "SESSIONEXPIRED",
	ErrInvalidCallback: "INVALIDCALLBACK", ErrInvalidACL: "INVALIDACL",
	ErrAuthFailed: "AUTHFAILED", ErrSessionMoved: "SESSIONMOVED", ErrNotReadOnly: "NOTREADONLY",
	ErrEphemeralOnLocalSession: "EPHEMERALONLOCALSESSION", ErrNoWatcher: "NOWATCHER",
	ErrRequestTimeout: "REQUESTTIMEOUT", ErrReconfigDisabled: "RECONFIGDISABLED",
	ErrSessionClosedRequireSASLAuth: "SESSIONCLOSEDREQUIRESASLAUTH",
	ErrQuotaExceeded:                "QUOTAEXCEEDED", ErrThrottledOp: "THROTTLEDOP",
	ErrSessionPassword: "SESSIONPASSWORD",
	ErrReplyTooLarge:   "REPLYTOOLARGE", ErrLimitExceeded: "LIMITEXCEEDED",
	ErrNodeReplaced: "NODEREPLACED", ErrDoneReplyTooLarge: "DONEREPLYTOOLARGE",
}

// Name returns ZooKeeper's name of the code.
func (e ErrorCode) Name() string {
	if name, ok := errorNames[e]; ok {
		return name
	}
	return "ERROR" + strconv.Itoa(int(e))
}

// Error returns the name and the number.
func (e ErrorCode) Error() string { return e.Name() + " (" + strconv.Itoa(int(e)) + ")" }

// Err returns nil for OK and e for everything else.
func (e ErrorCode) Err() error {
	if e == OK {
		return nil
	}
	return e
}
