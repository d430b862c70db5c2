package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sort"
	"strconv"
	"strings"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

const (
	segmentMagic   = "ZKPRWAL\x00"
	segmentVersion = 2   // of what is begun; 1 is read, and written on
	packedVersion  = 2   // the first that has compressed frames
	segmentHeader  = 512 // one sector: it is written whole or not at all
	headerBytes    = 72
	indexEvery     = 64 << 10
	segmentPrefix  = "log."
	sparePrefix    = "spare."
)

var (
	errHeader = errors.New("segment header does not check")
	errFrame  = errors.New("frame does not check")
)

// header is the first sector of a segment.
type header struct {
	version    uint32
	cluster    [16]byte
	generation uint64
	floor      uint64    // segments of a lower generation are void (Rebase)
	base       zxid.Zxid // the record before the first one
	chain      uint64    // the chain at base
}

func (h header) encode() []byte {
	b := make([]byte, segmentHeader)
	copy(b, segmentMagic)
	binary.LittleEndian.PutUint32(b[8:], h.version)
	copy(b[16:], h.cluster[:])
	binary.LittleEndian.PutUint64(b[32:], h.generation)
	binary.LittleEndian.PutUint64(b[40:], h.floor)
	binary.LittleEndian.PutUint64(b[48:], uint64(h.base))
	binary.LittleEndian.PutUint64(b[56:], h.chain)
	binary.LittleEndian.PutUint32(b[64:], crc32.Checksum(b[:64], castagnoli))
	return b
}

// packs reports whether frames of the segment may be compressed.
func (h header) packs() bool { return h.version >= packedVersion }

func readHeader(f vfs.File) (header, error) {
	b := make([]byte, headerBytes)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return header{}, fmt.Errorf("%w: %d bytes: %w", errHeader, n, err)
	}
	if string(b[:8]) != segmentMagic || crc32.Checksum(b[:64], castagnoli) != binary.LittleEndian.Uint32(b[64:]) {
		return header{}, errHeader
	}
	version := binary.LittleEndian.Uint32(b[8:])
	if version == 0 || version > segmentVersion {
		return header{}, fmt.Errorf("%w: format %d, this program reads 1 to %d", errHeader, version, segmentVersion)
	}
	h := header{
		version:    version,
		generation: binary.LittleEndian.Uint64(b[32:]),
		floor:      binary.LittleEndian.Uint64(b[40:]),
		base:       zxid.Zxid(binary.LittleEndian.Uint64(b[48:])),
		chain:      binary.LittleEndian.Uint64(b[56:]),
	}
	copy(h.cluster[:], b[16:])
	return h, nil
}

// mark is one entry of a segment's sparse index.
type mark struct {
	first zxid.Zxid // of the frame at off
	off   int64
}

// segment is an open segment. Its writer owns it; what readers look at changes
// under Log.mu only.
type segment struct {
	header
	name    string
	f       vfs.File
	end     int64 // the end of the last frame
	index   []mark
	unnoted int64 // the sizes of the frames since the last one in the index, it included
	readers int
	dead    bool // no longer part of the log: the last reader closes it
}

func segmentName(base zxid.Zxid) string { return fmt.Sprintf("%s%016x", segmentPrefix, uint64(base)) }

// parseSegment returns the base a file name stands for.
func parseSegment(name string) (zxid.Zxid, bool) {
	hex, ok := strings.CutPrefix(name, segmentPrefix)
	if !ok || len(hex) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(hex, 16, 64)
	return zxid.Zxid(n), err == nil && segmentName(zxid.Zxid(n)) == name
}

// noteFrame extends the index. size is what a reader has to go through, header
// and records: not the place that it takes on disk, of which a compressed frame
// may need next to nothing.
func (s *segment) noteFrame(m mark, size int64) {
	if len(s.index) == 0 || s.unnoted >= indexEvery {
		s.index, s.unnoted = append(s.index, m), 0
	}
	s.unnoted += size
}

// seek returns the offset of a frame at or before the record behind after.
func (s *segment) seek(after zxid.Zxid) int64 {
	i := sort.Search(len(s.index), func(i int) bool { return s.index[i].first > after })
	if i == 0 {
		return segmentHeader
	}
	return s.index[i-1].off
}

func (s *segment) cursor(from, end int64) *cursor {
	return &cursor{w: window{f: s.f, limit: end}, segment: s.header, off: from}
}

// walk calls fn for the records behind after that the cursor finds, until fn
// wants no more. Records alias a buffer and are valid during the call.
//
// One rotten byte of a block can make a good record of another one, so that the
// count of a frame's records and their order are checked besides their sums.
func (s *segment) walk(c *cursor, after zxid.Zxid, fn func(record.Record) (bool, error)) error {
	var last zxid.Zxid // 0: not known yet
	for {
		b, count, err := c.next()
		if err == nil && b == nil {
			return nil
		}
		for ; err == nil && count > 0; count-- {
			var r record.Record
			if r, err = record.Decode(b); err != nil {
				break
			}
			if last != 0 && !r.Zxid.Follows(last) {
				err = fmt.Errorf("%w: record %v behind %v", errFrame, r.Zxid, last)
				break
			}
			b, last = b[len(r.Raw):], r.Zxid
			if r.Zxid <= after {
				continue
			}
			if more, err := fn(r); err != nil || !more {
				return err
			}
		}
		if err == nil && len(b) > 0 {
			err = fmt.Errorf("%w: %d bytes behind the last record", errFrame, len(b))
		}
		if errors.Is(err, errFrame) || errors.Is(err, record.ErrCorrupt) || errors.Is(err, record.ErrShort) {
			return &CorruptError{File: s.name, Offset: c.at, After: max(after, last), Reason: err.Error()}
		}
		if err != nil {
			return fmt.Errorf("wal: read %s at byte %d: %w", s.name, c.at, err)
		}
	}
}
