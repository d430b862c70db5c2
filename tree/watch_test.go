package tree

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/zabkeeper/zabkeeper/wire"
)

// text writes events without their zxid, one word an event.
func text(events []firedEvent) []string {
	var words []string
	for _, e := range events {
		words = append(words, fmt.Sprintf("%d:%s(%s)", e.w, map[wire.EventType]string{
			wire.EventNodeCreated: "Created", wire.EventNodeDeleted: "Deleted",
			wire.EventNodeDataChanged: "Data", wire.EventNodeChildrenChanged: "Children",
		}[e.kind], e.path))
	}
	return words
}

func (f *fixture) wantEvents(name string, want ...string) {
	f.t.Helper()
	for _, e := range f.events {
		if e.zxid != int64(f.z) {
			f.t.Errorf("%s: event zxid %x, want %x", name, e.zxid, uint64(f.z))
		}
	}
	if got := text(f.takeEvents()); !reflect.DeepEqual(got, want) {
		f.t.Errorf("%s: got %v, want %v", name, got, want)
	}
}

func (f *fixture) request(w WatcherID, op wire.OpCode, body []byte) wire.ErrorCode {
	f.t.Helper()
	_, code := f.tree.WatchRequest(f.watches, w, op, body, f.settings, f, nil)
	return code
}

func pathMode(path string, mode int32) []byte {
	return (&wire.PathModeRequest{Path: []byte(path), Mode: mode}).Append(nil)
}

func TestOneShotWatches(t *testing.T) {
	f := newFixture(t)
	f.mustCreate("/w", "", 0)
	f.watch(1, wire.OpGetData, "/w")
	f.watch(2, wire.OpExists, "/w")
	f.set("/w", "x", -1)
	f.wantEvents("set", "1:Data(/w)", "2:Data(/w)")
	f.set("/w", "x", -1)
	f.wantEvents("set again")
	f.watch(1, wire.OpExists, "/w/c")
	f.watch(1, wire.OpGetChildren, "/w")
	f.mustCreate("/w/c", "", 0)
	f.wantEvents("create", "1:Created(/w/c)", "1:Children(/w)")
	f.watch(1, wire.OpGetChildren2, "/w")
	f.set("/w/c", "", -1)
	f.mustCreate("/w/c/d", "", 0)
	f.delete("/w/c/d", -1)
	f.wantEvents("child data and grandchildren")
	f.watch(1, wire.OpGetData, "/w/c")
	f.watch(1, wire.OpGetChildren, "/w/c")
	f.watch(3, wire.OpGetChildren, "/w/c")
	f.delete("/w/c", -1)
	f.wantEvents("delete", "1:Deleted(/w/c)", "3:Deleted(/w/c)", "1:Children(/w)")
	f.watch(1, wire.OpGetData, "/gone")
	f.watch(1, wire.OpGetChildren, "/gone")
	f.mustCreate("/gone", "", 0)
	f.wantEvents("failed reads register nothing")
	f.watch(1, wire.OpGetData, "/gone")
	f.setACL("/gone", openACL, -1)
	f.wantEvents("setACL")
	f.watches.RemoveWatcher(1)
	f.set("/gone", "", -1)
	f.wantEvents("connection gone")
	if got := f.watches.Count(); got != 0 {
		t.Errorf("watches left: got %d, want 0", got)
	}
}

