package tree

import (
	"bytes"
	"strconv"

	"github.com/zabkeeper/zabkeeper/wire"
)

// newNode is a node to be made. Its slices may alias the request.
type newNode struct {
	path   []byte // without the number of a sequential node
	data   []byte
	rawACL []byte // normalized
	flags  wire.CreateFlags
	kind   nodeKind
	ttlMs  int64
}

// place makes a node below a parent that the client may create in.
func (t *Tree) place(c *change, parent *znode, w *newNode) (*znode, wire.ErrorCode) {
	path := w.path
	if w.flags.Sequential() {
		path = appendSequence(append(t.pathScratch[:0], path...), parent.created())
		t.pathScratch = path[:0]
	}
	switch {
	case wire.CheckPath(path) != wire.OK:
		return nil, wire.ErrBadArguments
	case t.node(path) != nil:
		return nil, wire.ErrNodeExists
	case parent.kind == kindEphemeral:
		return nil, wire.ErrNoChildrenForEphemerals
	case w.kind == kindEphemeral && c.session == 0:
		return nil, wire.ErrSessionExpired
	}
	if c.settings&SettingEnforceQuota != 0 && t.exceedsQuota(string(path), 1, int64(len(w.data))) {
		return nil, wire.ErrQuotaExceeded
	}
	n := t.nodes.allocate()
	n.czxid, n.mzxid, n.ctime, n.mtime, n.kind = c.zxid, c.zxid, c.timeMs, c.timeMs, w.kind
	setText(n, path, w.data)
	switch w.kind {
	case kindEphemeral:
		n.kin().owner = c.session
	case kindTTL:
		n.kin().owner = uint64(w.ttlMs)
	default: // nobody's
	}
	n.acl = t.acls.use(w.rawACL).id
	c.note(t, undo{kind: undoCreate, node: n, created: parent.created(), pzxid: parent.pzxid()})
	t.open(parent)
	kin := parent.kin()
	kin.created++
	kin.pzxid = c.zxid
	t.seal(parent)
	t.attach(n)
	t.addEvents(c, wire.EventNodeCreated, n)
	return n, wire.OK
}

// Sequence numbers are 64 bits wide and never used again. They have ten digits,
// as in ZooKeeper, up to sequenceShortMax; behind it a letter and nineteen
// digits, which sort behind all shorter ones as names, too.
const (
	sequenceDigits     = 10
	sequenceShortMax   = 9_999_999_999
	sequenceLongLetter = 'a'
	sequenceLongDigits = 19
)

// appendSequence appends a parent's create counter to the name of a child.
func appendSequence(dst []byte, counter int64) []byte {
	width := sequenceDigits
	if counter > sequenceShortMax {
		dst, width = append(dst, sequenceLongLetter), sequenceLongDigits
	}
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], counter, 10)
	for i := len(text); i < width; i++ {
		dst = append(dst, '0')
	}
	return append(dst, text...)
}

func lastSlash(path []byte) int { return bytes.LastIndexByte(path, '/') }
