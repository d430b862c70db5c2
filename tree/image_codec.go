package tree

import (
	"encoding/binary"
	"errors"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// ErrCorrupt is wrapped by every failure to restore an image.
var ErrCorrupt = errors.New("tree: corrupt image")

// An image is a stream of records: one byte kind, a 32-bit length, the payload,
// all little endian. The header comes first, then the ACLs, the sessions, the
// nodes in any order, and the end.
const (
	recordHeader  = 'H'
	recordACL     = 'A'
	recordSession = 'S'
	recordNode    = 'N'
	recordEnd     = 'E'

	imageVersion      = 1
	recordPrefixBytes = 5
	headerBytes       = 1 + 8 + 8 + 8 + 4 + 8
	sessionBytes      = 8 + 4 + 4 + 8 + 16
	nodeFixedBytes    = 7*8 + 2*4 + 4 + 1 + 1 + 4
	// recordBytesMax bounds a record: a path and data, each from its own request.
	recordBytesMax = 64 << 20
)

// imageHeader says what the stream must turn out to hold.
type imageHeader struct {
	lastApplied     zxid.Zxid
	nodes, sessions uint64
	acls            uint32
	digest          uint64
}

func beginRecord(dst []byte, kind byte) ([]byte, int) {
	return append(dst, kind, 0, 0, 0, 0), len(dst)
}

func endRecord(dst []byte, start int) []byte {
	binary.LittleEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-recordPrefixBytes))
	return dst
}

func appendImageHeader(dst []byte, h imageHeader) []byte {
	dst, start := beginRecord(dst, recordHeader)
	dst = append(dst, imageVersion)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.lastApplied))
	dst = binary.LittleEndian.AppendUint64(dst, h.nodes)
	dst = binary.LittleEndian.AppendUint64(dst, h.sessions)
	dst = binary.LittleEndian.AppendUint32(dst, h.acls)
	dst = binary.LittleEndian.AppendUint64(dst, h.digest)
	return endRecord(dst, start)
}

func appendImageACL(dst []byte, a *acl) []byte {
	dst, start := beginRecord(dst, recordACL)
	dst = binary.LittleEndian.AppendUint32(dst, a.id)
	return endRecord(append(dst, a.raw...), start)
}

func appendImageSession(dst []byte, s *Session) []byte {
	dst, start := beginRecord(dst, recordSession)
	dst = binary.LittleEndian.AppendUint64(dst, s.ID)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(s.TimeoutMs))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(s.Owner))
	dst = binary.LittleEndian.AppendUint64(dst, s.Nonce)
	return endRecord(append(dst, s.Password[:]...), start)
}

func appendImageNode(dst []byte, n *znode) []byte {
	dst, start := beginRecord(dst, recordNode)
	for _, v := range [...]uint64{
		uint64(n.czxid), uint64(n.mzxid), uint64(n.pzxid()), uint64(n.ctime), uint64(n.mtime), uint64(n.created()), n.owner(),
	} {
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n.version))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n.aversion))
	dst = binary.LittleEndian.AppendUint32(dst, n.acl)
	hasData := byte(1)
	if n.data() == nil {
		hasData = 0
	}
	dst = append(dst, byte(n.kind), hasData)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(n.path())))
	return endRecord(append(append(dst, n.path()...), n.data()...), start)
}

func appendImageEnd(dst []byte, nodes uint64) []byte {
	dst, start := beginRecord(dst, recordEnd)
	return endRecord(binary.LittleEndian.AppendUint64(dst, nodes), start)
}

// decodeImageNode returns a node whose path and data are its own.
func decodeImageNode(b []byte) (*znode, bool) {
	if len(b) < nodeFixedBytes {
		return nil, false
	}
	var v [7]uint64
	for i := range v {
		v[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	n := &znode{czxid: zxid.Zxid(v[0]), mzxid: zxid.Zxid(v[1]), ctime: int64(v[3]), mtime: int64(v[4])}
	if pzxid, created, owner := zxid.Zxid(v[2]), int64(v[5]), v[6]; pzxid != n.czxid || created != 0 || owner != 0 {
		n.family = &family{pzxid: pzxid, created: created, owner: owner}
	}
	b = b[7*8:]
	n.version = int32(binary.LittleEndian.Uint32(b))
	n.aversion = int32(binary.LittleEndian.Uint32(b[4:]))
	n.acl = binary.LittleEndian.Uint32(b[8:])
	hasData := b[13]
	n.kind = nodeKind(b[12])
	pathBytes, b := binary.LittleEndian.Uint32(b[14:]), b[18:]
	if uint64(pathBytes) > uint64(len(b)) || n.kind >= kindCount || hasData > 1 || hasData == 0 && len(b) > int(pathBytes) {
		return nil, false
	}
	if pathBytes == 0 {
		return nil, false
	}
	var data []byte
	if hasData == 1 {
		data = b[pathBytes:]
	}
	setText(n, b[:pathBytes], data)
	return n, true
}
