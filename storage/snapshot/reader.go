package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/zabkeeper/zabkeeper/storage/vfs"
)

// Reader reads the body of a snapshot and verifies as it goes: io.EOF is only
// returned when the whole file was good.
type Reader struct {
	header  Header
	blocks  blockReader
	decoder io.Reader
	body    int64
	bodySum uint32
	err     error
}

// Open opens a finished snapshot.
func Open(fsys vfs.FS, dir, name string) (*Reader, error) {
	return open(fsys, path.Join(dir, name), name)
}

func open(fsys vfs.FS, file, name string) (*Reader, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	r := &Reader{blocks: blockReader{f: f, name: path.Base(file)}}
	version, err := r.begin(name)
	if err == nil {
		r.decoder, err = newDecoder(&r.blocks, version)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// newDecoder returns what undoes the compression of that version, in no more
// memory than a window takes.
func newDecoder(blocks io.Reader, version uint32) (io.Reader, error) {
	if version == versionZstd {
		d, err := zstd.NewReader(blocks, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(32<<20))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return s2.NewReader(blocks, s2.ReaderMaxBlockSize(windowBytes), s2.ReaderAllocBlock(blockBytes)), nil
}

// begin reads the header and returns the version of what is behind it.
func (r *Reader) begin(name string) (uint32, error) {
	b := &r.blocks
	var err error
	if b.size, err = b.f.Size(); err != nil {
		return 0, err
	}
	prefix, err := b.take(prefixBytes)
	if err != nil {
		return 0, err
	}
	n := headerSize(prefix)
	if n == 0 {
		return 0, corrupt(b.name, 0, "no snapshot header of formats %d to %d", versionZstd, version)
	}
	b.off = 0
	whole, err := b.take(n)
	if err != nil {
		return 0, err
	}
	h, ok := decodeHeader(whole)
	if !ok {
		return 0, corrupt(b.name, 0, "the header does not check")
	}
	if Name(h.Zxid) != name {
		return 0, fmt.Errorf("%w: %s holds the snapshot of %v", ErrForeign, name, h.Zxid)
	}
	r.header = h
	return versionOf(whole), nil
}

// Header returns what the snapshot says of itself.
func (r *Reader) Header() Header { return r.header }

// Read reads from the body.
func (r *Reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.decoder.Read(p)
	r.body += int64(n)
	r.bodySum = crc32.Update(r.bodySum, castagnoli, p[:n])
	switch {
	case errors.Is(err, io.EOF):
		err = r.finish()
	case err != nil && r.blocks.err != nil:
		err = r.blocks.err // what the decoder makes of it says less
	case err != nil:
		err = corrupt(r.blocks.name, r.blocks.off, "%v", err)
	}
	r.err = err
	return n, err
}

// finish compares what was read with the trailer.
func (r *Reader) finish() error {
	b := &r.blocks
	if b.err == nil {
		// The decoder may stop before it asks for what is behind the stream.
		if n, err := b.Read(make([]byte, 1)); n > 0 || err == nil {
			return corrupt(b.name, b.off, "content behind the stream")
		}
	}
	if !errors.Is(b.err, io.EOF) {
		return b.err
	}
	t := b.trailer
	if t.body != r.body || t.bodySum != r.bodySum {
		return corrupt(b.name, b.off, "the body has %d bytes, checksum %08x, want %d, %08x",
			r.body, r.bodySum, t.body, t.bodySum)
	}
	return io.EOF
}

// Close ends reading.
func (r *Reader) Close() error {
	if d, ok := r.decoder.(io.Closer); ok {
		_ = d.Close()
	}
	if r.err == nil {
		r.err = io.ErrClosedPipe
	}
	return r.blocks.f.Close()
}

// Verify reads a snapshot to its end.
func Verify(fsys vfs.FS, dir, name string) error {
	_, err := verify(fsys, path.Join(dir, name), name, nil)
	return err
}

func verify(fsys vfs.FS, file, name string, pace func()) (size int64, err error) {
	r, err := open(fsys, file, name)
	if err != nil {
		return 0, err
	}
	for buf := make([]byte, blockBytes); err == nil; {
		if _, err = r.Read(buf); err == nil && pace != nil {
			pace()
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return r.blocks.size, errors.Join(err, r.Close())
}

// blockReader gives the compressed stream after checking each block of it.
type blockReader struct {
	f       vfs.File
	name    string
	size    int64
	off     int64
	count   uint32
	buf     []byte
	rest    []byte // of the present block
	trailer trailer
	err     error
}

// take reads the next n bytes, valid until the next call.
func (b *blockReader) take(n int) ([]byte, error) {
	if int64(n) > b.size-b.off {
		return nil, corrupt(b.name, b.off, "the file ends at byte %d, want %d more", b.size, n)
	}
	if cap(b.buf) < n {
		b.buf = make([]byte, n)
	}
	b.buf = b.buf[:n]
	if got, err := b.f.ReadAt(b.buf, b.off); got < n {
		return nil, fmt.Errorf("snapshot: read %s at byte %d: %w", b.name, b.off, err)
	}
	b.off += int64(n)
	return b.buf, nil
}

func (b *blockReader) Read(p []byte) (int, error) {
	if b.err == nil && len(b.rest) == 0 {
		b.rest, b.err = b.next()
	}
	if b.err != nil {
		return 0, b.err
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// next returns the next block, io.EOF behind a good trailer.
func (b *blockReader) next() ([]byte, error) {
	at := b.off
	head, err := b.take(blockHeader)
	if err != nil {
		return nil, err
	}
	n, sum := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:])
	if n == 0 {
		b.off = at
		whole, err := b.take(trailerBytes)
		if err != nil {
			return nil, err
		}
		t, ok := decodeTrailer(whole)
		if !ok || t.blocks != b.count || t.file != b.size || b.off != b.size {
			return nil, corrupt(b.name, at, "the trailer does not check")
		}
		b.trailer = t
		return nil, io.EOF
	}
	if n > blockMax {
		return nil, corrupt(b.name, at, "a block of %d bytes, at most %d", n, blockMax)
	}
	content, err := b.take(int(n))
	if err != nil {
		return nil, err
	}
	if got := blockSum(b.count, content); got != sum {
		return nil, corrupt(b.name, at, "block %d has checksum %08x, want %08x", b.count, got, sum)
	}
	b.count++
	return content, nil
}
