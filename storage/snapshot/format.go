package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

const (
	magic        = "ZKPRSNAP"
	version      = 2
	versionZstd  = 1        // the same with a stream of zstd; read, and not written any more
	prefixBytes  = 16       // magic, version, length
	fixedBytes   = 40       // of the header behind the prefix
	headerMax    = 16 << 20 // with spans and meta
	blockBytes   = 256 << 10
	blockMax     = 1 << 20
	blockHeader  = 8
	trailerBytes = 32
	namePrefix   = "snapshot."
	tempSuffix   = ".tmp"
)

var (
	// ErrCorrupt: the file is damaged or was never finished.
	ErrCorrupt = errors.New("snapshot: corrupt")
	// ErrForeign: the snapshot is of another cluster or another zxid than asked.
	ErrForeign = errors.New("snapshot: not the expected one")
	// ErrOffset: received bytes do not go on where the last ones ended.
	ErrOffset = errors.New("snapshot: wrong offset")
	// ErrTooLarge: spans and meta do not fit into a header.
	ErrTooLarge = errors.New("snapshot: header too large")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header says which state a snapshot holds.
type Header struct {
	ClusterID [16]byte
	Zxid      zxid.Zxid // the last record in it
	Chain     uint64    // the chain at Zxid
	Spans     []record.Span
	Meta      []byte // free for the caller, such as the configuration
}

// Info describes a finished file.
type Info struct {
	Name  string
	Zxid  zxid.Zxid
	Bytes int64
}

// Name returns the file name of the snapshot of z.
func Name(z zxid.Zxid) string { return fmt.Sprintf("%s%016x", namePrefix, uint64(z)) }

func parseName(name string) (zxid.Zxid, bool) {
	hex, ok := strings.CutPrefix(name, namePrefix)
	if !ok || len(hex) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(hex, 16, 64)
	return zxid.Zxid(n), err == nil && Name(zxid.Zxid(n)) == name
}

func corrupt(file string, off int64, format string, args ...any) error {
	return fmt.Errorf("%w: %s at byte %d: %s; an older snapshot or a leader's can replace it",
		ErrCorrupt, file, off, fmt.Sprintf(format, args...))
}

func (h Header) encode() ([]byte, error) {
	size := prefixBytes + fixedBytes + 8*len(h.Spans) + len(h.Meta) + 4
	if size > headerMax {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, size, headerMax)
	}
	b := make([]byte, 0, size)
	le := binary.LittleEndian
	b = append(b, magic...)
	b = le.AppendUint32(b, version)
	b = le.AppendUint32(b, uint32(size))
	b = append(b, h.ClusterID[:]...)
	b = le.AppendUint64(b, uint64(h.Zxid))
	b = le.AppendUint64(b, h.Chain)
	b = le.AppendUint32(b, uint32(len(h.Spans)))
	b = le.AppendUint32(b, uint32(len(h.Meta)))
	for _, s := range h.Spans {
		b = le.AppendUint32(b, uint32(s.Epoch))
		b = le.AppendUint32(b, s.Last)
	}
	b = append(b, h.Meta...)
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

// headerSize reads the prefix; 0 if it is not one.
func headerSize(b []byte) int {
	le := binary.LittleEndian
	if len(b) < prefixBytes || string(b[:8]) != magic || versionOf(b) != version && versionOf(b) != versionZstd {
		return 0
	}
	if n := le.Uint32(b[12:]); n >= prefixBytes+fixedBytes+4 && n <= headerMax {
		return int(n)
	}
	return 0
}

// versionOf returns the version that a prefix names.
func versionOf(b []byte) uint32 { return binary.LittleEndian.Uint32(b[8:]) }

// decodeHeader decodes a whole header of headerSize bytes.
func decodeHeader(b []byte) (Header, bool) {
	le := binary.LittleEndian
	sum := len(b) - 4
	if crc32.Checksum(b[:sum], castagnoli) != le.Uint32(b[sum:]) {
		return Header{}, false
	}
	b = b[prefixBytes:sum]
	h := Header{Zxid: zxid.Zxid(le.Uint64(b[16:])), Chain: le.Uint64(b[24:])}
	copy(h.ClusterID[:], b)
	spans, meta := uint64(le.Uint32(b[32:])), uint64(le.Uint32(b[36:]))
	b = b[fixedBytes:]
	if 8*spans+meta != uint64(len(b)) {
		return Header{}, false
	}
	h.Spans = make([]record.Span, spans)
	for i := range h.Spans {
		h.Spans[i] = record.Span{Epoch: zxid.Epoch(le.Uint32(b[8*i:])), Last: le.Uint32(b[8*i+4:])}
	}
	h.Meta = append([]byte(nil), b[8*spans:]...)
	return h, true
}

// trailer ends a file.
type trailer struct {
	blocks  uint32
	file    int64
	body    int64
	bodySum uint32
}

func (t trailer) encode() []byte {
	le := binary.LittleEndian
	b := make([]byte, 4, trailerBytes)
	b = le.AppendUint32(b, t.blocks)
	b = le.AppendUint64(b, uint64(t.file))
	b = le.AppendUint64(b, uint64(t.body))
	b = le.AppendUint32(b, t.bodySum)
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeTrailer(b []byte) (trailer, bool) {
	le := binary.LittleEndian
	return trailer{
		blocks:  le.Uint32(b[4:]),
		file:    int64(le.Uint64(b[8:])),
		body:    int64(le.Uint64(b[16:])),
		bodySum: le.Uint32(b[24:]),
	}, le.Uint32(b) == 0 && le.Uint32(b[28:]) == crc32.Checksum(b[:28], castagnoli)
}

// blockSum covers a block's place among the blocks and its bytes.
func blockSum(number uint32, b []byte) uint32 {
	var n [4]byte
	binary.LittleEndian.PutUint32(n[:], number)
	return crc32.Update(crc32.Checksum(n[:], castagnoli), castagnoli, b)
}
