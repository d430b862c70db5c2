package datadir

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

const (
	metaMagic = "ZKPRMETA"
	metaBytes = 52
	slotBytes = 4096
)

// Meta holds the numbers that must never be forgotten.
type Meta struct {
	Accepted   zxid.Epoch    // the highest epoch promised
	PromisedTo zxid.ServerID // to whom
	Boots      uint64
	Config     zxid.Zxid // the newest configuration known to be committed (C5)
	Clean      bool      // the last shutdown was clean
}

func encodeSlot(generation uint64, m Meta) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, slotBytes)
	b = append(b, metaMagic...)
	b = le.AppendUint64(b, generation)
	b = le.AppendUint32(b, uint32(m.Accepted))
	b = le.AppendUint32(b, uint32(m.PromisedTo))
	b = le.AppendUint64(b, m.Boots)
	b = le.AppendUint64(b, uint64(m.Config))
	var clean uint64
	if m.Clean {
		clean = 1
	}
	b = le.AppendUint64(b, clean)
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return b[:slotBytes]
}

func decodeSlot(b []byte) (generation uint64, m Meta, ok bool) {
	le := binary.LittleEndian
	const sum = metaBytes - 4
	if len(b) < metaBytes || string(b[:8]) != metaMagic || crc32.Checksum(b[:sum], castagnoli) != le.Uint32(b[sum:]) {
		return 0, Meta{}, false
	}
	return le.Uint64(b[8:]), Meta{
		Accepted:   zxid.Epoch(le.Uint32(b[16:])),
		PromisedTo: zxid.ServerID(le.Uint32(b[20:])),
		Boots:      le.Uint64(b[24:]),
		Config:     zxid.Zxid(le.Uint64(b[32:])),
		Clean:      le.Uint64(b[40:]) != 0,
	}, true
}

// metaFile is the open meta file.
type metaFile struct {
	f          vfs.File
	generation uint64
	next       int64 // the slot to write first: never the only good one
	now        Meta
	failed     error
}

// load reads both slots and makes the older or rotten one equal to the other.
// found is false when neither is good.
func (m *metaFile) load() (found bool, err error) {
	best := int64(-1)
	alike := true
	for slot := range int64(2) {
		b := make([]byte, metaBytes)
		if n, err := m.f.ReadAt(b, slot*slotBytes); n < len(b) && !errors.Is(err, io.EOF) {
			return false, err
		}
		generation, meta, ok := decodeSlot(b)
		alike = alike && ok && (slot == 0 || generation == m.generation)
		if ok && (best < 0 || generation > m.generation) {
			best, m.generation, m.now = slot, generation, meta
		}
	}
	if best < 0 {
		return false, nil
	}
	m.next = 1 - best
	if alike {
		return true, m.f.Sync() // what was read may be in the cache only (W10)
	}
	return true, m.write(m.now)
}

// write makes both slots hold meta. After a failure it never tries again (W14).
func (m *metaFile) write(meta Meta) error {
	if m.failed != nil {
		return m.failed
	}
	b := encodeSlot(m.generation+1, meta)
	for _, slot := range [2]int64{m.next, 1 - m.next} {
		_, err := m.f.WriteAt(b, slot*slotBytes)
		if err == nil {
			err = m.f.Sync()
		}
		if err != nil {
			m.failed = fmt.Errorf("%w: %w", ErrFailed, err)
			return m.failed
		}
	}
	m.generation++
	m.now = meta
	return nil
}

func (m *metaFile) close() error {
	if m.failed == nil {
		m.failed = errors.New("datadir: closed")
	}
	return m.f.Close()
}
