package tree

import (
	"math"
	"unsafe"
)

// A node keeps its path and its data in one piece of memory, the path first: one
// allocation where there would be two, and a pointer and two lengths where there
// would be a string and a slice. The bytes of the path never change, so strings
// may share them; the bytes of the data change in overwriteData only, and nobody
// keeps a slice of them past the tree's lock.

// setText gives n a path and a copy of data; nil data is null.
func setText[P string | []byte](n *znode, path P, data []byte) {
	if len(path) == 0 || len(path)+len(data) > math.MaxInt32 {
		// Behind the condition, so that the hot path allocates no arguments.
		assert(false, "a node of %d and %d bytes", len(path), len(data))
	}
	b := make([]byte, len(path)+len(data))
	copy(b[copy(b, path):], data)
	n.text, n.pathLen, n.dataLen = unsafe.SliceData(b), uint32(len(path)), int32(len(data))
	if data == nil {
		n.dataLen = -1
	}
}

func (n *znode) path() string { return unsafe.String(n.text, n.pathLen) }

// data returns the node's data, nil for null.
func (n *znode) data() []byte {
	if n.dataLen < 0 {
		return nil
	}
	size := int(n.pathLen) + int(n.dataLen)
	return unsafe.Slice(n.text, size)[n.pathLen:size:size]
}

func (n *znode) dataBytes() int { return max(int(n.dataLen), 0) }
