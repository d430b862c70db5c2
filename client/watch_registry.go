package client

import (
	"errors"
	"slices"

	"github.com/zabkeeper/zabkeeper/wire"
)

// EventType says what happened to a watched path.
type EventType = wire.EventType

// The event types.
const (
	EventCreated         = wire.EventNodeCreated
	EventDeleted         = wire.EventNodeDeleted
	EventDataChanged     = wire.EventNodeDataChanged
	EventChildrenChanged = wire.EventNodeChildrenChanged
	// EventRemoved ends a watch that RemoveWatches took away.
	EventRemoved = wire.EventPersistentWatchRemoved
	// EventEnded ends a watch with its session; Event.Err says why.
	EventEnded = wire.EventNone
	// EventResync, on a Watch only, says that events may be missing before this
	// point: the connection was replaced, or the reader of the channel was too
	// slow. Read again what matters.
	EventResync EventType = -2
)

// Event is told to a watch.
type Event struct {
	Type EventType
	Path string
	// Zxid is the transaction that caused it, -1 when the server does not say.
	Zxid int64
	Err  error
}

// watchKind is a table of the registry.
type watchKind uint8

const (
	watchData watchKind = iota
	watchExist
	watchChild
	watchPersistent
	watchRecursive
	watchKinds
)

// watchIntent is a watch that a request asks for. It becomes one when the
// answer says so.
type watchIntent struct {
	kind watchKind
	path string // as the server knows it
	sink *sink
}

// sink delivers events to one channel and never blocks: the reader of the
// connection must go on, whatever the program does.
type sink struct {
	events chan Event // one more than may be used for ordinary events
	path   string     // as the program knows it
	ended  bool
}

func newSink(path string, eventsMax int) *sink {
	return &sink{path: path, events: make(chan Event, eventsMax+1)}
}

// send keeps the last place for EventResync, so that an overflow is always
// told, behind the events that were kept.
func (s *sink) send(e Event) {
	switch room := cap(s.events) - len(s.events); {
	case s.ended || room == 0:
	case room == 1:
		s.events <- Event{Type: EventResync, Path: s.path, Zxid: -1}
	default:
		s.events <- e
	}
}

func (s *sink) end(e *Event) {
	if s.ended {
		return
	}
	if e != nil && len(s.events) < cap(s.events) {
		s.events <- *e
	}
	s.ended = true
	close(s.events)
}

// registry holds the watches of a client. Client.mu guards it.
type registry struct {
	tables    [watchKinds]map[string][]*sink
	eventsMax int
}

func (g *registry) init(eventsMax int) {
	g.eventsMax = eventsMax
	for k := range g.tables {
		g.tables[k] = map[string][]*sink{}
	}
}

// register keeps a watch if the server did: on success, and for exists also
// when the node is missing.
func (g *registry) register(w *watchIntent, err error) {
	kind := w.kind
	missing := kind == watchExist && errors.Is(err, ErrNoNode)
	if kind == watchExist && err == nil {
		kind = watchData
	}
	if err == nil || missing {
		g.tables[kind][w.path] = append(g.tables[kind][w.path], w.sink)
	}
}

// notice is an event with the path as the server knows it.
type notice struct {
	Event
	serverPath string
}

// kindsOf says which one-shot tables an event uses up.
func kindsOf(t EventType) []watchKind {
	switch t {
	case EventCreated, EventDataChanged:
		return []watchKind{watchData, watchExist}
	case EventDeleted:
		return []watchKind{watchData, watchExist, watchChild}
	case EventChildrenChanged:
		return []watchKind{watchChild}
	default: // a server sends no others
		return nil
	}
}

func (g *registry) fire(n notice) {
	for _, k := range kindsOf(n.Type) {
		for _, s := range g.tables[k][n.serverPath] {
			s.end(&n.Event)
		}
		delete(g.tables[k], n.serverPath)
	}
	for _, s := range g.tables[watchPersistent][n.serverPath] {
		s.send(n.Event)
	}
	if n.Type == EventChildrenChanged || len(g.tables[watchRecursive]) == 0 {
		return
	}
	for p := n.serverPath; p != ""; p = wire.Parent(p) {
		for _, s := range g.tables[watchRecursive][p] {
			s.send(n.Event)
		}
	}
}

