package tree

import "github.com/zabkeeper/zabkeeper/wire"

// LocalSessionBit is set in the ids of sessions that began on one server, without
// a transaction, and in no other: a global session's id is a zxid, and epochs end
// before they would set it.
const LocalSessionBit uint64 = 1 << 63

// IsLocalSession reports whether the session with this id began as a local one.
// The tree knows it only if it has become global.
func IsLocalSession(id uint64) bool { return id&LocalSessionBit != 0 }

// checkLocalOwner judges a write from a session that was local when its client
// asked. Such a session never moves: one server has it, on one connection at a
// time, and the writes of a server keep their order. So there is no late write
// from an earlier owner to keep out, and a session that the table has not is
// right. One that the table has became global meanwhile, and could have moved.
func checkLocalOwner(id uint64, s *session) wire.ErrorCode {
	switch {
	case !IsLocalSession(id):
		return wire.ErrSessionExpired
	case s != nil:
		return wire.ErrSessionMoved
	}
	return wire.OK
}

// CreatesEphemeral reports whether a client's write asks for an ephemeral node, on
// its own or inside a multi.
func CreatesEphemeral(op wire.OpCode, body []byte) bool {
	switch op {
	case wire.OpCreate, wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL, wire.OpCreateParents:
		var req wire.CreateRequest
		r := wire.NewReader(body)
		decodeCreate(&r, op, &req)
		return r.OK() && req.Flags.Ephemeral()
	case wire.OpMulti:
		m := wire.NewMultiReader(body)
		var req subRequest
		for op, more := m.Next(); more; op, more = m.Next() {
			if req.decode(&m.Reader, op) != wire.OK {
				return false
			}
			switch op {
			case wire.OpCreate, wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL, wire.OpCreateParents:
				if req.create.Flags.Ephemeral() {
					return true
				}
			default:
			}
		}
	}
	return false
}
