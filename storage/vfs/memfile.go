package vfs

import (
	"io"
	"io/fs"
	"syscall"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// versionsMax bounds the intermediate contents kept of one unsynced sector.
const versionsMax = 4

// inode is the content of a file: as the cache shows it and as the disk has it.
type inode struct {
	dir   bool
	now   []byte
	disk  []byte
	dirty map[int64][][]byte // contents a sector had since it was last clean, the newest last
	sized bool               // the size changed since the last sync
}

// resize sets the length; what is added is zero.
func (n *inode) resize(size int64) {
	was := int64(len(n.now))
	if size == was {
		return
	}
	n.sized = true
	if size < was {
		clear(n.now[size:]) // a later extension must not show it again
		n.now = n.now[:size]
		n.touch(size, was)
		return
	}
	if size <= int64(cap(n.now)) {
		n.now = n.now[:size]
		return
	}
	grown := make([]byte, size, max(size, min(2*int64(cap(n.now)), size+1<<20)))
	copy(grown, n.now)
	n.now = grown
}

// touch notes that the bytes from..to changed.
func (n *inode) touch(from, to int64) {
	for s := from / sector; s*sector < to; s++ {
		versions := append(n.dirty[s], n.sectorOf(n.now, s))
		n.dirty[s] = versions[max(0, len(versions)-versionsMax):]
	}
}

// sectorOf returns a copy of sector s of b, filled up with zeros.
func (n *inode) sectorOf(b []byte, s int64) []byte {
	c := make([]byte, sector)
	if s*sector < int64(len(b)) {
		copy(c, b[s*sector:])
	}
	return c
}

// put writes one sector of the disk content, which must be long enough to
// begin it.
func put(disk []byte, s int64, content []byte) {
	if s*sector < int64(len(disk)) {
		copy(disk[s*sector:], content)
	}
}

func sized(b []byte, size int) []byte {
	if size <= len(b) {
		return b[:size:size]
	}
	return append(b, make([]byte, size-len(b))...)
}

type memFile struct {
	m        *Memory
	n        *inode
	name     string
	writable bool
	closed   bool
}

var _ File = (*memFile)(nil)

func (f *memFile) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

func (f *memFile) usable(op string, write bool) error {
	if f.closed {
		return f.fail(op, fs.ErrClosed)
	}
	if write && !f.writable {
		return f.fail(op, fs.ErrPermission)
	}
	return nil
}

// ReadAt implements File.
func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.usable("read", false); err != nil {
		return 0, err
	}
	if off >= int64(len(f.n.now)) {
		return 0, io.EOF
	}
	n := copy(p, f.n.now[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements File.
func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.usable("write", true); err != nil {
		return 0, err
	}
	end := off + int64(len(p))
	if err := f.grow("write", end); err != nil {
		return 0, err
	}
	copy(f.n.now[off:], p)
	f.n.touch(off, end)
	return len(p), nil
}

func (f *memFile) grow(op string, size int64) error {
	more := size - int64(len(f.n.now))
	if more <= 0 {
		return nil
	}
	if f.m.used()+more > f.m.capacity {
		return f.fail(op, syscall.ENOSPC)
	}
	f.n.resize(size)
	return nil
}

// Sync implements File.
func (f *memFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.usable("sync", false); err != nil {
		return err
	}
	n := f.n
	n.disk = sized(n.disk, len(n.now))
	for s := range n.dirty {
		put(n.disk, s, n.sectorOf(n.now, s))
	}
	clear(n.dirty)
	n.sized = false
	return nil
}

// loseDirty is what a failed fsync does: the pages count as clean, but the
// disk never got them, and no later Sync will bring them there (F53).
func (f *memFile) loseDirty() {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	clear(f.n.dirty)
}

// Truncate implements File.
func (f *memFile) Truncate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.usable("truncate", true); err != nil {
		return err
	}
	if err := f.grow("truncate", size); err != nil {
		return err
	}
	f.n.resize(size)
	return nil
}

// Preallocate implements File.
func (f *memFile) Preallocate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.usable("preallocate", true); err != nil {
		return err
	}
	return f.grow("preallocate", size)
}

// Size implements File.
func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return int64(len(f.n.now)), f.usable("size", false)
}

// Close implements File.
func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.usable("close", false); err != nil {
		return err
	}
	f.closed = true
	return nil
}
