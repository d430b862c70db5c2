package clienttest

import (
	"slices"

	"github.com/zabkeeper/zabkeeper/wire"
)

// watches are those of one connection, by kind and path.
type watches struct{ data, child, persistent, recursive map[string]bool }

func newWatches() watches {
	return watches{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
}

// fire tells every connection about a change and its effect on the parent.
func (s *Server) fire(t wire.EventType, path string) {
	if s.holding {
		s.held = append(s.held, wire.WatcherEvent{Type: t, Path: []byte(path)})
		return
	}
	for c := range s.conns {
		w := &c.watches
		told := w.data[path] || w.persistent[path] || w.recursivelyWatches(path)
		delete(w.data, path)
		if t == wire.EventNodeDeleted {
			told = told || w.child[path]
			delete(w.child, path)
		}
		if told {
			c.sendEvent(t, path)
		}
		parent := wire.Parent(path)
		if t == wire.EventNodeDataChanged || !w.child[parent] && !w.persistent[parent] {
			continue
		}
		delete(w.child, parent)
		c.sendEvent(wire.EventNodeChildrenChanged, parent)
	}
}

func (w *watches) recursivelyWatches(path string) bool {
	for p := path; p != ""; p = wire.Parent(p) {
		if w.recursive[p] {
			return true
		}
	}
	return false
}

func (c *conn) sendEvent(t wire.EventType, path string) {
	frame := wire.ReplyHeader{Xid: wire.XidEvent, Zxid: -1}.Append(wire.BeginFrame(nil))
	frame = (&wire.WatcherEvent{Type: t, State: wire.StateSyncConnected, Path: []byte(path)}).Append(frame)
	c.send(wire.EndFrame(frame, 0))
}

// setWatches registers again what a client watched before, or tells it what
// has happened meanwhile.
func (c *conn) setWatches(sw *wire.SetWatches) {
	nodes, w := c.s.tree.nodes, &c.watches
	for _, path := range list(sw.Data) {
		switch n := nodes[path]; {
		case n == nil:
			c.sendEvent(wire.EventNodeDeleted, path)
		case n.stat.Mzxid > sw.RelativeZxid:
			c.sendEvent(wire.EventNodeDataChanged, path)
		default:
			w.data[path] = true
		}
	}
	for _, path := range list(sw.Exist) {
		if nodes[path] != nil {
			c.sendEvent(wire.EventNodeCreated, path)
		} else {
			w.data[path] = true
		}
	}
	for _, path := range list(sw.Child) {
		switch n := nodes[path]; {
		case n == nil:
			c.sendEvent(wire.EventNodeDeleted, path)
		case n.stat.Pzxid > sw.RelativeZxid:
			c.sendEvent(wire.EventNodeChildrenChanged, path)
		default:
			w.child[path] = true
		}
	}
	for _, path := range list(sw.Persistent) {
		w.persistent[path] = true
	}
	for _, path := range list(sw.Recursive) {
		w.recursive[path] = true
	}
}

func list(v wire.Strings) []string {
	var paths []string
	for b := range v.All {
		paths = append(paths, string(b))
	}
	return paths
}

func (w *watches) remove(path string, t wire.WatcherType) wire.ErrorCode {
	kinds := map[wire.WatcherType][]map[string]bool{
		wire.WatcherChildren: {w.child}, wire.WatcherData: {w.data}, wire.WatcherPersistent: {w.persistent},
		wire.WatcherPersistentRecursive: {w.recursive}, wire.WatcherAny: {w.data, w.child, w.persistent, w.recursive},
	}[t]
	if !slices.ContainsFunc(kinds, func(k map[string]bool) bool { return k[path] }) {
		return wire.ErrNoWatcher
	}
	for _, k := range kinds {
		delete(k, path)
	}
	return wire.OK
}
