package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

const sectorBytes = 512

// scanner reads a log from its beginning and judges its end.
type scanner struct {
	clean bool

	first, last zxid.Zxid
	chain       uint64
	spans       []record.Span
	recs        []record.Record // reused
	blocks      unpacker
	committed   zxid.Zxid

	sealed bool      // the last frame is a seal
	doubt  bool      // the end of the newest segment was not known to be durable
	torn   *TornTail // the newest segment was cut
}

// stop is the place where a segment's valid frames end, and why.
type stop struct {
	off    int64
	reason string
	length int64 // of the records, if the frame's header is valid; else -1
}

func (sc *scanner) all(segs []*segment) error {
	if len(segs) == 0 {
		return nil
	}
	sc.last, sc.chain = segs[0].base, segs[0].header.chain
	if sc.last != 0 {
		sc.spans = record.ExtendSpans(nil, sc.last)
	}
	for i, s := range segs {
		size, err := s.f.Size()
		if err != nil {
			return err
		}
		w := &window{f: s.f, limit: size}
		proven, st, err := sc.frames(s, w)
		if err != nil {
			return fmt.Errorf("wal: read %s: %w", s.name, err)
		}
		if i < len(segs)-1 {
			if next := segs[i+1]; next.base != sc.last || next.header.chain != sc.chain {
				return &CorruptError{s.name, st.off, sc.last, fmt.Sprintf(
					"%s; the next segment goes on behind %v", st.reason, next.base)}
			}
			continue
		}
		if err := sc.judge(s, w, st); err != nil {
			return err
		}
		if sc.sealed {
			s.end -= frameHeader // Open writes it again: it may be in the cache only
		}
		sc.doubt = sc.torn != nil || s.end > max(proven, segmentHeader)
	}
	return nil
}

// frames takes the valid frames of a segment in order. proven is the offset
// that they say was durable.
func (sc *scanner) frames(s *segment, w *window) (proven int64, st stop, err error) {
	off := int64(segmentHeader)
	sc.sealed = false
	for {
		s.end = off
		if w.limit-off < frameHeader {
			return proven, stop{off, "the file ends", -1}, nil
		}
		b, err := w.at(off, frameHeader)
		if err != nil {
			return 0, stop{}, err
		}
		h, ok := getFrame(b, off, s.header)
		if !ok {
			return proven, stop{off, "no valid frame header", -1}, nil
		}
		if h.length > w.limit-off-frameHeader {
			return proven, stop{off, "the frame is longer than the file", w.limit - off - frameHeader}, nil
		}
		body, err := w.at(off+frameHeader, int(h.length))
		if err != nil {
			return 0, stop{}, err
		}
		if h.packed {
			if body, err = sc.blocks.unpack(body); err != nil {
				return proven, stop{off, err.Error(), h.length}, nil
			}
		}
		if err := sc.take(body, h.count); err != nil {
			return proven, stop{off, err.Error(), h.length}, nil
		}
		if !h.seal() {
			s.noteFrame(mark{sc.recs[0].Zxid, off}, int64(frameHeader+len(body)))
		}
		proven, sc.sealed = max(proven, h.durable), h.seal()
		sc.committed = max(sc.committed, h.committed)
		off += frameHeader + h.length
	}
}

// take adds the records of one frame to the history, all or none.
func (sc *scanner) take(body []byte, count uint32) error {
	recs, err := record.DecodeAll(body, sc.recs[:0])
	sc.recs = recs
	if err != nil {
		return err
	}
	if uint32(len(recs)) != count {
		return fmt.Errorf("%d records, want %d", len(recs), count)
	}
	last, chain := sc.last, sc.chain
	for _, r := range recs {
		if !r.Zxid.Follows(last) {
			return fmt.Errorf("record %v behind %v", r.Zxid, last)
		}
		if chain = record.NextChain(chain, r.Zxid, r.Kind, r.Body()); chain != r.Chain {
			return fmt.Errorf("record %v has chain %016x, want %016x", r.Zxid, r.Chain, chain)
		}
		last = r.Zxid
	}
	for _, r := range recs {
		if sc.first == 0 {
			sc.first = r.Zxid
		}
		sc.spans = record.ExtendSpans(sc.spans, r.Zxid)
	}
	sc.last, sc.chain = last, chain
	return nil
}

// judge tells the end of the newest segment: the plain end, a torn tail, or
// corruption (F54).
func (sc *scanner) judge(s *segment, w *window, st stop) error {
	remains, durable, err := search(w, st.off, s.header)
	if err != nil {
		return fmt.Errorf("wal: read %s: %w", s.name, err)
	}
	if durable > st.off {
		return &CorruptError{s.name, st.off, sc.last, fmt.Sprintf(
			"%s, and a later frame says that %d bytes were durable", st.reason, durable)}
	}
	if remains {
		sc.torn = &TornTail{File: s.name, Offset: st.off, After: sc.last, Reason: st.reason}
		if sc.torn.Doubtful, err = full(w, st); err != nil {
			return fmt.Errorf("wal: read %s: %w", s.name, err)
		}
	}
	if sc.clean && (!sc.sealed || remains) {
		return &CorruptError{s.name, st.off, sc.last, st.reason + ", although the shutdown was clean"}
	}
	return nil
}

// search looks from off on for frames of the segment's generation, valid or not,
// and for the greatest offset that valid ones call durable.
func search(w *window, off int64, s header) (remains bool, durable int64, err error) {
	var needle [12]byte
	binary.LittleEndian.PutUint32(needle[:], frameMagic)
	binary.LittleEndian.PutUint64(needle[4:], s.generation)
	for off < w.limit {
		b, err := w.at(off, int(min(windowSize, w.limit-off)))
		if err != nil {
			return false, 0, err
		}
		i := hit(b, needle)
		if i < 0 {
			if off+int64(len(b)) == w.limit {
				break
			}
			off += int64(len(b)) - frameHeader
			continue
		}
		off += int64(i)
		remains = true
		if w.limit-off >= frameHeader {
			if b, err = w.at(off, frameHeader); err != nil {
				return false, 0, err
			}
			if h, ok := getFrame(b, off, s); ok {
				durable = max(durable, h.durable)
			}
		}
		off++
	}
	return remains, durable, nil
}

// hit finds a frame header by its magic and its generation, which the checksum
// stands between.
func hit(b []byte, needle [12]byte) int {
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], needle[:4])
		if i < 0 {
			return -1
		}
		at += i
		if len(b)-at >= 16 && bytes.Equal(b[at+8:at+16], needle[4:]) {
			return at
		}
	}
}

// full reports whether the frame at the stop has no sector that reads as never
// written.
func full(w *window, st stop) (bool, error) {
	if st.length < 0 {
		return false, nil
	}
	var zeros [sectorBytes]byte
	end := st.off + frameHeader + st.length
	for at := (st.off + sectorBytes - 1) / sectorBytes * sectorBytes; at < end; at += sectorBytes {
		n := int(min(sectorBytes, w.limit-at))
		b, err := w.at(at, n)
		if errors.Is(err, io.ErrUnexpectedEOF) || (err == nil && bytes.Equal(b, zeros[:n])) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}
