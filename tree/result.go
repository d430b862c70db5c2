package tree

import (
	"github.com/zabkeeper/zabkeeper/wire"
)

// OpResult is the outcome of one operation.
type OpResult struct {
	Type  wire.OpCode // in a multi: the type of its result
	Err   wire.ErrorCode
	Path  string    // of create, setData, setACL
	Stat  wire.Stat // likewise
	Count int32     // nodes deleted by deleteRecursive, parents made by createParents
}

// Result is the outcome of a transaction. A caller keeps one and hands it to
// every Apply.
type Result struct {
	OpResult
	Op          Op
	Session     Session    // of session transactions that succeeded; otherwise its ID alone
	Multi       []OpResult // of a multi that could be decoded
	MultiFailed bool       // nothing of the multi was applied
	Config      []byte     // of setConfig: the new text
}

func (r *Result) reset(op Op, session uint64) {
	*r = Result{Op: op, Multi: r.Multi[:0], Session: Session{ID: session}}
}

func (r *Result) setSession(s *session) { r.Session = s.Session }

// HeaderErr returns the code for the reply's header. A multi whose operations
// failed answers OK there; see §12 of the protocol. ErrSessionExpired and
// ErrSessionMoved are not for the client: its connection is closed instead.
func (r *Result) HeaderErr() wire.ErrorCode { return r.Err }

// Failed reports whether the transaction changed nothing because it was refused.
func (r *Result) Failed() bool { return r.Err != wire.OK || r.MultiFailed }

// AppendReply appends the body that follows the reply header for the client's
// operation op; nothing when the header carries an error.
func (r *Result) AppendReply(dst []byte, op wire.OpCode) []byte {
	if r.Err != wire.OK {
		return dst
	}
	switch op {
	case wire.OpCreate:
		return wire.AppendString(dst, r.Path)
	case wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL:
		return r.Stat.Append(wire.AppendString(dst, r.Path))
	case wire.OpSetData, wire.OpSetACL:
		return r.Stat.Append(dst)
	case wire.OpReconfig:
		return r.Stat.Append(wire.AppendBuffer(dst, r.Config))
	case wire.OpMulti:
		for i := range r.Multi {
			dst = r.Multi[i].appendMulti(dst)
		}
		return wire.AppendMultiEnd(dst)
	}
	return r.appendExtension(dst, op)
}

func (r *OpResult) appendExtension(dst []byte, op wire.OpCode) []byte {
	switch op {
	case wire.OpDeleteRecursive:
		return wire.AppendInt(dst, r.Count)
	case wire.OpCreateParents:
		return wire.AppendInt(r.Stat.Append(wire.AppendString(dst, r.Path)), r.Count)
	}
	return dst
}

func (r *OpResult) appendMulti(dst []byte) []byte {
	if r.Type == wire.OpError {
		return wire.AppendMultiError(dst, r.Err)
	}
	dst = wire.AppendMultiResult(dst, r.Type)
	switch r.Type {
	case wire.OpCreate:
		return wire.AppendString(dst, r.Path)
	case wire.OpCreate2:
		return r.Stat.Append(wire.AppendString(dst, r.Path))
	case wire.OpSetData:
		return r.Stat.Append(dst)
	}
	return r.appendExtension(dst, r.Type)
}
