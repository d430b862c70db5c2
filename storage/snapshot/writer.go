package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path"

	"github.com/klauspost/compress/s2"
	"github.com/zabkeeper/zabkeeper/storage/vfs"
)

// windowBytes is how much is compressed at once.
const windowBytes = 256 << 10

// Writer writes a snapshot. It ends with Commit or Abort.
type Writer struct {
	fs      vfs.FS
	dir     string
	name    string
	temp    string
	blocks  blockWriter
	encoder *s2.Writer
	header  Header
	body    int64
	bodySum uint32
	err     error // the first one; everything later repeats it
	// Pace, where it is set, is called between pieces of the work that Commit
	// does, so that the caller can rest.
	Pace func()
}

// Create begins the snapshot of h.Zxid in dir.
func Create(fsys vfs.FS, dir string, h Header) (*Writer, error) {
	encoded, err := h.encode()
	if err != nil {
		return nil, err
	}
	name := Name(h.Zxid)
	w := &Writer{fs: fsys, dir: dir, name: name, temp: path.Join(dir, name+tempSuffix), header: h}
	f, err := fsys.Create(w.temp)
	if err != nil {
		return nil, fmt.Errorf("snapshot: create: %w", err)
	}
	w.blocks = blockWriter{f: f}
	// S2, because the processor is what writes and reads want as well: a third of
	// the time of zstd at its fastest.
	w.encoder = s2.NewWriter(&w.blocks, s2.WriterConcurrency(1), s2.WriterBlockSize(windowBytes))
	if err := w.blocks.put(encoded); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

// Write adds to the body.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.encoder.Write(p)
	w.body += int64(n)
	w.bodySum = crc32.Update(w.bodySum, castagnoli, p[:n])
	w.err = err
	return n, err
}

// Commit finishes the file, reads it back and gives it its name, durably. When
// it fails, no trace is left.
func (w *Writer) Commit() (Info, error) {
	if w.err == nil {
		w.err = w.finish()
	}
	if w.err != nil {
		return Info{}, errors.Join(fmt.Errorf("snapshot: write %s: %w", w.name, w.err), w.Abort())
	}
	f := w.blocks.f
	w.blocks.f = nil
	if err := f.Close(); err != nil {
		return Info{}, errors.Join(err, w.fs.Remove(w.temp))
	}
	return install(w.fs, w.dir, w.temp, w.name, w.Pace)
}

func (w *Writer) finish() error {
	if err := w.encoder.Close(); err != nil {
		return err
	}
	b := &w.blocks
	if err := b.flush(); err != nil {
		return err
	}
	t := trailer{b.count, b.off + trailerBytes, w.body, w.bodySum}
	if err := b.put(t.encode()); err != nil {
		return err
	}
	return b.f.Sync()
}

// Abort removes what was written. After Commit it does nothing.
func (w *Writer) Abort() error {
	if w.blocks.f == nil {
		return nil
	}
	err := errors.Join(w.blocks.f.Close(), w.fs.Remove(w.temp))
	w.blocks.f = nil
	if w.err == nil {
		w.err = errors.New("snapshot: aborted")
	}
	return err
}

// install verifies a synced temporary file and gives it its name.
func install(fsys vfs.FS, dir, temp, name string, pace func()) (Info, error) {
	z, _ := parseName(name)
	size, err := verify(fsys, temp, name, pace)
	if err != nil {
		return Info{}, errors.Join(err, fsys.Remove(temp))
	}
	err = fsys.Rename(temp, path.Join(dir, name))
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	if err != nil {
		return Info{}, fmt.Errorf("snapshot: install %s: %w", name, err)
	}
	return Info{Name: name, Zxid: z, Bytes: size}, nil
}

// blockWriter cuts the compressed stream into checksummed blocks.
type blockWriter struct {
	f      vfs.File
	off    int64
	synced int64 // up to here
	count  uint32
	buf    []byte // a block's header and content
}

// syncEvery is how much of a file is left to sync at the most. A disk does not
// finish a sync of the log before what was given to it earlier: a whole snapshot
// synced at its end would keep every write waiting.
const syncEvery = 1 << 20

func (b *blockWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		if len(b.buf) == 0 {
			b.buf = append(b.buf, make([]byte, blockHeader)...)
		}
		n := min(len(p), blockHeader+blockBytes-len(b.buf))
		b.buf = append(b.buf, p[:n]...)
		p = p[n:]
		if len(b.buf) == blockHeader+blockBytes {
			if err := b.flush(); err != nil {
				return 0, err
			}
		}
	}
	return written, nil
}

func (b *blockWriter) flush() error {
	if len(b.buf) == 0 {
		return nil
	}
	content := b.buf[blockHeader:]
	binary.LittleEndian.PutUint32(b.buf, uint32(len(content)))
	binary.LittleEndian.PutUint32(b.buf[4:], blockSum(b.count, content))
	err := b.put(b.buf)
	b.buf = b.buf[:0]
	b.count++
	return err
}

func (b *blockWriter) put(p []byte) error {
	_, err := b.f.WriteAt(p, b.off)
	b.off += int64(len(p))
	if err == nil && b.off-b.synced >= syncEvery {
		err = b.f.Sync()
		b.synced = b.off
	}
	return err
}
