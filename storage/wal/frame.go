package wal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

const (
	frameMagic  = 0x4d52465a // "ZFRM"
	frameHeader = 40
	// frameTarget is the size at which Append begins another frame, so that a
	// reader which enters in the middle of the log reads little in vain.
	frameTarget = 64 << 10
	// packedFlag in a frame's length says that the records are compressed.
	packedFlag = 1 << 31
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is a decoded frame header.
type frame struct {
	durable   int64
	committed zxid.Zxid // known to be committed when the frame was written
	length    int64     // of what follows, as it is stored
	count     uint32    // of records
	packed    bool      // what follows is a block
}

func (h frame) seal() bool { return h.length == 0 && !h.packed }

// frameSum covers the header and the place it was written to.
func frameSum(b []byte, off int64) uint32 {
	// The eight bytes of the place by hand: crc32 would have them on the heap.
	place, crc := uint64(off), ^uint32(0)
	for range 8 {
		crc = castagnoli[byte(crc)^byte(place)] ^ crc>>8
		place >>= 8
	}
	return crc32.Update(^crc, castagnoli, b[8:frameHeader])
}

// putFrame fills in the header at b[:frameHeader] of a frame written to off.
func putFrame(b []byte, off int64, generation uint64, h frame) {
	binary.LittleEndian.PutUint32(b, frameMagic)
	binary.LittleEndian.PutUint64(b[8:], generation)
	binary.LittleEndian.PutUint64(b[16:], uint64(h.durable))
	length := uint32(h.length)
	if h.packed {
		length |= packedFlag
	}
	binary.LittleEndian.PutUint32(b[24:], length)
	binary.LittleEndian.PutUint32(b[28:], h.count)
	binary.LittleEndian.PutUint64(b[32:], uint64(h.committed))
	binary.LittleEndian.PutUint32(b[4:], frameSum(b, off))
}

// getFrame decodes a frame header found at off of the segment s.
func getFrame(b []byte, off int64, s header) (frame, bool) {
	if binary.LittleEndian.Uint32(b) != frameMagic ||
		binary.LittleEndian.Uint64(b[8:]) != s.generation ||
		binary.LittleEndian.Uint32(b[4:]) != frameSum(b, off) {
		return frame{}, false
	}
	h := frame{
		durable:   int64(binary.LittleEndian.Uint64(b[16:])),
		committed: zxid.Zxid(binary.LittleEndian.Uint64(b[32:])),
		length:    int64(binary.LittleEndian.Uint32(b[24:])),
		count:     binary.LittleEndian.Uint32(b[28:]),
	}
	if s.packs() && h.length >= packedFlag {
		h.length, h.packed = h.length-packedFlag, true
	}
	return h, true
}

// window reads a file front to back through one buffer.
type window struct {
	f     vfs.File
	limit int64 // no byte from here on is read
	buf   []byte
	start int64 // file offset of buf[0]
}

const windowSize = 64 << 10

// at returns n bytes from off, valid until the next call. The caller has
// checked that they end within the limit.
func (w *window) at(off int64, n int) ([]byte, error) {
	if off < 0 || off+int64(n) > w.limit {
		// Behind the condition, so that the hot path allocates no arguments.
		assert(false, "read of %d bytes at %d beyond %d", n, off, w.limit)
	}
	if off >= w.start && off+int64(n) <= w.start+int64(len(w.buf)) {
		return w.buf[off-w.start:][:n], nil
	}
	want := int(min(int64(max(n, windowSize)), w.limit-off))
	if cap(w.buf) < want {
		w.buf = make([]byte, want)
	}
	w.buf, w.start = w.buf[:want], off
	got, err := w.f.ReadAt(w.buf, off)
	if got < want {
		w.buf = w.buf[:0]
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return w.buf[:n], nil
}

// cursor walks the frames that are already known to be whole.
type cursor struct {
	w       window
	blocks  unpacker
	segment header
	at      int64 // the frame that next returned
	off     int64 // the one behind it
}

// next returns the records of the next frame, valid until the next call, and
// how many they are; nil at the end.
func (c *cursor) next() (records []byte, count uint32, err error) {
	for c.off < c.w.limit {
		c.at = c.off
		if c.w.limit-c.at < frameHeader {
			return nil, 0, errFrame
		}
		b, err := c.w.at(c.at, frameHeader)
		if err != nil {
			return nil, 0, err
		}
		h, ok := getFrame(b, c.at, c.segment)
		if !ok || h.length > c.w.limit-c.at-frameHeader {
			return nil, 0, errFrame
		}
		c.off = c.at + frameHeader + h.length
		if h.seal() {
			continue
		}
		records, err = c.w.at(c.at+frameHeader, int(h.length))
		if err == nil && h.packed {
			records, err = c.blocks.unpack(records)
		}
		return records, h.count, err
	}
	return nil, 0, nil
}
