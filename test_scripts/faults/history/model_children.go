package history

import (
	"math/bits"
	"path"
	"strconv"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

// family is the state of a parent: which of its children are there, and how often
// that has changed.
type family struct {
	present uint64
	changes int32
}

// childrenRules are those of the children of a parent.
var childrenRules = rules{
	initial: family{},
	about: func(o *operation) bool {
		return o.kind == kindCreate || o.kind == kindDelete || o.kind == kindChildren && o.synced && o.ok()
	},
	step: func(state any, o *operation) (bool, any) {
		s := state.(family)
		if o.kind == kindChildren {
			return s.shows(o), s
		}
		next, code := s.write(o)
		return judge(o, s, next, code)
	},
}

// childBit is the bit of a child's name, "k" and a number.
func childBit(name string) (uint64, bool) {
	number, ok := strings.CutPrefix(name, "k")
	i, err := strconv.ParseUint(number, 10, 6)
	return 1 << i, ok && err == nil
}

func (s family) shows(o *operation) bool {
	var mask uint64
	for _, name := range o.got.names {
		bit, ok := childBit(name)
		if !ok {
			return false
		}
		mask |= bit
	}
	return mask == s.present && s.changes == o.got.cversion && int(o.got.children) == bits.OnesCount64(mask)
}

func (s family) write(o *operation) (family, wire.ErrorCode) {
	bit, _ := childBit(path.Base(o.path))
	switch there := s.present&bit != 0; {
	case o.kind == kindCreate && there:
		return s, wire.ErrNodeExists
	case o.kind == kindDelete && !there:
		return s, wire.ErrNoNode
	}
	return family{s.present ^ bit, s.changes + 1}, wire.OK
}
