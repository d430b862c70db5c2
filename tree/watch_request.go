package tree

import (
	"github.com/zabkeeper/zabkeeper/wire"
)

// WatchRequest answers the operations of wire.ClassWatch for a connection. It
// appends the reply's body to dst. The events that setWatches catches up on go to
// sink first.
func (t *Tree) WatchRequest(
	w *WatchRegistry, id WatcherID, op wire.OpCode, body []byte, settings Settings, sink EventSink, dst []byte,
) ([]byte, wire.ErrorCode) {
	r := wire.NewReader(body)
	switch op {
	case wire.OpSetWatches, wire.OpSetWatches2:
		var req wire.SetWatches
		if op == wire.OpSetWatches {
			req.Decode(&r)
		} else {
			req.DecodePersistent(&r)
		}
		if !r.OK() || !req.Whole() {
			return dst, wire.ErrMarshalling
		}
		t.setWatches(w, id, &req, settings, sink)
		return dst, wire.OK
	case wire.OpAddWatch, wire.OpCheckWatches, wire.OpRemoveWatches:
		var req wire.PathModeRequest
		req.Decode(&r)
		if !r.OK() {
			return dst, wire.ErrMarshalling
		}
		if op == wire.OpAddWatch {
			return addWatch(w, id, &req, dst)
		}
		kind := wire.WatcherType(req.Mode)
		switch {
		case !kind.Valid(), req.Path == nil && op == wire.OpCheckWatches:
			return dst, wire.ErrMarshalling
		case op == wire.OpCheckWatches && !w.Has(id, kind, req.Path),
			op == wire.OpRemoveWatches && !w.Remove(id, kind, req.Path):
			return dst, wire.ErrNoWatcher
		}
		return dst, wire.OK
	}
	return dst, wire.ErrUnimplemented
}

func addWatch(w *WatchRegistry, id WatcherID, req *wire.PathModeRequest, dst []byte) ([]byte, wire.ErrorCode) {
	mode := wire.AddWatchMode(req.Mode)
	if mode != wire.WatchPersistent && mode != wire.WatchRecursive {
		return dst, wire.ErrMarshalling
	}
	if code := wire.CheckPath(req.Path); code != wire.OK {
		return dst, code
	}
	w.AddPersistent(id, mode, req.Path)
	return wire.AppendInt(dst, int32(wire.OK)), wire.OK
}

// setWatches registers a reconnected client's watches again and tells it what it
// missed.
func (t *Tree) setWatches(w *WatchRegistry, id WatcherID, req *wire.SetWatches, settings Settings, sink EventSink) {
	tell := func(kind wire.EventType, path []byte, n *znode) {
		ev := &Event{Type: kind, Path: string(path), Zxid: -1, settings: settings}
		if n != nil {
			ev.acl = t.acls.byID[n.acl]
		}
		sink.WatchEvent(id, ev)
	}
	for path := range req.Data.All {
		switch n := t.node(path); {
		case n == nil:
			tell(wire.EventNodeDeleted, path, nil)
		case int64(n.mzxid) > req.RelativeZxid:
			tell(wire.EventNodeDataChanged, path, n)
		default:
			w.Add(id, WatchData, path)
		}
	}
	for path := range req.Exist.All {
		if n := t.node(path); n != nil {
			tell(wire.EventNodeCreated, path, n)
		} else {
			w.Add(id, WatchData, path)
		}
	}
	for path := range req.Child.All {
		switch n := t.node(path); {
		case n == nil:
			tell(wire.EventNodeDeleted, path, nil)
		case int64(n.pzxid()) > req.RelativeZxid:
			tell(wire.EventNodeChildrenChanged, path, n)
		default:
			w.Add(id, WatchChild, path)
		}
	}
	for path := range req.Persistent.All {
		w.AddPersistent(id, wire.WatchPersistent, path)
	}
	for path := range req.Recursive.All {
		w.AddPersistent(id, wire.WatchRecursive, path)
	}
}
