package tree

import (
	"slices"

	"github.com/zabkeeper/zabkeeper/wire"
)

// WatchKind says which table a one-shot watch goes to.
type WatchKind uint8

// The kinds of one-shot watches.
const (
	WatchNone  WatchKind = iota
	WatchData            // getData, exists
	WatchChild           // getChildren
)

// watchMode is a bit set: the modes of one client on one path live side by side.
type watchMode uint8

const (
	modeOneShot watchMode = 1 << iota
	modePersistent
	modeRecursive
	modeAll  = modeOneShot | modePersistent | modeRecursive
	modeBits = 3
)

// watchEntry is a WatcherID above its modes: eight bytes a watch.
type watchEntry uint64

func (e watchEntry) id() WatcherID   { return WatcherID(e >> modeBits) }
func (e watchEntry) mode() watchMode { return watchMode(e) & modeAll }

// pathWatches are the watches on one path in one table, sorted by watcher.
type pathWatches struct {
	path    string
	entries []watchEntry
}

func (p *pathWatches) find(id WatcherID) (int, bool) {
	return slices.BinarySearchFunc(p.entries, id, func(e watchEntry, id WatcherID) int {
		switch {
		case e.id() < id:
			return -1
		case e.id() > id:
			return 1
		}
		return 0
	})
}

// watchTable is the data or the child table with its reverse index.
type watchTable struct {
	paths    map[string]*pathWatches
	watchers map[WatcherID]*watcherPaths
	total    int
}

// watcherPaths lists where a watcher is. Fired one-shot watches leave stale
// elements behind, which are swept when they outnumber the live ones.
type watcherPaths struct {
	list []*pathWatches
	live int
}

const sweepSlack = 16

func newWatchTable() watchTable {
	return watchTable{paths: make(map[string]*pathWatches), watchers: make(map[WatcherID]*watcherPaths)}
}

// add returns the modes that are new.
func (t *watchTable) add(id WatcherID, path []byte, mode watchMode) watchMode {
	assert(id < 1<<(64-modeBits), "a watcher id is too large")
	p := t.paths[string(path)]
	if p == nil {
		p = &pathWatches{path: string(path)}
		t.paths[p.path] = p
	}
	i, found := p.find(id)
	if found {
		added := mode &^ p.entries[i].mode()
		p.entries[i] |= watchEntry(mode)
		return added
	}
	p.entries = slices.Insert(p.entries, i, watchEntry(id)<<modeBits|watchEntry(mode))
	t.total++
	w := t.watchers[id]
	if w == nil {
		w = &watcherPaths{}
		t.watchers[id] = w
	}
	if len(w.list) > 2*w.live+sweepSlack {
		w.sweep(id)
	}
	w.list = append(w.list, p)
	w.live++
	return mode
}

// sweep drops stale elements, and all but one of those that stand for a path
// that was watched, fired and watched again.
func (w *watcherPaths) sweep(id WatcherID) {
	seen := make(map[*pathWatches]struct{}, w.live)
	w.list = slices.DeleteFunc(w.list, func(p *pathWatches) bool {
		_, dup := seen[p]
		seen[p] = struct{}{}
		_, found := p.find(id)
		return dup || !found
	})
}

// forget notes that a watcher's entry on some path is gone.
func (t *watchTable) forget(id WatcherID) {
	t.total--
	w := t.watchers[id]
	w.live--
	if w.live == 0 {
		delete(t.watchers, id)
	}
}

// drop takes modes away from a watcher's entry and returns those it had.
func (t *watchTable) drop(id WatcherID, p *pathWatches, mode watchMode) watchMode {
	i, found := p.find(id)
	if !found {
		return 0
	}
	had := p.entries[i].mode() & mode
	p.entries[i] &^= watchEntry(mode)
	if p.entries[i].mode() == 0 {
		p.entries = slices.Delete(p.entries, i, i+1)
		t.forget(id)
		t.dropEmpty(p)
	}
	return had
}

func (t *watchTable) dropEmpty(p *pathWatches) {
	if len(p.entries) == 0 {
		delete(t.paths, p.path)
	}
}

// take appends the watchers of path to ids and uses up their one-shot watches.
func (t *watchTable) take(path string, ids []WatcherID) []WatcherID {
	p := t.paths[path]
	if p == nil {
		return ids
	}
	kept := p.entries[:0]
	for _, e := range p.entries {
		ids = append(ids, e.id())
		if e &^= watchEntry(modeOneShot); e.mode() != 0 {
			kept = append(kept, e)
		} else {
			t.forget(e.id())
		}
	}
	p.entries = kept
	t.dropEmpty(p)
	return ids
}

