package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sort"
	"sync"
	"syscall"
)

// Memory is a file system in memory that remembers what is durable. It takes
// no time, starts no goroutine and asks no clock, so a run over it repeats
// exactly. It is safe for concurrent use.
type Memory struct {
	mu       sync.Mutex
	names    map[string]*inode // what a running process sees
	durable  map[string]*inode // what a power cut leaves at least
	pending  []nameChange      // the changes between the two, in order
	locks    map[string]bool
	capacity int64
}

// nameChange is one change of a directory that no SyncDir covers yet.
type nameChange struct {
	dir     string
	from    string // the name that goes, or ""
	to      string // the name that comes, or ""
	content *inode
}

func (c nameChange) apply(names map[string]*inode) {
	if c.from != "" {
		delete(names, c.from)
	}
	if c.to != "" {
		names[c.to] = c.content
	}
}

var _ FS = (*Memory)(nil)

// NewMemory returns an empty file system without a limit.
func NewMemory() *Memory {
	root := &inode{dir: true}
	m := &Memory{
		names:    map[string]*inode{"/": root, ".": root},
		durable:  map[string]*inode{"/": root, ".": root},
		locks:    map[string]bool{},
		capacity: 1 << 40,
	}
	return m
}

// SetCapacity limits the bytes of all files together; what does not fit fails
// with ENOSPC.
func (m *Memory) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = bytes
}

func (m *Memory) change(c nameChange) {
	c.apply(m.names)
	m.pending = append(m.pending, c)
}

func (m *Memory) lookup(op, name string) (*inode, error) {
	n := m.names[name]
	if n == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

// Create implements FS.
func (m *Memory) Create(name string) (File, error) {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.lookup("create", path.Dir(name)); err != nil {
		return nil, err
	}
	n := m.names[name]
	if n == nil {
		n = &inode{dirty: map[int64][][]byte{}}
		m.change(nameChange{dir: path.Dir(name), to: name, content: n})
	}
	n.resize(0)
	return &memFile{m: m, n: n, name: name, writable: true}, nil
}

func (m *Memory) open(name string, writable bool) (File, error) {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup("open", name)
	if err != nil {
		return nil, err
	}
	return &memFile{m: m, n: n, name: name, writable: writable}, nil
}

// Open implements FS.
func (m *Memory) Open(name string) (File, error) { return m.open(name, false) }

// OpenWrite implements FS.
func (m *Memory) OpenWrite(name string) (File, error) { return m.open(name, true) }

// Rename implements FS.
func (m *Memory) Rename(oldName, newName string) error {
	oldName, newName = path.Clean(oldName), path.Clean(newName)
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup("rename", oldName)
	if err != nil {
		return err
	}
	if path.Dir(oldName) != path.Dir(newName) {
		return &fs.PathError{Op: "rename", Path: newName, Err: syscall.EXDEV}
	}
	m.change(nameChange{dir: path.Dir(newName), from: oldName, to: newName, content: n})
	return nil
}

// Remove implements FS.
func (m *Memory) Remove(name string) error {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.lookup("remove", name); err != nil {
		return err
	}
	m.change(nameChange{dir: path.Dir(name), from: name})
	return nil
}

// MkdirAll implements FS.
func (m *Memory) MkdirAll(dir string) error {
	dir = path.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	var missing []string
	for d := dir; m.names[d] == nil; d = path.Dir(d) {
		missing = append(missing, d)
	}
	for _, d := range slices.Backward(missing) {
		m.change(nameChange{dir: path.Dir(d), to: d, content: &inode{dir: true}})
	}
	return nil
}

// List implements FS.
func (m *Memory) List(dir string) ([]string, error) {
	dir = path.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.lookup("list", dir); err != nil {
		return nil, err
	}
	var found []string
	for name := range m.names {
		if path.Dir(name) == dir && name != dir {
			found = append(found, path.Base(name))
		}
	}
	sort.Strings(found)
	return found, nil
}

// Stat implements FS.
func (m *Memory) Stat(name string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup("stat", path.Clean(name))
	if err != nil {
		return 0, err
	}
	return int64(len(n.now)), nil
}

// SyncDir implements FS.
func (m *Memory) SyncDir(dir string) error {
	dir = path.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.lookup("sync", dir); err != nil {
		return err
	}
	kept := m.pending[:0]
	for _, c := range m.pending {
		if c.dir == dir {
			c.apply(m.durable)
		} else {
			kept = append(kept, c)
		}
	}
	clear(m.pending[len(kept):])
	m.pending = kept
	return nil
}

type memLock struct {
	m    *Memory
	name string
}

func (l memLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	delete(l.m.locks, l.name)
	return nil
}

// Lock implements FS.
func (m *Memory) Lock(name string) (io.Closer, error) {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.lookup("lock", path.Dir(name)); err != nil {
		return nil, err
	}
	if m.locks[name] {
		return nil, fmt.Errorf("%w: %s", ErrLocked, name)
	}
	if m.names[name] == nil {
		m.change(nameChange{dir: path.Dir(name), to: name, content: &inode{dirty: map[int64][][]byte{}}})
	}
	m.locks[name] = true
	return memLock{m, name}, nil
}

// Free implements FS.
func (m *Memory) Free(string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.capacity - m.used(), nil
}

// Used returns the bytes of all files together.
func (m *Memory) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used()
}

func (m *Memory) used() int64 {
	var sum int64
	for _, n := range m.names {
		sum += int64(len(n.now))
	}
	return sum
}

// Corrupt flips one bit of a file, as rot does: in the cache and on the disk.
func (m *Memory) Corrupt(name string, offset int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup("corrupt", path.Clean(name))
	if err != nil {
		return err
	}
	if offset < 0 || offset >= int64(len(n.now)) {
		return &fs.PathError{Op: "corrupt", Path: name, Err: io.ErrUnexpectedEOF}
	}
	n.now[offset] ^= 0x10
	if offset < int64(len(n.disk)) {
		n.disk[offset] ^= 0x10
	}
	return nil
}
