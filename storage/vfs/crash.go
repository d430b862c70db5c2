package vfs

import (
	"maps"
	"math/rand/v2"
	"path"
	"slices"
)

// Crash returns what a power cut leaves of m: everything that Sync and SyncDir
// covered, and of the rest what rng decides: each unsynced sector as it was on
// the disk, as it is now, or as it was in between; each unsynced change of a
// name done or undone. The locks are gone. m itself stays as it is.
func (m *Memory) Crash(rng *rand.Rand) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := NewMemory()
	after.capacity = m.capacity
	survived := maps.Clone(m.durable)
	for _, c := range m.pending {
		if rng.IntN(2) == 0 {
			c.apply(survived)
		}
	}
	// One inode may have two names here (a rename half undone); it is one file.
	copies := map[*inode]*inode{}
	for _, name := range slices.Sorted(maps.Keys(survived)) {
		if name != path.Dir(name) && after.names[path.Dir(name)] == nil {
			continue // its directory is gone
		}
		n := survived[name]
		if copies[n] == nil {
			copies[n] = n.crash(rng)
		}
		after.names[name], after.durable[name] = copies[n], copies[n]
	}
	return after
}

// Kill is what remains when the process dies and the machine goes on: the locks
// are gone, and everything written is still in the cache, durable or not.
func (m *Memory) Kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.locks)
}

func (n *inode) crash(rng *rand.Rand) *inode {
	if n.dir {
		return &inode{dir: true}
	}
	size := len(n.disk)
	if n.sized && rng.IntN(2) == 0 {
		size = len(n.now)
	}
	disk := sized(slices.Clone(n.disk), size)
	for _, s := range slices.Sorted(maps.Keys(n.dirty)) {
		versions := n.dirty[s]
		if pick := rng.IntN(2 * len(versions)); pick < len(versions) {
			put(disk, s, versions[pick])
		}
	}
	return &inode{now: slices.Clone(disk), disk: disk, dirty: map[int64][][]byte{}}
}
