package tree

import (
	"bytes"

	"github.com/zabkeeper/zabkeeper/wire"
)

// CheckForm judges a client's write by its form alone, in ZooKeeper's order of
// checks. Apply finds no other fault in the form of an operation that passed.
func CheckForm(op wire.OpCode, body []byte, ids Identities, settings Settings) wire.ErrorCode {
	r := wire.NewReader(body)
	switch op {
	case wire.OpCreate, wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL:
		var req wire.CreateRequest
		decodeCreate(&r, op, &req)
		if code := firstCode(r.Code(), checkCreateMode(op, &req, settings), checkSlash(req.Path)); code != wire.OK {
			return code
		}
		return checkACL(req.ACL, ids, settings)
	case wire.OpDelete:
		var req wire.PathVersionRequest
		req.Decode(&r)
		return firstCode(r.Code(), checkDeletePath(req.Path))
	case wire.OpSetData:
		var req wire.SetDataRequest
		req.Decode(&r)
		return firstCode(r.Code(), wire.CheckPath(req.Path))
	case wire.OpSetACL:
		var req wire.SetACLRequest
		req.Decode(&r)
		return firstCode(r.Code(), wire.CheckPath(req.Path), checkACL(req.ACL, ids, settings))
	case wire.OpMulti:
		return checkMulti(body)
	case wire.OpDeleteRecursive:
		var req wire.DeleteRecursiveRequest
		req.Decode(&r)
		return firstCode(r.Code(), checkDeleteRecursive(&req))
	case wire.OpCreateParents:
		var req wire.CreateRequest
		decodeCreate(&r, op, &req)
		if code := firstCode(r.Code(), checkCreateParents(&req, settings)); code != wire.OK {
			return code
		}
		return checkACL(req.ACL, ids, settings)
	case wire.OpCloseSession:
		return wire.OK
	}
	return wire.ErrUnimplemented
}

func firstCode(codes ...wire.ErrorCode) wire.ErrorCode {
	for _, code := range codes {
		if code != wire.OK {
			return code
		}
	}
	return wire.OK
}

func decodeCreate(r *wire.Reader, op wire.OpCode, req *wire.CreateRequest) {
	if op == wire.OpCreateTTL || op == wire.OpCreateParents {
		req.DecodeTTL(r)
	} else {
		req.Decode(r)
	}
}

// checkCreateMode judges flags and time to live.
func checkCreateMode(op wire.OpCode, req *wire.CreateRequest, settings Settings) wire.ErrorCode {
	switch {
	case !req.Flags.Valid():
		return wire.ErrBadArguments
	case req.Flags.TTL() && settings&SettingExtendedTypes == 0:
		return wire.ErrUnimplemented
	case req.Flags.TTL() != (op == wire.OpCreateTTL):
		return wire.ErrBadArguments
	case req.Flags.TTL() && (req.TTLMs < 1 || req.TTLMs > wire.TTLMsMax):
		return wire.ErrBadArguments
	case op == wire.OpCreateContainer && req.Flags != wire.FlagPersistent && req.Flags != wire.FlagContainer:
		return wire.ErrBadArguments
	}
	return wire.OK
}

func createKind(op wire.OpCode, flags wire.CreateFlags) nodeKind {
	switch {
	case op == wire.OpCreateContainer || flags == wire.FlagContainer:
		return kindContainer
	case flags.Ephemeral():
		return kindEphemeral
	case flags.TTL():
		return kindTTL
	}
	return kindPersistent
}

// checkSlash is all that create and delete ask of a path before they look at the
// state. A path that is null is a malformed request to them, as it is to reads.
func checkSlash(path []byte) wire.ErrorCode {
	if path == nil {
		return wire.ErrMarshalling
	}
	if bytes.IndexByte(path, '/') < 0 || bytes.IndexByte(path, 0) >= 0 {
		return wire.ErrBadArguments
	}
	return wire.OK
}

func checkDeletePath(path []byte) wire.ErrorCode {
	switch string(path) {
	case pathRoot, pathSystem, pathQuota, pathConfig, wire.PathExtensions:
		return wire.ErrBadArguments
	}
	return checkSlash(path)
}

// checkMulti asks that every operation decodes, may stand in a multi and has
// flags that exist. Everything else is judged in turn, against the state that
// the operations before have made.
func checkMulti(body []byte) wire.ErrorCode {
	m := wire.NewMultiReader(body)
	for {
		op, more := m.Next()
		if !more {
			return m.Code()
		}
		var req subRequest
		if req.decode(&m.Reader, op) != wire.OK {
			return wire.ErrMarshalling
		}
	}
}

// whole reports a record that lacks bytes or has no path.
func (s *subRequest) whole(r *wire.Reader, path []byte) wire.ErrorCode {
	if path == nil {
		r.Fail()
	}
	return r.Code()
}

// subRequest is one operation of a multi; which field counts depends on op.
type subRequest struct {
	op              wire.OpCode
	create          wire.CreateRequest
	set             wire.SetDataRequest
	pathVersion     wire.PathVersionRequest
	deleteRecursive wire.DeleteRecursiveRequest
	checkCzxid      wire.CheckCzxidRequest
}

func (s *subRequest) decode(r *wire.Reader, op wire.OpCode) wire.ErrorCode {
	s.op = op
	if !wire.MultiAllowed(op) {
		return wire.ErrMarshalling
	}
	switch op {
	case wire.OpCreate, wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL, wire.OpCreateParents:
		decodeCreate(r, op, &s.create)
		if !s.create.Flags.Valid() {
			return wire.ErrMarshalling
		}
		return s.whole(r, s.create.Path)
	case wire.OpSetData:
		s.set.Decode(r)
		return s.whole(r, s.set.Path)
	case wire.OpDeleteRecursive:
		s.deleteRecursive.Decode(r)
		return s.whole(r, s.deleteRecursive.Path)
	case wire.OpCheckCzxid:
		s.checkCzxid.Decode(r)
		return s.whole(r, s.checkCzxid.Path)
	case wire.OpCheckNotExists:
		s.pathVersion.Path = r.Buffer()
		return s.whole(r, s.pathVersion.Path)
	}
	s.pathVersion.Decode(r)
	return s.whole(r, s.pathVersion.Path)
}