// resync tells every lasting watch that events may be missing.
func (g *registry) resync() {
	for _, k := range []watchKind{watchPersistent, watchRecursive} {
		for _, sinks := range g.tables[k] {
			for _, s := range sinks {
				s.send(Event{Type: EventResync, Path: s.path, Zxid: -1})
			}
		}
	}
}

// end ends every watch with the session.
func (g *registry) end(err error) {
	for k := range g.tables {
		for path := range g.tables[k] {
			g.remove(watchKind(k), path, &Event{Type: EventEnded, Zxid: -1, Err: err})
		}
	}
}

// remove ends the watches of one table on one path and reports how many.
func (g *registry) remove(kind watchKind, path string, last *Event) int {
	sinks := g.tables[kind][path]
	for _, s := range sinks {
		e := *last
		e.Path = s.path
		s.end(&e)
	}
	delete(g.tables[kind], path)
	return len(sinks)
}

// drop takes one sink out and reports whether others of its kind remain.
func (g *registry) drop(kind watchKind, path string, s *sink) (others bool) {
	s.end(nil)
	rest := slices.DeleteFunc(g.tables[kind][path], func(o *sink) bool { return o == s })
	if len(rest) == 0 {
		delete(g.tables[kind], path)
		return false
	}
	g.tables[kind][path] = rest
	return true
}

// setWatchesBytesMax bounds the paths of one setWatches frame.
const setWatchesBytesMax = 128 << 10

// batches returns every watched path, in setWatches records of bounded size.
func (g *registry) batches(relativeZxid int64) []wire.SetWatches {
	var out []wire.SetWatches
	var lists [watchKinds][]string
	size := 0
	flush := func() {
		if size > 0 {
			out = append(out, wire.SetWatches{
				RelativeZxid: relativeZxid, Data: wire.NewStrings(lists[watchData]...), Exist: wire.NewStrings(lists[watchExist]...),
				Child: wire.NewStrings(lists[watchChild]...), Persistent: wire.NewStrings(lists[watchPersistent]...),
				Recursive: wire.NewStrings(lists[watchRecursive]...),
			})
		}
		lists, size = [watchKinds][]string{}, 0
	}
	for k, table := range g.tables {
		paths := make([]string, 0, len(table))
		for path := range table {
			paths = append(paths, path)
		}
		slices.Sort(paths)
		for _, path := range paths {
			if size+len(path)+4 > setWatchesBytesMax {
				flush()
			}
			lists[k] = append(lists[k], path)
			size += len(path) + 4
		}
	}
	flush()
	return out
}

// primer returns what a new connection sends first: credentials, then watches.
// The caller holds c.mu.
func (c *Client) primer() []*request {
	var prime []*request
	for _, a := range c.auths {
		req := c.newAuthRequest(a)
		req.then = func(_ []byte, err error) {
			if errors.Is(err, ErrAuthFailed) && c.final == nil {
				c.final = ErrAuthFailed
			}
		}
		prime = append(prime, c.framed(req))
	}
	lasting := len(c.watches.tables[watchPersistent])+len(c.watches.tables[watchRecursive]) > 0
	batches := c.watches.batches(c.lastZxid)
	for i := range batches {
		op := wire.OpSetWatches
		if lasting {
			op = wire.OpSetWatches2
		}
		req := c.newRequest(op)
		if lasting {
			req.frame = batches[i].AppendPersistent(req.frame)
		} else {
			req.frame = batches[i].Append(req.frame)
		}
		if last := i == len(batches)-1; last && lasting {
			req.then = func(_ []byte, err error) {
				if err == nil {
					c.watches.resync()
				}
			}
		}
		prime = append(prime, c.framed(req))
	}
	return prime
}

func (c *Client) framed(req *request) *request {
	req.frame = wire.EndFrame(req.frame, 0)
	return req
}