func TestPersistentAndRecursiveWatches(t *testing.T) {
	f := newFixture(t)
	f.mustCreate("/w", "", 0)
	for mode, code := range map[int32]wire.ErrorCode{2: wire.ErrMarshalling, -1: wire.ErrMarshalling} {
		if got := f.request(1, wire.OpAddWatch, pathMode("/w", mode)); got != code {
			t.Errorf("addWatch mode %d: got %v, want %v", mode, got, code)
		}
	}
	if got := f.request(1, wire.OpAddWatch, pathMode("/w/", 0)); got != wire.ErrBadArguments {
		t.Errorf("addWatch of a bad path: got %v", got)
	}
	f.request(1, wire.OpAddWatch, pathMode("/w", 0))
	f.request(1, wire.OpAddWatch, pathMode("/w", 1))
	f.request(2, wire.OpAddWatch, pathMode("/", 1))
	f.watch(1, wire.OpGetData, "/w")
	f.watch(1, wire.OpGetChildren, "/w")
	f.mustCreate("/w/x", "", 0)
	f.wantEvents("create", "1:Created(/w/x)", "2:Created(/w/x)", "1:Children(/w)")
	for range 2 {
		f.set("/w", "", -1)
		f.wantEvents("set", "1:Data(/w)", "2:Data(/w)")
	}
	f.mustCreate("/w/x/y", "", 0)
	f.wantEvents("grandchild", "1:Created(/w/x/y)", "2:Created(/w/x/y)")
	f.apply(OpMulti, multiBody(
		subOp{wire.OpDelete, pathVersion("/w/x/y", -1)}, subOp{wire.OpDelete, pathVersion("/w/x", -1)},
		subOp{wire.OpDelete, pathVersion("/w", -1)},
	))
	f.wantEvents("multi", "1:Deleted(/w/x/y)", "2:Deleted(/w/x/y)", "1:Deleted(/w/x)", "2:Deleted(/w/x)", "1:Children(/w)",
		"1:Deleted(/w)", "2:Deleted(/w)")
	if got := f.request(1, wire.OpRemoveWatches, pathMode("/w", 5)); got != wire.OK {
		t.Errorf("remove recursive: got %v", got)
	}
	f.mustCreate("/w", "", 0)
	f.mustCreate("/w/x", "", 0)
	f.events = f.events[2:] // of /w, as before
	f.wantEvents("persistent stays", "2:Created(/w/x)", "1:Children(/w)")
	for _, c := range []struct {
		op   wire.OpCode
		kind int32
		want wire.ErrorCode
	}{
		{wire.OpCheckWatches, 4, wire.OK}, {wire.OpCheckWatches, 5, wire.ErrNoWatcher}, {wire.OpCheckWatches, 1, wire.ErrNoWatcher},
		{wire.OpCheckWatches, 2, wire.ErrNoWatcher}, {wire.OpCheckWatches, 3, wire.OK}, {wire.OpCheckWatches, 6, wire.ErrMarshalling},
		{wire.OpRemoveWatches, 0, wire.ErrMarshalling}, {wire.OpRemoveWatches, 4, wire.OK}, {wire.OpRemoveWatches, 3, wire.ErrNoWatcher},
	} {
		if got := f.request(1, c.op, pathMode("/w", c.kind)); got != c.want {
			t.Errorf("%v type %d: got %v, want %v", c.op, c.kind, got, c.want)
		}
	}
	f.watches.RemoveWatcher(2)
	if f.watches.recursive != 0 || f.watches.Count() != 0 {
		t.Errorf("left: %d recursive, %d in all", f.watches.recursive, f.watches.Count())
	}
}

func TestSetWatchesCatchUp(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/same", "/set", "/kids", "/gone"} {
		f.mustCreate(path, "", 0)
	}
	seen := int64(f.z)
	f.set("/set", "", -1)
	f.mustCreate("/kids/k", "", 0)
	f.mustCreate("/new", "", 0)
	f.delete("/gone", -1)
	req := wire.SetWatches{
		RelativeZxid: seen,
		Data:         wire.NewStrings("/same", "/set", "/gone", "/kids"),
		Exist:        wire.NewStrings("/new", "/later"),
		Child:        wire.NewStrings("/same", "/set", "/gone", "/kids"),
		Persistent:   wire.NewStrings("/set"),
		Recursive:    wire.NewStrings("/new"),
	}
	if code := f.request(1, wire.OpSetWatches2, req.AppendPersistent(nil)); code != wire.OK {
		t.Fatalf("setWatches2: %v", code)
	}
	for _, e := range f.events {
		if e.zxid != -1 {
			t.Errorf("catch-up zxid: got %d, want -1", e.zxid)
		}
	}
	got, want := text(f.takeEvents()), []string{"1:Data(/set)", "1:Deleted(/gone)", "1:Created(/new)", "1:Deleted(/gone)", "1:Children(/kids)"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("catch-up: got %v, want %v", got, want)
	}
	f.set("/same", "", -1)
	f.wantEvents("data registered", "1:Data(/same)")
	f.mustCreate("/later", "", 0)
	f.wantEvents("exist registered", "1:Created(/later)")
	f.mustCreate("/same/k", "", 0)
	f.wantEvents("child registered", "1:Children(/same)")
	f.set("/set", "", -1)
	f.wantEvents("persistent registered", "1:Data(/set)")
	f.mustCreate("/new/k", "", 0)
	f.wantEvents("recursive registered", "1:Created(/new/k)")
	if code := f.request(1, wire.OpSetWatches, req.AppendPersistent(nil)[:20]); code != wire.ErrMarshalling {
		t.Errorf("cut setWatches: got %v", code)
	}
}

