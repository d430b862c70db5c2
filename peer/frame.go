package peer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"

	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// A frame is u32 length | u32 CRC-32C of the payload | payload, big-endian.
const frameHeaderSize = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frameReader cuts a stream into frames.
type frameReader struct {
	r     *bufio.Reader
	max   int
	arena []byte
}

func newFrameReader(r io.Reader, max int) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, readBufferBytes), max: max}
}

// next returns the payload of the next frame. Its memory is not used again
// unless it is given back.
func (f *frameReader) next() ([]byte, error) {
	head, err := f.r.Peek(frameHeaderSize)
	if err != nil {
		if errors.Is(err, io.EOF) && len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	n, sum := int(binary.BigEndian.Uint32(head)), binary.BigEndian.Uint32(head[4:])
	if n == 0 || n > f.max {
		return nil, fmt.Errorf("%w: frame of %d bytes, want 1 to %d", ErrTooLong, n, f.max)
	}
	if _, err := f.r.Discard(frameHeaderSize); err != nil {
		return nil, err
	}
	p, err := f.read(n)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if got := crc32.Checksum(p, castagnoli); got != sum {
		return nil, fmt.Errorf("%w: frame of %d bytes has %08x, want %08x", ErrChecksum, n, got, sum)
	}
	return p, nil
}

// read cuts short payloads from an arena. Long ones get memory as their bytes
// arrive, so a length alone costs no more than one step.
func (f *frameReader) read(n int) ([]byte, error) {
	if n <= readBufferBytes/4 {
		if cap(f.arena)-len(f.arena) < n {
			f.arena = make([]byte, 0, readBufferBytes)
		}
		at := len(f.arena)
		f.arena = f.arena[:at+n]
		p := f.arena[at : at+n : at+n]
		_, err := io.ReadFull(f.r, p)
		return p, err
	}
	p := make([]byte, 0, min(n, 1<<20))
	for {
		end := min(n, cap(p))
		have := len(p)
		p = p[:end]
		if _, err := io.ReadFull(f.r, p[have:]); err != nil || end == n {
			return p, err
		}
		p = append(make([]byte, 0, min(n, 2*cap(p))), p...)
	}
}

// giveBack makes the memory of the last payload usable again; nothing may refer
// to it.
func (f *frameReader) giveBack(p []byte) {
	if n := len(f.arena) - len(p); n >= 0 && len(p) > 0 && len(p) <= readBufferBytes/4 {
		f.arena = f.arena[:n]
	}
}

// ready reports whether a whole frame can be read without waiting.
func (f *frameReader) ready() bool {
	if f.r.Buffered() < frameHeaderSize {
		return false
	}
	head, err := f.r.Peek(frameHeaderSize)
	return err == nil && f.r.Buffered()-frameHeaderSize >= int(binary.BigEndian.Uint32(head))
}

// appendFrame wraps a short payload.
func appendFrame(dst, payload []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(payload, castagnoli))
	return append(dst, payload...)
}

// frameWriter builds one frame of messages. Long byte strings stay where they
// are: the frame is a list of pieces that goes out in one gathering write.
type frameWriter struct {
	enc  *encoder
	cuts []cut
	long int // bytes in cuts
	out  net.Buffers
}

// cut says that p stands in front of enc.b[at].
type cut struct {
	at int
	p  []byte
}

func newFrameWriter() *frameWriter {
	w := &frameWriter{enc: newEncoder(nil)}
	w.enc.long = w.cut
	w.reset()
	return w
}

func (w *frameWriter) reset() {
	if cap(w.enc.b) > encodeBufferKept {
		w.enc.b = nil
	}
	w.enc.b = append(w.enc.b[:0], make([]byte, frameHeaderSize)...)
	clear(w.cuts)
	w.cuts, w.long = w.cuts[:0], 0
}

func (w *frameWriter) add(from zxid.ServerID, m *zab.Message) { w.enc.message(from, m) }

func (w *frameWriter) cut(p []byte) {
	w.cuts = append(w.cuts, cut{len(w.enc.b), p})
	w.long += len(p)
}

// payloadBytes returns the length of what was added.
func (w *frameWriter) payloadBytes() int { return len(w.enc.b) - frameHeaderSize + w.long }

// send hands the frame, in pieces that are the receiver's to consume, to out and
// makes w empty.
func (w *frameWriter) send(out func(net.Buffers) error) error {
	w.seal()
	err := out(w.out)
	clear(w.out)
	w.reset()
	return err
}

// appendTo appends the frame to dst and makes w empty.
func (w *frameWriter) appendTo(dst []byte) []byte {
	w.seal()
	for _, p := range w.out {
		dst = append(dst, p...)
	}
	clear(w.out)
	w.reset()
	return dst
}

// seal fills in the header and puts the pieces of the frame into w.out.
func (w *frameWriter) seal() {
	b, from, sum := w.enc.b, frameHeaderSize, uint32(0)
	w.out = w.out[:0]
	at := 0
	for _, c := range w.cuts {
		sum = crc32.Update(crc32.Update(sum, castagnoli, b[from:c.at]), castagnoli, c.p)
		w.out = append(w.out, b[at:c.at], c.p)
		at, from = c.at, c.at
	}
	sum = crc32.Update(sum, castagnoli, b[from:])
	w.out = append(w.out, b[at:])
	binary.BigEndian.PutUint32(b, uint32(w.payloadBytes()))
	binary.BigEndian.PutUint32(b[4:], sum)
}
