package tree

import (
	"reflect"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

func pathRecord(path string) []byte { return (&wire.PathRequest{Path: []byte(path)}).Append(nil) }

func watchRecord(path string) []byte {
	return (&wire.PathWatchRequest{Path: []byte(path), Watch: true}).Append(nil)
}

func TestReadErrorsAndWatches(t *testing.T) {
	f := newFixture(t)
	f.mustCreate("/a", "", 0)
	f.apply(OpCreate, createBody("/locked", "", 0, wire.NewACLs(wire.WorldAnyone(wire.PermWrite))))
	for _, c := range []struct {
		op    wire.OpCode
		body  []byte
		err   wire.ErrorCode
		watch WatchKind
	}{
		{wire.OpGetData, watchRecord("/a"), wire.OK, WatchData},
		{wire.OpExists, watchRecord("/a"), wire.OK, WatchData},
		{wire.OpExists, watchRecord("/no"), wire.ErrNoNode, WatchData},
		{wire.OpExists, watchRecord("/locked"), wire.ErrNoAuth, WatchNone},
		{wire.OpExists, watchRecord("/a\x00"), wire.ErrBadArguments, WatchNone},
		{wire.OpGetChildren, watchRecord("/a"), wire.OK, WatchChild},
		{wire.OpGetChildren2, watchRecord("/a"), wire.OK, WatchChild},
		{wire.OpGetData, watchRecord("/no"), wire.ErrNoNode, WatchNone},
		{wire.OpGetChildren, watchRecord("/locked"), wire.ErrNoAuth, WatchNone},
		{wire.OpGetData, watchRecord("a"), wire.ErrNoNode, WatchNone},
		{wire.OpGetData, watchRecord("/a/"), wire.ErrNoNode, WatchNone},
		{wire.OpGetData, watchRecord(""), wire.ErrNoNode, WatchNone},
		{wire.OpGetData, []byte{0, 0}, wire.ErrMarshalling, WatchNone},
		{wire.OpGetData, nullPath(0), wire.ErrMarshalling, WatchNone},
		{wire.OpExists, nullPath(1), wire.ErrMarshalling, WatchNone},
		{wire.OpGetChildren, nullPath(1), wire.ErrMarshalling, WatchNone},
		{wire.OpGetACL, nullPath(), wire.ErrMarshalling, WatchNone},
		{wire.OpGetAllChildrenNumber, nullPath(), wire.ErrMarshalling, WatchNone},
		{wire.OpGetEphemerals, nullPath(), wire.OK, WatchNone},
		{wire.OpMultiRead, multiBody(subOp{wire.OpGetData, nullPath(0)}), wire.ErrMarshalling, WatchNone},
		{wire.OpGetACL, pathRecord("/no"), wire.ErrNoNode, WatchNone},
		{wire.OpGetACL, pathRecord("/locked"), wire.ErrNoAuth, WatchNone},
		{wire.OpSetData, nil, wire.ErrUnimplemented, WatchNone},
		{wire.OpMultiRead, multiBody(subOp{wire.OpExists, watchRecord("/a")}), wire.ErrMarshalling, WatchNone},
		{wire.OpMultiRead, multiBody(subOp{wire.OpGetData, watchRecord("/a")}), wire.OK, WatchNone},
	} {
		dst, res := f.tree.Read(c.op, c.body, f.reader(), []byte("head"))
		if res.Err != c.err || res.Watch != c.watch || !strings.HasPrefix(string(dst), "head") || c.err != wire.OK && len(dst) != 4 {
			t.Errorf("%v %q: got %v, watch %d, %d bytes; want %v, watch %d", c.op, c.body, res.Err, res.Watch, len(dst), c.err, c.watch)
		}
	}
}

func TestDescendantsAndEphemerals(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/a", "/a/b", "/a/b/c", "/a.x", "/a/d"} {
		f.mustCreate(path, "", 0)
	}
	f.mustCreate("/a/e1", "", 1)
	f.mustCreate("/e2", "", 1)
	for path, want := range map[string]int32{"/": 10, "/a": 4, "/a/b": 1, "/a/b/c": 0, "/a.x": 0} {
		reply, _ := f.tree.Read(wire.OpGetAllChildrenNumber, pathRecord(path), f.reader(), nil)
		r := wire.NewReader(reply)
		if got := r.Int(); got != want {
			t.Errorf("descendants of %s: got %d, want %d", path, got, want)
		}
	}
	for prefix, want := range map[string][]string{
		"": {"/a/e1", "/e2"}, " ": {"/a/e1", "/e2"}, "/": {"/a/e1", "/e2"}, "/a/e": {"/a/e1"}, "/e": {"/e2"}, "/x": nil,
	} {
		reply, _ := f.tree.Read(wire.OpGetEphemerals, pathRecord(prefix), f.reader(), nil)
		var got []string
		r := wire.NewReader(reply)
		for path := range r.Strings().All {
			got = append(got, string(path))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("ephemerals %q: got %v, want %v", prefix, got, want)
		}
	}
}

func TestMultiRead(t *testing.T) {
	f := newFixture(t)
	f.mustCreate("/a", "data", 0)
	f.mustCreate("/a/c", "", 0)
	body := multiBody(
		subOp{wire.OpGetData, watchRecord("/a")}, subOp{wire.OpGetData, watchRecord("/no")}, subOp{wire.OpGetChildren, watchRecord("/a")},
	)
	reply, res := f.tree.Read(wire.OpMultiRead, body, f.reader(), nil)
	var got []wire.MultiResult
	err := wire.DecodeMultiResponse(reply, func(r *wire.MultiResult) { got = append(got, *r) })
	want := []wire.MultiResult{
		{Type: wire.OpGetData, Data: []byte("data"), Stat: f.stat("/a")}, {Type: wire.OpError, Err: wire.ErrNoNode},
		{Type: wire.OpGetChildren, Children: wire.NewStrings("c")},
	}
	if err != nil || res.Err != wire.OK || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, %v; want %+v", got, res.Err, err, want)
	}
}

func TestHotPathAllocations(t *testing.T) {
	f := newFixture(t)
	f.mustCreate("/a", "data", 0)
	get, who, dst := watchRecord("/a"), f.reader(), make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() { f.tree.Read(wire.OpGetData, get, who, dst) }); n != 0 {
		t.Errorf("getData: got %v allocations, want 0", n)
	}
	txn := Transaction{Op: OpSetData, Session: f.session, Origin: 1, Body: setBody("/a", "atad", -1)}
	if n := testing.AllocsPerRun(100, func() { f.tree.Apply(f.z, &txn, nil, nil, &f.res) }); n != 0 {
		t.Errorf("setData: got %v allocations, want 0", n)
	}
}

func TestMultiReadIsBounded(t *testing.T) {
	f := newFixture(t)
	f.mustCreate("/big", strings.Repeat("x", 1_000_000), 0)
	var ops []subOp
	for range 100 {
		ops = append(ops, subOp{wire.OpGetData, watchRecord("/big")})
	}
	reply, res := f.tree.Read(wire.OpMultiRead, multiBody(ops...), f.reader(), nil)
	if res.Err != wire.ErrMarshalling || len(reply) != 0 {
		t.Errorf("100 MB of answer: got %v, %d bytes", res.Err, len(reply))
	}
}

// nullPath is a record that begins with a null path.
func nullPath(rest ...byte) []byte { return append([]byte{0xff, 0xff, 0xff, 0xff}, rest...) }
