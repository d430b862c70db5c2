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
	segmentVersion = 1
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
	cluster    [16]byte
	generation uint64
	floor      uint64    // segments of a lower generation are void (Rebase)
	base       zxid.Zxid // the record before the first one
	chain      uint64    // the chain at base
}

func (h header) encode() []byte {
	b := make([]byte, segmentHeader)
	copy(b, segmentMagic)
	binary.LittleEndian.PutUint32(b[8:], segmentVersion)
	copy(b[16:], h.cluster[:])
	binary.LittleEndian.PutUint64(b[32:], h.generation)
	binary.LittleEndian.PutUint64(b[40:], h.floor)
	binary.LittleEndian.PutUint64(b[48:], uint64(h.base))
	binary.LittleEndian.PutUint64(b[56:], h.chain)
	binary.LittleEndian.PutUint32(b[64:], crc32.Checksum(b[:64], castagnoli))
	return b
}

func readHeader(f vfs.File) (header, error) {
	b := make([]byte, headerBytes)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return header{}, fmt.Errorf("%w: %d bytes: %w", errHeader, n, err)
	}
	if string(b[:8]) != segmentMagic || crc32.Checksum(b[:64], castagnoli) != binary.LittleEndian.Uint32(b[64:]) {
		return header{}, errHeader
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != segmentVersion {
		return header{}, fmt.Errorf("%w: format %d, this program reads %d", errHeader, v, segmentVersion)
	}
	h := header{
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

// noteFrame extends the index.
func (s *segment) noteFrame(first zxid.Zxid, off int64) {
	if n := len(s.index); n == 0 || off-s.index[n-1].off >= indexEvery {
		s.index = append(s.index, mark{first, off})
	}
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
	return &cursor{w: window{f: s.f, limit: end}, off: from, generation: s.generation}
}

// walk calls fn for the records behind after that the cursor finds, until fn
// wants no more. Records alias a buffer and are valid during the call.
func (s *segment) walk(c *cursor, after zxid.Zxid, fn func(record.Record) (bool, error)) error {
	last := after
	for {
		b, at, err := c.next()
		for err == nil && len(b) > 0 {
			var r record.Record
			if r, err = record.Decode(b); err != nil {
				break
			}
			b, at = b[len(r.Raw):], at+int64(len(r.Raw))
			if r.Zxid <= after {
				continue
			}
			more, err := fn(r)
			if err != nil || !more {
				return err
			}
			last = r.Zxid
		}
		if errors.Is(err, errFrame) || errors.Is(err, record.ErrCorrupt) || errors.Is(err, record.ErrShort) {
			return &CorruptError{File: s.name, Offset: at, After: last, Reason: err.Error()}
		}
		if err != nil {
			return fmt.Errorf("wal: read %s at byte %d: %w", s.name, at, err)
		}
		if b == nil {
			return nil
		}
	}
}
