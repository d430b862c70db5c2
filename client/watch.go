package client

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

// WatchMode says what a Watch sees.
type WatchMode = wire.AddWatchMode

// The modes of AddWatch. A persistent watch sees changes of the node and of
// its list of children; a recursive one sees creations, deletions and new data
// of the node and of everything below it.
const (
	Persistent = wire.WatchPersistent
	Recursive  = wire.WatchRecursive
)

// WatcherType says which watches RemoveWatches takes away.
type WatcherType = wire.WatcherType

// The types of watches. The last two are unknown to ZooKeeper before 3.9.
const (
	WatcherChildren   = wire.WatcherChildren
	WatcherData       = wire.WatcherData
	WatcherAny        = wire.WatcherAny
	WatcherPersistent = wire.WatcherPersistent
	WatcherRecursive  = wire.WatcherPersistentRecursive
)

// Watch delivers events until it is closed.
type Watch struct {
	c      *Client
	intent watchIntent
}

// Events returns the channel of events. It is closed by Close, by
// RemoveWatches and at the end of the session.
func (w *Watch) Events() <-chan Event { return w.intent.sink.events }

// GetW is Get and a watch for the next change of the node. The channel gets
// one event and is closed.
func (c *Client) GetW(ctx context.Context, path string) ([]byte, Stat, <-chan Event, error) {
	w := &watchIntent{kind: watchData}
	data, stat, err := c.get(ctx, path, w)
	return data, stat, w.channel(err), err
}

// ExistsW is Exists and a watch for the next change of the node, its creation
// included.
func (c *Client) ExistsW(ctx context.Context, path string) (Stat, bool, <-chan Event, error) {
	w := &watchIntent{kind: watchExist}
	stat, ok, err := c.exists(ctx, path, w)
	return stat, ok, w.channel(err), err
}

// ChildrenW is Children and a watch for the next child that is created or
// deleted, or for the deletion of the node.
func (c *Client) ChildrenW(ctx context.Context, path string) ([]string, Stat, <-chan Event, error) {
	w := &watchIntent{kind: watchChild}
	names, stat, err := c.children(ctx, path, w)
	return names, stat, w.channel(err), err
}

func (w *watchIntent) channel(err error) <-chan Event {
	if err != nil || w.sink == nil {
		return nil
	}
	return w.sink.events
}

// AddWatch watches path for good. The node need not exist.
func (c *Client) AddWatch(ctx context.Context, path string, mode WatchMode) (*Watch, error) {
	if err := c.enterWatchGate(ctx); err != nil {
		return nil, &OpError{"addWatch", path, err}
	}
	defer func() { <-c.watchGate }()
	full, err := c.full("addWatch", path)
	if err != nil {
		return nil, err
	}
	w := &Watch{c: c, intent: watchIntent{kind: watchPersistent, path: full, sink: newSink(path, c.opt.WatchEventsMax)}}
	if mode == Recursive {
		w.intent.kind = watchRecursive
	}
	req := c.newRequest(wire.OpAddWatch)
	req.frame = (&wire.PathModeRequest{Path: []byte(full), Mode: int32(mode)}).Append(req.frame)
	req.watch = &w.intent
	if _, err = c.do(ctx, req); err != nil {
		return nil, &OpError{"addWatch", path, err}
	}
	return w, nil
}

// enterWatchGate keeps the removal of a path's last watch from overtaking the
// addition of the next.
func (c *Client) enterWatchGate(ctx context.Context) error {
	select {
	case c.watchGate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the watch; its channel is closed at once, whatever the server
// answers. The server is told when this was the last such watch on the path.
func (w *Watch) Close(ctx context.Context) error {
	c, i := w.c, &w.intent
	if err := c.enterWatchGate(ctx); err != nil {
		return &OpError{"removeWatches", i.sink.path, err}
	}
	defer func() { <-c.watchGate }()
	c.mu.Lock()
	ended := i.sink.ended
	others := c.watches.drop(i.kind, i.path, i.sink)
	alone := c.countLocked(i.path) == 0
	c.mu.Unlock()
	if ended || others {
		return nil
	}
	t := WatcherPersistent
	if i.kind == watchRecursive {
		t = WatcherRecursive
	}
	err := c.removeOnServer(ctx, i.path, t)
	if errors.Is(err, ErrMarshalling) { // ZooKeeper 3.8 can only remove all of a path
		err = nil
		if alone {
			err = c.removeOnServer(ctx, i.path, WatcherAny)
		}
	}
	switch {
	case err == nil, errors.Is(err, ErrNoWatcher), errors.Is(err, ErrConnectionLoss), errors.Is(err, ErrClosed), errors.Is(err, ErrSessionExpired):
		return nil // a lost connection took the watch with it
	}
	return &OpError{"removeWatches", i.sink.path, err}
}

func (c *Client) countLocked(path string) (n int) {
	for k := range c.watches.tables {
		n += len(c.watches.tables[k][path])
	}
	return n
}

func (c *Client) removeOnServer(ctx context.Context, path string, t WatcherType) error {
	req := c.newRequest(wire.OpRemoveWatches)
	req.frame = (&wire.PathModeRequest{Path: []byte(path), Mode: int32(t)}).Append(req.frame)
	_, err := c.do(ctx, req)
	return err
}

// RemoveWatches takes away all watches of a type on path; each gets
// EventRemoved and ends. ErrNoWatcher says that there were none.
func (c *Client) RemoveWatches(ctx context.Context, path string, t WatcherType) error {
	full, err := c.full("removeWatches", path)
	if err != nil {
		return err
	}
	kinds := map[WatcherType][]watchKind{
		WatcherChildren: {watchChild}, WatcherData: {watchData, watchExist}, WatcherPersistent: {watchPersistent},
		WatcherRecursive: {watchRecursive}, WatcherAny: {watchData, watchExist, watchChild, watchPersistent, watchRecursive},
	}[t]
	if kinds == nil {
		return &OpError{"removeWatches", path, ErrBadArguments}
	}
	if err = c.enterWatchGate(ctx); err != nil {
		return &OpError{"removeWatches", path, err}
	}
	defer func() { <-c.watchGate }()
	if err = c.removeOnServer(ctx, full, t); err != nil {
		return &OpError{"removeWatches", path, err}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range kinds {
		c.watches.remove(k, full, &Event{Type: EventRemoved, Zxid: -1})
	}
	return nil
}

// full returns the path as the server knows it.
func (c *Client) full(op, path string) (string, error) {
	if wire.CheckPath(path) != wire.OK {
		return "", &OpError{op, path, errPath}
	}
	return c.chrooted(path), nil
}

func (c *Client) chrooted(path string) string {
	if c.opt.Chroot != "" && path == "/" {
		return c.opt.Chroot
	}
	return c.opt.Chroot + path
}

// stripped undoes chrooted. The configuration node is shown as it is: it
// exists once, outside of any chroot.
func (c *Client) stripped(path string) string {
	rest, inside := strings.CutPrefix(path, c.opt.Chroot)
	switch {
	case !inside:
		return path
	case rest == "":
		return "/"
	case rest[0] != '/':
		return path
	}
	return rest
}

func (c *Client) event(e *wire.WatcherEvent, zxid int64) notice {
	path := string(e.Path)
	return notice{Event{Type: e.Type, Path: c.stripped(path), Zxid: zxid}, path}
}

func sorted(names wire.Strings) []string {
	list := make([]string, 0, max(0, names.Len()))
	for name := range names.All {
		list = append(list, string(name))
	}
	slices.Sort(list)
	return list
}
