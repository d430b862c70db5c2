// Package record defines one encoded log record. The leader encodes a record
// once; the same bytes go to followers, into every log, and to a follower that
// catches up.
//
// A record is little-endian and has no padding:
//
//	crc32c u32 | kind u8 <<24 + body length u24 | zxid u64 | chain u64 | body
//
// The CRC-32C (Castagnoli) covers everything behind itself. The chain is a
// running hash over every record since the beginning of history, so two
// histories that use one zxid for different records differ in every chain
// value from there on.
package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// HeaderSize is the length of everything in front of a record's body.
const HeaderSize = 24

// BodyMax is the longest body a record can carry.
const BodyMax = 1<<24 - 1

// Kind says what the body of a record means.
type Kind uint8

// The kinds of records; no other value decodes.
const (
	Transaction Kind = 1
	Epoch       Kind = 2
	Config      Kind = 3
)

// ErrShort reports bytes that end before the record does.
var ErrShort = errors.New("record: short")

// ErrCorrupt reports bytes that are not a record: checksum, kind or length.
var ErrCorrupt = errors.New("record: corrupt")

// Span is one element of an epoch vector: the last counter that a history
// holds of one epoch.
type Span struct {
	Epoch zxid.Epoch
	Last  uint32
}

// Record is a decoded record. Raw is the whole encoding and aliases the bytes
// it was decoded from.
type Record struct {
	Zxid  zxid.Zxid
	Kind  Kind
	Chain uint64
	Raw   []byte
}

// Body returns the record's content, aliasing Raw.
func (r Record) Body() []byte { return r.Raw[HeaderSize:] }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Begin reserves a record header at the end of dst. The caller appends the
// body and calls Finish with the length dst had before Begin.
func Begin(dst []byte) []byte {
	var header [HeaderSize]byte
	return append(dst, header[:]...)
}

// Finish fills in the header of the record that begins at dst[start:] and ends
// with dst.
func Finish(dst []byte, start int, prevChain uint64, z zxid.Zxid, k Kind) []byte {
	raw := dst[start:]
	if len(raw) < HeaderSize || len(raw) > HeaderSize+BodyMax || !k.valid() {
		// Behind the condition, so that the hot path allocates no arguments.
		assert(false, "record of %d bytes, kind %d", len(raw), k)
	}
	body := raw[HeaderSize:]
	binary.LittleEndian.PutUint32(raw[4:], uint32(k)<<24|uint32(len(body)))
	binary.LittleEndian.PutUint64(raw[8:], uint64(z))
	binary.LittleEndian.PutUint64(raw[16:], NextChain(prevChain, z, k, body))
	binary.LittleEndian.PutUint32(raw, crc32.Checksum(raw[4:], castagnoli))
	return dst
}

// Append encodes a record at the end of dst.
func Append(dst []byte, prevChain uint64, z zxid.Zxid, k Kind, body []byte) []byte {
	start := len(dst)
	return Finish(append(Begin(dst), body...), start, prevChain, z, k)
}

// NextChain returns the chain value of a record that follows one whose chain
// is prev; the chain before the first record of all is 0.
func NextChain(prev uint64, z zxid.Zxid, k Kind, body []byte) uint64 {
	h := mix(prev ^ 0x9e3779b97f4a7c15)
	h = mix(h ^ uint64(z))
	return mix(h ^ (uint64(crc32.Checksum(body, castagnoli)) | uint64(k)<<32 | uint64(len(body))<<40))
}

// mix is the finalizer of SplitMix64, a bijection, so that a difference once
// in the chain never cancels by itself.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// View returns the record in raw, which Finish has just written; it checks
// nothing.
func View(raw []byte) Record {
	return Record{
		Zxid:  zxid.Zxid(binary.LittleEndian.Uint64(raw[8:])),
		Kind:  Kind(raw[7]),
		Chain: binary.LittleEndian.Uint64(raw[16:]),
		Raw:   raw,
	}
}

// Decode returns the first record in b. It does not know the record before it
// and so leaves the chain to the caller.
func Decode(b []byte) (Record, error) {
	if len(b) < HeaderSize {
		return Record{}, fmt.Errorf("%w: %d bytes, want a header of %d", ErrShort, len(b), HeaderSize)
	}
	word := binary.LittleEndian.Uint32(b[4:])
	k, size := Kind(word>>24), HeaderSize+int(word&BodyMax)
	if !k.valid() {
		return Record{}, fmt.Errorf("%w: kind %d", ErrCorrupt, k)
	}
	if len(b) < size {
		return Record{}, fmt.Errorf("%w: %d bytes, want %d", ErrShort, len(b), size)
	}
	raw := b[:size]
	want, got := binary.LittleEndian.Uint32(raw), crc32.Checksum(raw[4:], castagnoli)
	if want != got {
		return Record{}, fmt.Errorf("%w: checksum %08x, want %08x", ErrCorrupt, got, want)
	}
	return Record{
		Zxid:  zxid.Zxid(binary.LittleEndian.Uint64(raw[8:])),
		Kind:  k,
		Chain: binary.LittleEndian.Uint64(raw[16:]),
		Raw:   raw,
	}, nil
}

// DecodeAll appends to dst every record of a concatenation. On an error the
// records in front of the bad one are still returned.
func DecodeAll(b []byte, dst []Record) ([]Record, error) {
	for at := 0; at < len(b); {
		r, err := Decode(b[at:])
		if err != nil {
			return dst, fmt.Errorf("at byte %d: %w", at, err)
		}
		dst = append(dst, r)
		at += len(r.Raw)
	}
	return dst, nil
}

func (k Kind) valid() bool { return k >= Transaction && k <= Config }

func (k Kind) String() string {
	switch k {
	case Transaction:
		return "transaction"
	case Epoch:
		return "epoch"
	case Config:
		return "config"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

func assert(cond bool, format string, args ...any) {
	if !cond {
		panic(fmt.Sprintf("record: "+format, args...))
	}
}