// readSink keeps what a client with no identity may read.
type readSink struct{ paths []string }

func (s *readSink) WatchEvent(_ WatcherID, ev *Event) {
	if ev.Readable(Identities{}) {
		s.paths = append(s.paths, ev.Path)
	}
}

func TestEventsAreFilteredByACL(t *testing.T) {
	f := newFixture(t)
	w, sink := NewWatchRegistry(), &readSink{}
	w.AddPersistent(1, wire.WatchRecursive, []byte("/"))
	w.AddPersistent(1, wire.WatchPersistent, []byte("/"))
	private := wire.NewACLs(wire.WorldAnyone(wire.PermCreate | wire.PermWrite))
	for i, body := range [][]byte{createBody("/p", "", 0, private), createBody("/p/c", "", 0, openACL)} {
		txn := Transaction{Op: OpCreate, Session: f.session, Origin: 1, Body: body}
		f.tree.Apply(f.z+1, &txn, w, sink, &f.res)
		if f.res.Err != wire.OK {
			t.Fatalf("create %d: %v", i, f.res.Err)
		}
	}
	if want := []string{"/", "/p/c"}; !reflect.DeepEqual(sink.paths, want) {
		t.Errorf("got %v, want %v", sink.paths, want)
	}
	if ev := (&Event{Path: "/p", acl: f.tree.acls.byID[f.tree.nodes.find("/p").acl]}); !ev.Readable(NewIdentities([]Identity{Super})) {
		t.Error("super may read everything")
	}
}

