package tree

import (
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// WatcherID names one client connection of this server. It is below 1<<61 and
// never used again.
type WatcherID uint64

// EventSink takes the events that fire, in the order clients must see them. It
// drops an event that is not Readable for the watcher's identities, and it must
// queue the others ahead of any reply that shows the same state.
type EventSink interface {
	WatchEvent(w WatcherID, ev *Event)
}

// Event is one change as its watchers are told. All watchers of a step share it.
type Event struct {
	Type wire.EventType
	Path string
	Zxid int64 // -1 for what setWatches catches up on

	acl      *acl // nil when the node is gone and nobody can be kept from knowing
	settings Settings
	frame    []byte
}

// Readable reports whether a client with these identities may learn of the event.
func (ev *Event) Readable(ids Identities) bool {
	return ev.acl == nil || ev.acl.allows(wire.PermRead, ids, ev.settings)
}

// Frame returns the event as it goes over the wire, frame length included. It is
// built once and must not be changed.
func (ev *Event) Frame() []byte {
	if ev.frame == nil {
		size := wire.FrameHeaderBytes + wire.ReplyHeaderBytes + 12 + len(ev.Path)
		b := wire.BeginFrame(make([]byte, 0, size))
		b = wire.ReplyHeader{Xid: wire.XidEvent, Zxid: ev.Zxid}.Append(b)
		b = wire.AppendInt(wire.AppendInt(b, int32(ev.Type)), int32(wire.StateSyncConnected))
		ev.frame = wire.EndFrame(wire.AppendString(b, ev.Path), 0)
	}
	return ev.frame
}

// pendingEvent is one firing step of a transaction. It keeps the ACLs as they
// were, since a later step may delete the node or its parent.
type pendingEvent struct {
	kind      wire.EventType
	path      string
	acl       *acl
	parent    string // of creates and deletes
	parentACL *acl
}

// addEvents notes a change of n. For a delete it is called before the change.
func (t *Tree) addEvents(c *change, kind wire.EventType, n *znode) {
	if !c.watched {
		return
	}
	e := pendingEvent{kind: kind, path: n.path(), acl: t.acls.byID[n.acl]}
	if kind != wire.EventNodeDataChanged {
		e.parent, e.parentACL = n.parent.path(), t.acls.byID[n.parent.acl]
	}
	t.events = append(t.events, e)
}

// fire tells the watchers of a transaction's steps, in the order of the steps:
// for each the data watches, then for a delete the child watches on the node
// itself, then the child watches on the parent.
func (r *WatchRegistry) fire(z zxid.Zxid, settings Settings, steps []pendingEvent, sink EventSink) {
	for i := range steps {
		s := &steps[i]
		ids := r.takeData(s.path, r.scratch[:0])
		if s.kind == wire.EventNodeDeleted {
			ids = r.takeChild(s.path, ids)
		}
		ids = sortedUnique(ids)
		r.deliver(ids, Event{Type: s.kind, Path: s.path, Zxid: int64(z), acl: s.acl, settings: settings}, sink)
		if s.kind != wire.EventNodeDataChanged {
			ids = r.takeChild(s.parent, ids[:0])
			r.deliver(ids, Event{
				Type: wire.EventNodeChildrenChanged, Path: s.parent, Zxid: int64(z), acl: s.parentACL, settings: settings,
			}, sink)
		}
		r.scratch = ids[:0]
	}
}

func (r *WatchRegistry) deliver(ids []WatcherID, ev Event, sink EventSink) {
	if len(ids) == 0 {
		return
	}
	shared := ev // on the heap only when somebody watches
	for _, id := range ids {
		sink.WatchEvent(id, &shared)
	}
}
