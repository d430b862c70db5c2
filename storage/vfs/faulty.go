package vfs

import (
	"errors"
	"io"
)

// ErrPowerCut is for hooks that let the power fail at an operation: a Sync that
// fails with it leaves it to Memory.Crash what reached the disk.
var ErrPowerCut = errors.New("vfs: power cut")

// Op names an operation for the hook of Faulty.
type Op uint8

// The operations a Faulty asks its hook about.
const (
	OpCreate Op = iota
	OpOpen
	OpRename
	OpRemove
	OpMkdirAll
	OpList
	OpStat
	OpSyncDir
	OpLock
	OpFree
	OpRead
	OpWrite
	OpSync
	OpTruncate
	OpPreallocate
)

// Changes reports whether the operation alters what a disk holds.
func (op Op) Changes() bool {
	switch op {
	case OpOpen, OpList, OpStat, OpLock, OpFree, OpRead:
		return false
	}
	return true
}

// Faulty passes everything to Base unless Hook returns an error, which then is
// the result and nothing is done. A Sync that fails this way loses the unsynced
// data of a Memory file as the kernel does. Hook must be safe for concurrent
// use if the file system is used so.
type Faulty struct {
	Base FS
	Hook func(op Op, name string) error
}

var _ FS = Faulty{}

type faultyFile struct {
	File
	hook func(op Op, name string) error
	name string
}

func (f Faulty) file(op Op, name string, open func(string) (File, error)) (File, error) {
	if err := f.Hook(op, name); err != nil {
		return nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, hook: f.Hook, name: name}, nil
}

// Create implements FS.
func (f Faulty) Create(name string) (File, error) { return f.file(OpCreate, name, f.Base.Create) }

// Open implements FS.
func (f Faulty) Open(name string) (File, error) { return f.file(OpOpen, name, f.Base.Open) }

// OpenWrite implements FS.
func (f Faulty) OpenWrite(name string) (File, error) { return f.file(OpOpen, name, f.Base.OpenWrite) }

// Rename implements FS.
func (f Faulty) Rename(oldName, newName string) error {
	if err := f.Hook(OpRename, newName); err != nil {
		return err
	}
	return f.Base.Rename(oldName, newName)
}

// Remove implements FS.
func (f Faulty) Remove(name string) error {
	if err := f.Hook(OpRemove, name); err != nil {
		return err
	}
	return f.Base.Remove(name)
}

// MkdirAll implements FS.
func (f Faulty) MkdirAll(dir string) error {
	if err := f.Hook(OpMkdirAll, dir); err != nil {
		return err
	}
	return f.Base.MkdirAll(dir)
}

// List implements FS.
func (f Faulty) List(dir string) ([]string, error) {
	if err := f.Hook(OpList, dir); err != nil {
		return nil, err
	}
	return f.Base.List(dir)
}

// Stat implements FS.
func (f Faulty) Stat(name string) (int64, error) {
	if err := f.Hook(OpStat, name); err != nil {
		return 0, err
	}
	return f.Base.Stat(name)
}

// SyncDir implements FS.
func (f Faulty) SyncDir(dir string) error {
	if err := f.Hook(OpSyncDir, dir); err != nil {
		return err
	}
	return f.Base.SyncDir(dir)
}

// Lock implements FS.
func (f Faulty) Lock(name string) (io.Closer, error) {
	if err := f.Hook(OpLock, name); err != nil {
		return nil, err
	}
	return f.Base.Lock(name)
}

// Free implements FS.
func (f Faulty) Free(dir string) (int64, error) {
	if err := f.Hook(OpFree, dir); err != nil {
		return 0, err
	}
	return f.Base.Free(dir)
}

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.hook(OpRead, f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.hook(OpWrite, f.name); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *faultyFile) Sync() error {
	if err := f.hook(OpSync, f.name); err != nil {
		if m, ok := f.File.(*memFile); ok && !errors.Is(err, ErrPowerCut) {
			m.loseDirty()
		}
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.hook(OpTruncate, f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Preallocate(size int64) error {
	if err := f.hook(OpPreallocate, f.name); err != nil {
		return err
	}
	return f.File.Preallocate(size)
}
