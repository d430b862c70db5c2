package history

import "github.com/zabkeeper/zabkeeper/wire"

// checkWatches checks that a watch fires at most once, after a change, and before
// the connection shows anything that is as new as the change.
func checkWatches(r *record) error {
	for _, journal := range r.journals {
		w := watcher{r: r, data: map[string]*armed{}, child: map[string]*armed{}}
		for _, o := range journal {
			if err := w.see(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// armed is a watch that waits.
type armed struct {
	by     *operation
	zxid   int64 // changes above it fire
	absent bool
}

// watcher walks along one journal.
type watcher struct {
	r           *record
	session     int64
	data, child map[string]*armed
	fresh       bool // nothing was answered on this connection yet
}

func (w *watcher) see(o *operation) error {
	if o.session != w.session || o.kind == kindForgotten {
		w.session = o.session
		clear(w.data)
		clear(w.child)
	}
	switch {
	case o.kind == kindConnected:
		w.fresh = true
	case o.kind == kindEvent:
		return w.fire(o)
	case o.kind.answerable() && o.outcome != outcomeUnknown && o.zxid != 0:
		return w.answer(o)
	}
	return nil
}

func (w *watcher) fire(o *operation) error {
	kinds := []map[string]*armed{w.data}
	switch o.event {
	case wire.EventNodeChildrenChanged:
		kinds[0] = w.child
	case wire.EventNodeDeleted:
		kinds = append(kinds, w.child)
	default:
	}
	var by *armed
	for _, k := range kinds {
		if a := k[o.path]; a != nil {
			by = a
		}
		delete(k, o.path)
	}
	if by == nil {
		return violation("a watch fired that was not set, or had fired", o)
	}
	changes, murky := w.r.data[o.path], w.r.murky[o.path] || w.r.mortal[o.path]
	if o.event == wire.EventNodeChildrenChanged {
		changes, murky = w.r.children[o.path], w.r.murkyChildren[o.path]
	}
	if n := len(changes); !murky && (n == 0 || changes[n-1].zxid <= by.zxid) {
		return violation("a watch fired without a change", by.by, o)
	}
	return nil
}

func (w *watcher) answer(o *operation) error {
	if w.fresh {
		// What came and went while nobody was connected is no change of a node
		// that was not there.
		for _, a := range w.data {
			if a.absent {
				a.zxid = o.zxid
			}
		}
		w.fresh = false
	}
	for _, k := range []struct {
		armed   map[string]*armed
		changes map[string][]change
	}{{w.data, w.r.data}, {w.child, w.r.children}} {
		for path, a := range k.armed {
			if c, ok := between(k.changes[path], a.zxid, o.zxid); ok {
				return violation("a connection showed something as new as a change before the watch for it fired", a.by, c.by, o)
			}
		}
	}
	if o.watch {
		a := &armed{by: o, zxid: o.zxid, absent: o.absent()}
		if o.kind == kindChildren {
			keep(w.child, o.path, a)
		} else {
			keep(w.data, o.path, a)
		}
	}
	return nil
}

// keep arms a watch unless one waits: a second one of the kind is the same.
func keep(m map[string]*armed, path string, a *armed) {
	if m[path] == nil {
		m[path] = a
	}
}
