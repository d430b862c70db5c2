package wal

import (
	"fmt"

	"github.com/klauspost/compress/s2"
)

// packLeast is the length from which on records are worth compressing: a disk
// writes a sector at least.
const packLeast = sectorBytes

// packer compresses the records of frames. Its buffer serves every frame.
type packer struct{ buf []byte }

// pack returns the block that stands for records, valid until the next call, or
// nil where they are better stored as they are. A frame longer than frameTarget
// is one record, and stays as it is: nobody who unpacks needs more room.
func (p *packer) pack(records []byte) []byte {
	if len(records) <= packLeast || len(records) > frameTarget {
		return nil
	}
	if p.buf == nil {
		p.buf = make([]byte, s2.MaxEncodedLen(frameTarget))
	}
	block := s2.Encode(p.buf, records)
	if saved := len(records) - len(block); saved*8 < len(records) {
		return nil
	}
	return block
}

// unpacker is the other way. Its buffer is made for the first block.
type unpacker struct{ buf []byte }

// unpack returns the records in a block, valid until the next call. The block's
// own word on its length is not believed beyond frameTarget.
func (u *unpacker) unpack(block []byte) ([]byte, error) {
	n, err := s2.DecodedLen(block)
	if err != nil {
		return nil, fmt.Errorf("%w: compressed records: %w", errFrame, err)
	}
	if n == 0 || n > frameTarget {
		return nil, fmt.Errorf("%w: compressed records of %d bytes, want 1 to %d", errFrame, n, frameTarget)
	}
	if u.buf == nil {
		u.buf = make([]byte, frameTarget)
	}
	records, err := s2.Decode(u.buf, block)
	if err != nil {
		return nil, fmt.Errorf("%w: compressed records: %w", errFrame, err)
	}
	return records, nil
}