func TestEventFrame(t *testing.T) {
	ev := &Event{Type: wire.EventNodeDataChanged, Path: "/a", Zxid: 3}
	want := []byte("\x00\x00\x00\x1e\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x03\x00\x00\x00\x02/a")
	if got := ev.Frame(); !bytes.Equal(got, want) || &got[0] != &ev.Frame()[0] {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestHerd(t *testing.T) {
	f := newFixture(t)
	f.mustCreate("/w", "", 0)
	for w := WatcherID(10_000); w > 0; w-- {
		f.watch(w, wire.OpGetData, "/w")
	}
	f.set("/w", "", -1)
	if len(f.events) != 10_000 || f.events[0].w != 1 || f.events[9999].w != 10_000 {
		t.Errorf("got %d events", len(f.events))
	}
}

// watchModel is the naive twin of a registry: a set of (table, path, watcher, mode).
type watchModel map[watchKey]bool

type watchKey struct {
	child bool
	path  string
	w     WatcherID
	mode  watchMode
}

func TestWatchRegistryAgainstModel(t *testing.T) {
	paths := []string{"/", "/a", "/a/b", "/c"}
	rapid.Check(t, func(rt *rapid.T) {
		r, m := NewWatchRegistry(), watchModel{}
		for range rapid.IntRange(1, 200).Draw(rt, "steps") {
			path := rapid.SampledFrom(paths).Draw(rt, "path")
			w := WatcherID(rapid.IntRange(1, 3).Draw(rt, "watcher"))
			switch rapid.IntRange(0, 6).Draw(rt, "step") {
			case 0:
				r.Add(w, WatchData, []byte(path))
				m[watchKey{false, path, w, modeOneShot}] = true
			case 1:
				r.Add(w, WatchChild, []byte(path))
				m[watchKey{true, path, w, modeOneShot}] = true
			case 2:
				r.AddPersistent(w, wire.WatchPersistent, []byte(path))
				m[watchKey{false, path, w, modePersistent}] = true
				m[watchKey{true, path, w, modePersistent}] = true
			case 3:
				r.AddPersistent(w, wire.WatchRecursive, []byte(path))
				m[watchKey{false, path, w, modeRecursive}] = true
			case 4:
				r.RemoveWatcher(w)
				for k := range m {
					if k.w == w {
						delete(m, k)
					}
				}
			case 5:
				kind := wire.WatcherType(rapid.IntRange(1, 5).Draw(rt, "kind"))
				if got, want := r.Remove(w, kind, []byte(path)), m.remove(w, kind, path); got != want {
					rt.Fatalf("remove %d of %d on %s: got %v, want %v", kind, w, path, got, want)
				}
			case 6:
				got, want := sortedUnique(r.takeData(path, nil)), m.take(path)
				if fmt.Sprint(got) != fmt.Sprint(want) {
					rt.Fatalf("data event on %s: got %v, want %v", path, got, want)
				}
			}
			recursive := 0
			for k := range m {
				if k.mode == modeRecursive {
					recursive++
				}
			}
			if r.recursive != recursive {
				rt.Fatalf("recursive watches: got %d, want %d", r.recursive, recursive)
			}
			for id, list := range r.data.watchers {
				if len(list.list) > 2*list.live+sweepSlack+1 {
					rt.Fatalf("watcher %d: %d elements for %d watches", id, len(list.list), list.live)
				}
			}
		}
		for w := range WatcherID(4) {
			r.RemoveWatcher(w)
		}
		if len(r.data.paths)+len(r.child.paths)+len(r.data.watchers)+len(r.child.watchers)+r.Count() != 0 {
			rt.Fatalf("something is left behind")
		}
	})
}

func (m watchModel) remove(w WatcherID, kind wire.WatcherType, path string) bool {
	had := false
	for k := range m {
		match := kind == wire.WatcherAny ||
			kind == wire.WatcherChildren && k.child && k.mode == modeOneShot ||
			kind == wire.WatcherData && !k.child && k.mode == modeOneShot ||
			kind == wire.WatcherPersistent && k.mode == modePersistent ||
			kind == wire.WatcherPersistentRecursive && k.mode == modeRecursive
		if k.w == w && k.path == path && match {
			delete(m, k)
			had = true
		}
	}
	return had
}

func (m watchModel) take(path string) []WatcherID {
	var ids []WatcherID
	for k := range m {
		if k.child {
			continue
		}
		above := k.path == "/" || len(path) > len(k.path) && path[:len(k.path)] == k.path && path[len(k.path)] == '/'
		if k.path == path || k.mode == modeRecursive && above {
			ids = append(ids, k.w)
		}
		if k.path == path && k.mode == modeOneShot {
			delete(m, k)
		}
	}
	return sortedUnique(ids)
}

// A connection that watches, is told and watches again for ever must not grow.
func TestFiredWatchesAreSwept(t *testing.T) {
	r := NewWatchRegistry()
	r.Add(1, WatchData, []byte("/stays"))
	r.Add(2, WatchData, []byte("/busy"))
	for i := range 1000 {
		path := "/busy"
		if i%2 == 0 {
			path = fmt.Sprintf("/once%d", i)
		}
		r.Add(1, WatchData, []byte(path))
		r.takeData(path, nil)
	}
	r.Add(1, WatchData, []byte("/busy"))
	if got := len(r.data.watchers[1].list); got > 3*sweepSlack {
		t.Errorf("reverse index: got %d elements for 2 watches", got)
	}
	var got []string
	r.ForEachDataWatch(func(path string, id WatcherID) { got = append(got, fmt.Sprint(path, id)) })
	if want := []string{"/busy1", "/stays1"}; !reflect.DeepEqual(got, want) {
		t.Errorf("left: got %v, want %v", got, want)
	}
	if connections, paths, total := r.DataWatchCounts(); connections != 1 || paths != 2 || total != 2 {
		t.Errorf("counts: got %d, %d, %d, want 1, 2, 2", connections, paths, total)
	}
	r.RemoveWatcher(1)
	if r.Count() != 0 || len(r.data.paths) != 0 {
		t.Errorf("left behind: %d watches on %d paths", r.Count(), len(r.data.paths))
	}
}

func TestWatchRequestsWithNulls(t *testing.T) {
	f := newFixture(t)
	null := nullPath()
	for _, c := range []struct {
		op   wire.OpCode
		body []byte
		want wire.ErrorCode
	}{
		{wire.OpSetWatches, append(make([]byte, 8), "\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"...), wire.ErrMarshalling},
		{wire.OpSetWatches, append(make([]byte, 8), "\x00\x00\x00\x01\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"...), wire.ErrMarshalling},
		{wire.OpSetWatches, make([]byte, 20), wire.OK},
		{wire.OpCheckWatches, append(null, 0, 0, 0, 3), wire.ErrMarshalling},
		{wire.OpRemoveWatches, append(null, 0, 0, 0, 3), wire.ErrNoWatcher},
		{wire.OpAddWatch, append(null, 0, 0, 0, 0), wire.ErrBadArguments},
	} {
		_, got := f.tree.WatchRequest(f.watches, 3, c.op, c.body, 0, f, nil)
		if got != c.want || len(f.takeEvents()) != 0 || f.watches.Count() != 0 {
			t.Errorf("%v %q: got %v, %d watches; want %v and none", c.op, c.body, got, f.watches.Count(), c.want)
		}
	}
}
