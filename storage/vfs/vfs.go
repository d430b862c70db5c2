// Package vfs is the seam between the storage packages and the operating
// system: few operations, each with a stated durability, so that a disk which
// crashes, fills up or lies can stand in for the real one.
//
// What a caller may rely on after a power cut: file content that Sync covered,
// and names that SyncDir of their directory covered. Nothing else. A Rename is
// all or nothing. A failed Sync must never be repeated (rule W14): the second
// one may succeed although the data is gone.
package vfs

import (
	"errors"
	"io"
	"path"
)

// ErrLocked reports a lock file that another process holds.
var ErrLocked = errors.New("vfs: locked by another process")

// File is an open file. Offsets are always explicit.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes content and size durable (fdatasync where there is one).
	Sync() error
	Truncate(size int64) error
	// Preallocate reserves the space up to size and extends the file to it;
	// new bytes read as zero. It never shrinks a file.
	Preallocate(size int64) error
	Size() (int64, error)
}

// FS is a file system. Names are slash separated.
type FS interface {
	// Create opens a file for reading and writing, and empties it if it exists.
	Create(name string) (File, error)
	// Open opens an existing file for reading.
	Open(name string) (File, error)
	// OpenWrite opens an existing file for reading and writing.
	OpenWrite(name string) (File, error)
	// Rename replaces newName in one step; both are in one directory.
	Rename(oldName, newName string) error
	Remove(name string) error
	MkdirAll(dir string) error
	// List returns the names in dir, sorted.
	List(dir string) ([]string, error)
	// Stat returns a file's size; the error of an absent one is fs.ErrNotExist.
	Stat(name string) (int64, error)
	// SyncDir makes the names in dir durable.
	SyncDir(dir string) error
	// Lock takes an exclusive lock that ends with Close or with the process.
	Lock(name string) (io.Closer, error)
	// Free returns the bytes that may still be written below dir.
	Free(dir string) (int64, error)
}

// WriteFile makes name durably hold data, or leaves what was there before. It
// goes through name+".tmp", which a crash may leave behind.
func WriteFile(fsys FS, name string, data []byte) (err error) {
	tmp := name + ".tmp"
	f, err := fsys.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, fsys.Remove(tmp))
	}
	if err := fsys.Rename(tmp, name); err != nil {
		return err
	}
	return fsys.SyncDir(path.Dir(name))
}

// ReadFile returns the content of a file that the caller knows to be small; it
// refuses one longer than limit.
func ReadFile(fsys FS, name string, limit int64) (data []byte, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, errors.New("vfs: " + name + " is longer than it may be")
	}
	data = make([]byte, size)
	n, err := f.ReadAt(data, 0)
	if n == len(data) {
		err = nil
	}
	return data[:n], err
}
