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

	imageVersion      = 2 // version 1 had another digest
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
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n.aversion()))
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

// decodeImageNode fills in a node that is zero. Its path and data are its own.
func decodeImageNode(n *znode, b []byte) bool {
	if len(b) < nodeFixedBytes {
		return false
	}
	var v [7]uint64
	for i := range v {
		v[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	n.czxid, n.mzxid, n.ctime, n.mtime = zxid.Zxid(v[0]), zxid.Zxid(v[1]), int64(v[3]), int64(v[4])
	b = b[7*8:]
	n.version = int32(binary.LittleEndian.Uint32(b))
	f := family{pzxid: zxid.Zxid(v[2]), created: int64(v[5]), owner: v[6], aversion: int32(binary.LittleEndian.Uint32(b[4:]))}
	if f.pzxid != n.czxid || f.created != 0 || f.owner != 0 || f.aversion != 0 {
		n.family = &f
	}
	n.acl = binary.LittleEndian.Uint32(b[8:])
	hasData := b[13]
	n.kind = nodeKind(b[12])
	pathBytes, b := binary.LittleEndian.Uint32(b[14:]), b[18:]
	if uint64(pathBytes) > uint64(len(b)) || n.kind >= kindCount || hasData > 1 || hasData == 0 && len(b) > int(pathBytes) {
		return false
	}
	if pathBytes == 0 {
		return false
	}
	var data []byte
	if hasData == 1 {
		data = b[pathBytes:]
	}
	setText(n, b[:pathBytes], data)
	return true
}
