package wire

import (
	"bytes"
	"strconv"
)

// The operations that ZooKeeper does not have. A ZooKeeper answers an unknown
// number with ErrUnimplemented and closes, so a client asks for PathExtensions
// first. docs/extensions.md has the records.
const (
	OpLinearizable    OpCode = 2000 // a read inside, answered behind everything committed before it
	OpListPage        OpCode = 2001
	OpDeleteRecursive OpCode = 2002 // alone or in a multi
	OpCreateParents   OpCode = 2003 // alone or in a multi
	OpCheckNotExists  OpCode = 2004 // in a multi only
	OpCheckCzxid      OpCode = 2005 // in a multi only
	OpSetReplyLimit   OpCode = 2006
)

// The codes that answer them and that ZooKeeper does not have.
const (
	ErrReplyTooLarge     ErrorCode = -2001 // a read whose reply is above the client's limit
	ErrLimitExceeded     ErrorCode = -2002 // more nodes than the limit allows; nothing was done
	ErrNodeReplaced      ErrorCode = -2003 // the node is not the one with that czxid
	ErrDoneReplyTooLarge ErrorCode = -2004 // a write that was carried out, with a reply above the limit
)

// PathExtensions is where a client reads which extensions a server has. It is in
// no list of children and counts nowhere; its czxid is 0, which no node of that
// name in a ZooKeeper can have.
const PathExtensions = "/zookeeper/extensions"

const extensionFirst, extensionCount = OpLinearizable, 7

func (o OpCode) extensionInfo() opInfo {
	switch o {
	case OpLinearizable:
		return opInfo{"linearizable", ClassSync}
	case OpListPage:
		return opInfo{"listPage", ClassRead}
	case OpDeleteRecursive:
		return opInfo{"deleteRecursive", ClassWrite}
	case OpCreateParents:
		return opInfo{"createParents", ClassWrite}
	case OpCheckNotExists:
		return opInfo{"checkNotExists", ClassUnknown}
	case OpCheckCzxid:
		return opInfo{"checkCzxid", ClassUnknown}
	case OpSetReplyLimit:
		return opInfo{"setReplyLimit", ClassConnection}
	}
	return opInfo{"", ClassUnknown}
}

// Extensions is a set of extension operations.
type Extensions uint32

// ExtensionsOf returns the set of the given operations, of which those that
// ZooKeeper has are left out.
func ExtensionsOf(ops ...OpCode) Extensions {
	var e Extensions
	for _, op := range ops {
		if i := op - extensionFirst; i >= 0 && i < 32 {
			e |= 1 << i
		}
	}
	return e
}

// Has reports whether e has everything in want.
func (e Extensions) Has(want Extensions) bool { return e&want == want }

// AppendExtensions appends the data of PathExtensions: a line for every
// extension, its name and, where it is an operation, its number.
func AppendExtensions(dst []byte) []byte {
	for op := extensionFirst; op < extensionFirst+extensionCount; op++ {
		dst = append(append(dst, op.String()...), ' ')
		dst = append(strconv.AppendInt(dst, int64(op), 10), '\n')
	}
	return append(dst, "sequence64\n"...)
}

// ParseExtensions reads the data of PathExtensions. Lines that it does not know
// are of a newer server.
func ParseExtensions(text []byte) Extensions {
	var e Extensions
	for line := range bytes.Lines(text) {
		_, number, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		if op, err := strconv.ParseInt(string(number), 10, 32); err == nil {
			e |= ExtensionsOf(OpCode(op))
		}
	}
	return e
}

// Names returns the names of the operations in e that this program knows.
func (e Extensions) Names() []string {
	names := []string{}
	for op := extensionFirst; op < extensionFirst+extensionCount; op++ {
		if e.Has(ExtensionsOf(op)) {
			names = append(names, op.String())
		}
	}
	return names
}
