package history

import "github.com/zabkeeper/zabkeeper/wire"

// register is the state of one znode.
type register struct {
	present bool
	version int32
	value   string
}

// registerRules are those of one znode: create, set, compare-and-set, delete and
// synced reads.
var registerRules = rules{
	initial: register{},
	about: func(o *operation) bool {
		switch o.kind {
		case kindCreate, kindSet, kindDelete:
			return true
		case kindGet, kindExists:
			return o.synced && (o.ok() || o.absent())
		}
		return false
	},
	step: func(state any, o *operation) (bool, any) {
		s := state.(register)
		if !o.kind.writes() {
			return s.shows(o), s
		}
		next, code := s.write(o)
		if o.ok() && o.kind == kindSet && next.version != o.got.version {
			return false, s
		}
		return judge(o, s, next, code)
	},
}

// shows reports whether a read can be of this state.
func (s register) shows(o *operation) bool {
	if !o.ok() {
		return !s.present
	}
	return s.present && s.version == o.got.version && (o.kind == kindExists || s.value == o.got.value)
}

// write returns the state behind a write and how it is answered.
func (s register) write(o *operation) (register, wire.ErrorCode) {
	switch {
	case o.kind == kindCreate && s.present:
		return s, wire.ErrNodeExists
	case o.kind == kindCreate:
		return register{true, 0, o.value}, wire.OK
	case !s.present:
		return s, wire.ErrNoNode
	case o.version != anyVersion && o.version != s.version:
		return s, wire.ErrBadVersion
	case o.kind == kindDelete:
		return register{}, wire.OK
	}
	return register{true, s.version + 1, o.value}, wire.OK
}