// remove forgets a watcher and returns how many recursive watches it had.
func (t *watchTable) remove(id WatcherID) (recursive int) {
	w := t.watchers[id]
	if w == nil {
		return 0
	}
	for _, p := range w.list {
		if t.drop(id, p, modeAll)&modeRecursive != 0 {
			recursive++
		}
	}
	return recursive
}

// WatchRegistry holds the watches of one server's connections. It is no part of
// the replicated state.
type WatchRegistry struct {
	data, child watchTable
	recursive   int // recursive watches: without any, no ancestor is looked up
	scratch     []WatcherID
}

// NewWatchRegistry returns an empty registry.
func NewWatchRegistry() *WatchRegistry {
	return &WatchRegistry{data: newWatchTable(), child: newWatchTable()}
}

func (r *WatchRegistry) empty() bool { return r.data.total == 0 && r.child.total == 0 }

// Add registers a one-shot watch that Read asked for.
func (r *WatchRegistry) Add(id WatcherID, kind WatchKind, path []byte) {
	switch kind {
	case WatchData:
		r.data.add(id, path, modeOneShot)
	case WatchChild:
		r.child.add(id, path, modeOneShot)
	}
}

// AddPersistent registers what addWatch asks for.
func (r *WatchRegistry) AddPersistent(id WatcherID, mode wire.AddWatchMode, path []byte) {
	if mode == wire.WatchPersistent {
		r.data.add(id, path, modePersistent)
		r.child.add(id, path, modePersistent)
	} else if r.data.add(id, path, modeRecursive) != 0 {
		r.recursive++
	}
}

// RemoveWatcher forgets a connection.
func (r *WatchRegistry) RemoveWatcher(id WatcherID) {
	r.recursive -= r.data.remove(id)
	r.child.remove(id)
}

// watcherModes returns what a WatcherType covers in the two tables.
func watcherModes(kind wire.WatcherType) (data, child watchMode) {
	switch kind {
	case wire.WatcherChildren:
		return 0, modeOneShot
	case wire.WatcherData:
		return modeOneShot, 0
	case wire.WatcherPersistent:
		return modePersistent, modePersistent
	case wire.WatcherPersistentRecursive:
		return modeRecursive, 0
	}
	return modeAll, modeAll
}

// Has reports whether a connection has a watch of the type on exactly this path.
func (r *WatchRegistry) Has(id WatcherID, kind wire.WatcherType, path []byte) bool {
	data, child := watcherModes(kind)
	return r.data.has(id, path, data) || r.child.has(id, path, child)
}

func (t *watchTable) has(id WatcherID, path []byte, mode watchMode) bool {
	p := t.paths[string(path)]
	if p == nil {
		return false
	}
	i, found := p.find(id)
	return found && p.entries[i].mode()&mode != 0
}

// Remove takes a connection's watches of the type off exactly this path and
// reports whether there were any.
func (r *WatchRegistry) Remove(id WatcherID, kind wire.WatcherType, path []byte) bool {
	dataMode, childMode := watcherModes(kind)
	var had watchMode
	if p := r.data.paths[string(path)]; p != nil {
		had = r.data.drop(id, p, dataMode)
		if had&modeRecursive != 0 {
			r.recursive--
		}
	}
	if p := r.child.paths[string(path)]; p != nil {
		had |= r.child.drop(id, p, childMode)
	}
	return had != 0
}

// takeData collects everyone a data event at path concerns.
func (r *WatchRegistry) takeData(path string, ids []WatcherID) []WatcherID {
	ids = r.data.take(path, ids)
	if r.recursive == 0 {
		return ids
	}
	for up := wire.Parent(path); up != ""; up = wire.Parent(up) {
		if p := r.data.paths[up]; p != nil {
			for _, e := range p.entries {
				if e.mode()&modeRecursive != 0 {
					ids = append(ids, e.id())
				}
			}
		}
	}
	return ids
}

func (r *WatchRegistry) takeChild(path string, ids []WatcherID) []WatcherID {
	return r.child.take(path, ids)
}

func sortedUnique(ids []WatcherID) []WatcherID {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// DataWatchCounts returns connections, paths and watches of the data table, which
// is what the four-letter word wchs tells about.
func (r *WatchRegistry) DataWatchCounts() (connections, paths, total int) {
	return len(r.data.watchers), len(r.data.paths), r.data.total
}

// Count returns all watches of both tables.
func (r *WatchRegistry) Count() int { return r.data.total + r.child.total }

// ForEachDataWatch calls fn for the data table in the order of path and watcher.
func (r *WatchRegistry) ForEachDataWatch(fn func(path string, id WatcherID)) {
	paths := make([]string, 0, len(r.data.paths))
	for path := range r.data.paths {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		for _, e := range r.data.paths[path].entries {
			fn(path, e.id())
		}
	}
}
