package tree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// restorer builds a tree from the records of an image.
type restorer struct {
	t      *Tree
	header imageHeader
	acls   map[uint32]*acl // by the image's ids
	nodes  []*znode
	buf    []byte
	seen   byte // kind of the record before
	old    bool // the digest is not made as today
}

// Restore reads an image to its end record and returns its tree. It answers with
// ErrCorrupt when anything is missing, doubled or does not sum up to the digest.
func Restore(r io.Reader) (*Tree, error) {
	rs := restorer{t: newTree(), acls: make(map[uint32]*acl)}
	for {
		kind, payload, err := rs.readRecord(r)
		if err != nil {
			return nil, fmt.Errorf("%w: record behind %d nodes: %w", ErrCorrupt, len(rs.nodes), err)
		}
		if kind == recordEnd {
			if err := rs.finish(payload); err != nil {
				return nil, err
			}
			return rs.t, nil
		}
		if err := rs.record(kind, payload); err != nil {
			return nil, err
		}
		rs.seen = kind
	}
}

var (
	errRecordTooLong = errors.New("record is too long")
	errRecordOrder   = errors.New("record out of order")
)

// readStep bounds what is allocated ahead of the bytes that are really there.
const readStep = 1 << 16

func (rs *restorer) readRecord(r io.Reader) (byte, []byte, error) {
	var prefix [recordPrefixBytes]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(prefix[1:])
	if n > recordBytesMax {
		return 0, nil, fmt.Errorf("%w: %d bytes, at most %d", errRecordTooLong, n, recordBytesMax)
	}
	b := rs.buf[:0]
	for len(b) < int(n) {
		have := len(b)
		step := min(int(n)-have, max(readStep, have))
		if cap(b)-have < step {
			b = append(b, make([]byte, step)...)
		} else {
			b = b[:have+step]
		}
		if _, err := io.ReadFull(r, b[have:]); err != nil {
			return 0, nil, err
		}
	}
	rs.buf = b
	return prefix[0], b, nil
}

func (rs *restorer) record(kind byte, b []byte) error {
	ok := false
	switch {
	case kind == recordHeader && rs.seen == 0:
		ok = rs.readHeader(b)
	case kind == recordACL && (rs.seen == recordHeader || rs.seen == recordACL):
		ok = rs.readACL(b)
	case kind == recordSession && rs.seen != 0 && rs.seen != recordNode:
		ok = rs.readSession(b)
	case kind == recordNode && rs.seen != 0:
		ok = rs.readNode(b)
	default:
		return fmt.Errorf("%w: %w: %q behind %q", ErrCorrupt, errRecordOrder, kind, rs.seen)
	}
	if !ok {
		return fmt.Errorf("%w: bad %q record of %d bytes behind %d nodes", ErrCorrupt, kind, len(b), len(rs.nodes))
	}
	return nil
}

func (rs *restorer) readHeader(b []byte) bool {
	if len(b) != headerBytes || b[0] == 0 || b[0] > imageVersion {
		return false
	}
	rs.old = b[0] < imageVersion
	u64 := binary.LittleEndian.Uint64
	rs.header = imageHeader{
		lastApplied: zxid.Zxid(u64(b[1:])), nodes: u64(b[9:]), sessions: u64(b[17:]),
		acls: binary.LittleEndian.Uint32(b[25:]), digest: u64(b[29:]),
	}
	return true
}

// readACL gives the list an id of this tree: those of the image have gaps.
func (rs *restorer) readACL(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	id, raw := binary.LittleEndian.Uint32(b), b[4:]
	r := wire.NewReader(raw)
	r.ACLs()
	if !r.OK() || len(r.Rest()) > 0 || rs.acls[id] != nil || rs.t.acls.byRaw[string(raw)] != nil {
		return false
	}
	a := rs.t.acls.use(raw)
	a.refs = 0 // counted by the nodes
	rs.acls[id] = a
	return true
}

func (rs *restorer) readSession(b []byte) bool {
	if len(b) != sessionBytes {
		return false
	}
	s := &session{Session: Session{
		ID:        binary.LittleEndian.Uint64(b),
		TimeoutMs: int32(binary.LittleEndian.Uint32(b[8:])),
		Owner:     zxid.ServerID(binary.LittleEndian.Uint32(b[12:])),
		Nonce:     binary.LittleEndian.Uint64(b[16:]),
	}}
	copy(s.Password[:], b[24:])
	if s.ID == 0 || rs.t.sessions[s.ID] != nil {
		return false
	}
	rs.t.sessions[s.ID] = s
	rs.t.digest += s.term()
	return true
}

func (rs *restorer) readNode(b []byte) bool {
	n := rs.t.nodes.allocate()
	if !decodeImageNode(n, b) || wire.CheckPath(n.path()) != wire.OK || rs.t.nodes.find(n.path()) != nil {
		return false
	}
	a := rs.acls[n.acl]
	if a == nil {
		return false
	}
	if n.kind == kindEphemeral && rs.t.sessions[n.owner()] == nil {
		return false
	}
	a.refs++
	n.acl = a.id
	rs.nodes = append(rs.nodes, n)
	rs.t.nodes.insert(n)
	return true
}

// finish links the nodes, which came in any order, and compares the sums.
func (rs *restorer) finish(end []byte) error {
	t := rs.t
	got := imageHeader{
		nodes: uint64(len(rs.nodes)), sessions: uint64(len(t.sessions)), acls: uint32(len(t.acls.byRaw)),
		lastApplied: rs.header.lastApplied, digest: rs.header.digest,
	}
	if len(end) != 8 || binary.LittleEndian.Uint64(end) != got.nodes || got != rs.header {
		return fmt.Errorf("%w: end record or counts differ from the header: got %+v, want %+v", ErrCorrupt, got, rs.header)
	}
	for _, a := range t.acls.byID {
		if a.refs == 0 {
			return fmt.Errorf("%w: ACL %d belongs to no node", ErrCorrupt, a.id)
		}
	}
	for _, path := range [...]string{pathRoot, pathSystem, pathQuota, pathConfig} {
		if n := t.nodes.find(path); n == nil || n.kind != kindPersistent {
			return fmt.Errorf("%w: system node %s is missing", ErrCorrupt, path)
		}
	}
	var parent *znode // of the node before: siblings come one behind the other
	for _, n := range rs.nodes {
		if n.path() == pathRoot {
			continue
		}
		if p := wire.Parent(n.path()); parent == nil || parent.path() != p {
			parent = t.nodes.find(p)
		}
		if parent == nil || parent.kind == kindEphemeral {
			return fmt.Errorf("%w: %q has no parent", ErrCorrupt, n.path())
		}
		n.parent = parent
	}
	for _, n := range rs.nodes {
		t.link(n)
	}
	for _, n := range rs.nodes {
		t.quotaAttached(n)
	}
	t.dropDirtyQuotas() // the statistics are in the image
	if t.digest != rs.header.digest && !rs.old {
		return fmt.Errorf("%w: digest %x, want %x", ErrCorrupt, t.digest, rs.header.digest)
	}
	t.lastApplied = rs.header.lastApplied
	return nil
}
