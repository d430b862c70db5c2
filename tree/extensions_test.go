package tree

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

func (f *fixture) deleteRecursive(path string, version, limit int32) wire.ErrorCode {
	f.t.Helper()
	return f.apply(OpDeleteRecursive, deleteRecursiveBody(path, version, limit))
}

func (f *fixture) createParents(path string, flags wire.CreateFlags) wire.ErrorCode {
	f.t.Helper()
	return f.apply(OpCreateParents, createParentsBody(path, "x", flags))
}

func TestDeleteRecursive(t *testing.T) {
	f := newFixture(t)
	f.createParents("/a/b/c", 0)
	f.mustCreate("/a/b/e", "", 1)
	f.mustCreate("/a/d", "", 0)
	f.mustCreate("/ab", "", 0)
	f.set("/a", "y", -1)
	before := f.tree.Digest()
	for _, c := range []struct {
		path           string
		version, limit int32
		want           wire.ErrorCode
	}{
		{"/", -1, 0, wire.ErrBadArguments}, {"/zookeeper", -1, 0, wire.ErrBadArguments}, {"/zookeeper/quota", -1, 0, wire.ErrBadArguments},
		{"/zookeeper/config", -1, 0, wire.ErrBadArguments}, {wire.PathExtensions, -1, 0, wire.ErrBadArguments},
		{"/a", -1, -1, wire.ErrBadArguments}, {"/a", -1, wire.DeleteLimitMax + 1, wire.ErrBadArguments},
		{"/none", -1, 0, wire.ErrNoNode}, {"/none/x", -1, 0, wire.ErrNoNode}, {"/a", 0, 0, wire.ErrBadVersion}, {"/a", -1, 4, wire.ErrLimitExceeded},
		{"/a", -1, 1, wire.ErrLimitExceeded},
	} {
		if code := f.deleteRecursive(c.path, c.version, c.limit); code != c.want || f.tree.Digest() != before {
			t.Errorf("%+v: got %v", c, code)
		}
	}
	owner := f.session
	f.session = f.newSession()
	if code := f.deleteRecursive("/a", 1, 5); code != wire.OK || f.res.Count != 5 || f.tree.NodeCount() != 5 {
		t.Errorf("got %v, %d deleted, %d nodes left, want 5 and 5", code, f.res.Count, f.tree.NodeCount())
	}
	if got := f.tree.Ephemerals(owner); len(got) != 0 {
		t.Errorf("the other session still owns %v", got)
	}
	if st := f.stat("/"); st.Pzxid != int64(f.z) || st.NumChildren != 2 {
		t.Errorf("root: got %+v", st)
	}
}

// One transaction deletes no more in many steps than in one.
func TestDeleteRecursiveIsBoundedInAMulti(t *testing.T) {
	f := newFixture(t)
	for _, top := range []string{"/a", "/b"} {
		f.mustCreate(top, "", 0)
		for i := range wire.DeleteLimitMax/2 + 1 {
			f.mustCreate(top+"/"+sequenceName(i), "", 0)
		}
	}
	both := multiBody(subOp{wire.OpDeleteRecursive, deleteRecursiveBody("/a", -1, wire.DeleteLimitMax)}, subOp{wire.OpDeleteRecursive, deleteRecursiveBody("/b", -1, wire.DeleteLimitMax)})
	before := f.tree.Digest()
	if f.apply(OpMulti, both); f.res.Multi[1].Err != wire.ErrLimitExceeded || f.tree.Digest() != before {
		t.Errorf("got %+v, want the second one refused", f.res.Multi)
	}
}

func TestDeleteRecursiveFiresDeepestFirst(t *testing.T) {
	f := newFixture(t)
	f.createParents("/a/b/c", 0)
	f.mustCreate("/a/d", "", 0)
	f.watches.AddPersistent(1, wire.WatchRecursive, []byte("/"))
	f.watch(2, wire.OpGetChildren, "/a")
	f.takeEvents()
	f.deleteRecursive("/a", -1, 0)
	var got []string
	for _, e := range f.takeEvents() {
		if e.zxid != int64(f.z) {
			t.Errorf("event %+v, want zxid %d", e, f.z)
		}
		got = append(got, fmt.Sprintf("%d:%d:%s", e.w, e.kind, e.path))
	}
	want := []string{"1:2:/a/b/c", "1:2:/a/d", "2:4:/a", "1:2:/a/b", "1:2:/a"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDeleteRecursiveAsksEveryParent(t *testing.T) {
	f := newFixture(t)
	f.createParents("/a/b/c", 0)
	all := wire.PermAll
	f.setACL("/a/b/c", wire.NewACLs(wire.WorldAnyone(wire.PermRead)), -1) // a leaf is deleted by its parent's right
	for _, path := range []string{"/", "/a", "/a/b"} {
		f.setACL(path, wire.NewACLs(wire.WorldAnyone(all&^wire.PermDelete)), -1)
		before := f.tree.Digest()
		if code := f.deleteRecursive("/a", -1, 0); code != wire.ErrNoAuth || f.tree.Digest() != before {
			t.Errorf("without the right on %s: got %v", path, code)
		}
		f.setACL(path, openACL, -1)
	}
	if code := f.deleteRecursive("/a", -1, 0); code != wire.OK {
		t.Errorf("with all rights: got %v", code)
	}
}

func TestCreateParents(t *testing.T) {
	f := newFixture(t)
	f.watches.AddPersistent(1, wire.WatchRecursive, []byte("/"))
	if code := f.createParents("/a/b/c", wire.FlagEphemeralSequential); code != wire.OK || f.res.Path != "/a/b/c0000000000" || f.res.Count != 2 {
		t.Fatalf("got %v, %q, %d parents", code, f.res.Path, f.res.Count)
	}
	var events []string
	for _, e := range f.takeEvents() {
		events = append(events, e.path)
	}
	if want := []string{"/a", "/a/b", "/a/b/c0000000000"}; !reflect.DeepEqual(events, want) {
		t.Errorf("events: got %v, want %v", events, want)
	}
	if a, b := f.stat("/a"), f.stat("/a/b"); a.Czxid != int64(f.z) || b.Czxid != int64(f.z) || b.EphemeralOwner != 0 || b.DataLength != 0 || b.Cversion != 1 {
		t.Errorf("parents: got %+v, %+v", a, b)
	}
	f.mustCreate("/e", "", 1)
	before := f.tree.Digest()
	for _, c := range []struct {
		path  string
		flags wire.CreateFlags
		want  wire.ErrorCode
	}{
		{"/a/b", 0, wire.ErrNodeExists}, {"/", 0, wire.ErrNodeExists}, {"/e/x", 0, wire.ErrNoChildrenForEphemerals},
		{"/e/x/y", 0, wire.ErrNoChildrenForEphemerals}, {"/n//x", 0, wire.ErrBadArguments}, {"/n/./x", 0, wire.ErrBadArguments},
		{"/n/", 0, wire.ErrBadArguments}, {"n/x", 0, wire.ErrBadArguments}, {wire.PathExtensions, 0, wire.ErrNodeExists},
		{wire.PathExtensions + "/x", 0, wire.ErrBadArguments}, {"/n", 9, wire.ErrBadArguments},
		{strings.Repeat("/d", 2000), 0, wire.ErrLimitExceeded},
	} {
		if code := f.createParents(c.path, c.flags); code != c.want || f.tree.Digest() != before {
			t.Errorf("%.40s, flags %d: got %v, want %v", c.path, c.flags, code, c.want)
		}
	}
	for path, flags := range map[string]wire.CreateFlags{"/s/": 2, "/s/.": 2, "/c/c": 4, strings.Repeat("/d", 1000): 0} {
		if code := f.createParents(path, flags); code != wire.OK {
			t.Errorf("%.40s: got %v", path, code)
		}
	}
}

func TestCreateParentsAsksTheNearestParentOnly(t *testing.T) {
	f := newFixture(t)
	f.mustCreate("/p", "", 0)
	f.mustCreate("/p/q", "", 0)
	f.setACL("/p/q", wire.NewACLs(wire.WorldAnyone(wire.PermRead|wire.PermAdmin)), -1)
	if code := f.createParents("/p/q/r/s", 0); code != wire.ErrNoAuth {
		t.Errorf("got %v, want no permission", code)
	}
	f.setACL("/p/q", wire.NewACLs(wire.WorldAnyone(wire.PermCreate)), -1)
	f.setACL("/p", wire.NewACLs(wire.WorldAnyone(wire.PermRead)), -1)
	read := wire.CreateRequest{Path: []byte("/p/q/r/s"), ACL: wire.NewACLs(wire.WorldAnyone(wire.PermRead))}
	if code := f.apply(OpCreateParents, read.AppendTTL(nil)); code != wire.OK {
		t.Errorf("with parents that nobody may create in: got %v", code)
	}
	if code := f.create("/p/q/r/t", "", 0); code != wire.ErrNoAuth {
		t.Errorf("below a parent with the given ACL: got %v", code)
	}
}

func TestCreateParentsWithinQuotas(t *testing.T) {
	f := newFixture(t)
	f.settings = SettingEnforceQuota
	f.mustCreate("/a", "", 0)
	f.createParents("/zookeeper/quota/a/zookeeper_limits", 0)
	f.set("/zookeeper/quota/a/zookeeper_limits", "count=1,bytes=-1=;countHardLimit=3", -1)
	f.mustCreate("/zookeeper/quota/a/zookeeper_stats", "", 0)
	before := f.tree.Digest()
	if code := f.createParents("/a/b/c/d", 0); code != wire.ErrQuotaExceeded || f.tree.Digest() != before {
		t.Errorf("four nodes of three: got %v", code)
	}
	if code := f.createParents("/a/b/c", 0); code != wire.OK {
		t.Errorf("three nodes of three: got %v", code)
	}
	if got, _, _ := f.get("/zookeeper/quota/a/zookeeper_stats"); got != "count=3,bytes=1" {
		t.Errorf("got %q", got)
	}
	if code := f.deleteRecursive("/a/b", -1, 0); code != wire.OK {
		t.Errorf("delete: got %v", code)
	}
	if got, _, _ := f.get("/zookeeper/quota/a/zookeeper_stats"); got != "count=1,bytes=0" {
		t.Errorf("got %q", got)
	}
}

func TestExtensionsInAMulti(t *testing.T) {
	f := newFixture(t)
	f.createParents("/old/x", 0)
	czxid := int64(f.z)
	before := f.tree.Digest()
	for _, c := range []struct {
		last subOp
		want wire.ErrorCode
	}{
		{subOp{wire.OpCheckNotExists, pathRecord("/new")}, wire.ErrNodeExists},
		{subOp{wire.OpCheckNotExists, pathRecord("/new/")}, wire.ErrBadArguments},
		{subOp{wire.OpCheckCzxid, checkCzxidBody("/old", czxid, -1)}, wire.ErrNoNode},
		{subOp{wire.OpCheckCzxid, checkCzxidBody("/new", czxid, -1)}, wire.ErrNodeReplaced},
		{subOp{wire.OpCheckCzxid, checkCzxidBody("/new", int64(f.z)+1, 1)}, wire.ErrNodeReplaced},
		{subOp{wire.OpDeleteRecursive, deleteRecursiveBody("/new", -1, 2)}, wire.ErrLimitExceeded},
	} {
		code := f.apply(OpMulti, multiBody(subOp{wire.OpCheckCzxid, checkCzxidBody("/old", czxid, 0)}, subOp{wire.OpCheckNotExists, pathRecord("/new")},
			subOp{wire.OpDeleteRecursive, deleteRecursiveBody("/old", -1, 0)}, subOp{wire.OpCreateParents, createParentsBody("/new/a/b", "", 0)}, c.last))
		if code != wire.OK || !f.res.MultiFailed || f.res.Multi[4].Err != c.want || f.tree.Digest() != before {
			t.Errorf("%+v: got %v, %+v", c, code, f.res.Multi)
		}
	}
	half := strings.Repeat("/d", 800) // one transaction makes no more parents in many steps than in one
	if f.apply(OpMulti, multiBody(subOp{wire.OpCreateParents, createParentsBody("/1"+half, "", 0)}, subOp{wire.OpCreateParents, createParentsBody("/2"+half, "", 0)})); f.res.Multi[1].Err != wire.ErrLimitExceeded {
		t.Errorf("many parents in two steps: got %+v", f.res.Multi[1])
	}
	code := f.apply(OpMulti, multiBody(subOp{wire.OpDeleteRecursive, deleteRecursiveBody("/old", -1, 0)},
		subOp{wire.OpCreateParents, createParentsBody("/new/a/b", "", 0)}, subOp{wire.OpCheckCzxid, checkCzxidBody("/new", int64(f.z)+1, 0)}))
	if code != wire.OK || f.res.MultiFailed {
		t.Fatalf("got %v, %+v", code, f.res.Multi)
	}
	var got []wire.MultiResult
	if err := wire.DecodeMultiResponse(f.res.AppendReply(nil, wire.OpMulti), func(r *wire.MultiResult) { got = append(got, *r) }); err != nil ||
		got[0].Count != 2 || string(got[1].Path) != "/new/a/b" || got[1].Count != 2 || got[1].Stat.Czxid != int64(f.z) || got[2].Type != wire.OpCheckCzxid {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestExtensionsNodeIsSeenAndNowhere(t *testing.T) {
	f := newFixture(t)
	data, stat, code := f.get(wire.PathExtensions)
	if code != wire.OK || wire.ParseExtensions([]byte(data)) == 0 || stat.Czxid != 0 || int(stat.DataLength) != len(data) {
		t.Errorf("got %q, %+v, %v", data, stat, code)
	}
	for name, code := range map[string]wire.ErrorCode{
		"create": f.create(wire.PathExtensions, "", 0), "delete": f.delete(wire.PathExtensions, -1), "set": f.set(wire.PathExtensions, "", -1),
	} {
		if want := map[string]wire.ErrorCode{"create": wire.ErrNodeExists, "delete": wire.ErrBadArguments, "set": wire.ErrNoNode}[name]; code != want {
			t.Errorf("%s: got %v, want %v", name, code, want)
		}
	}
	if st := f.stat("/zookeeper"); st.NumChildren != 2 || f.tree.NodeCount() != 4 {
		t.Errorf("%d children, %d nodes, want 2 and 4", st.NumChildren, f.tree.NodeCount())
	}
	reply, res := f.tree.Read(wire.OpGetACL, pathRecord(wire.PathExtensions), f.reader(), nil)
	r := wire.NewReader(reply)
	var acl wire.ACLResponse
	if acl.Decode(&r); res.Err != wire.OK || !r.OK() || acl.ACL.List()[0] != wire.WorldAnyone(wire.PermRead) || acl.Stat != stat {
		t.Errorf("ACL: got %+v, %v", acl, res.Err)
	}
	set := wire.SetWatches{RelativeZxid: 1, Data: wire.NewStrings(wire.PathExtensions), Child: wire.NewStrings(wire.PathExtensions)}
	f.tree.WatchRequest(f.watches, 1, wire.OpSetWatches, set.Append(nil), 0, f, nil)
	if events := f.takeEvents(); len(events) != 0 {
		t.Errorf("watches set again: got %+v, want no events", events)
	}
}

func TestPagesAreBoundedByBytes(t *testing.T) {
	f := newFixture(t)
	long := strings.Repeat("x", 2000)
	for i := range 1000 {
		f.mustCreate("/"+sequenceName(i)+long, "", 0)
	}
	for limit, wantMore := range map[int]int{0: wire.FrameBytesMax, 1 << 16: 1 << 16, 1 << 10: 1 << 10, 8 << 20: wire.FrameBytesMax} {
		who := f.reader()
		who.ReplyBytesMax = limit
		var after []byte
		seen := 0
		for more := true; more; {
			page, code := f.pageFor(who, &wire.ListPageRequest{Path: []byte("/"), After: after, Prefix: []byte("0"), Flags: wire.PageStats})
			if code != wire.OK {
				t.Fatal(code)
			}
			if size := len(page.Append(nil)) + wire.ReplyHeaderBytes; size > wantMore && page.Entries.Len() > 1 {
				t.Errorf("limit %d: a page of %d bytes", limit, size)
			}
			for e := range page.Entries.All {
				if !strings.HasPrefix(string(e.Name), sequenceName(seen)) {
					t.Fatalf("got %.20s, want number %d", e.Name, seen)
				}
				seen++
				after = append(after[:0], e.Name...)
			}
			more = page.More
		}
		if seen != 1000 {
			t.Errorf("limit %d: %d children seen, want 1000", limit, seen)
		}
	}
}

func TestPageHidesWhatCannotBeRead(t *testing.T) {
	f := newFixture(t)
	f.createParents("/p/open", 0)
	f.mustCreate("/p/shut", "", 0)
	f.setACL("/p/shut", wire.NewACLs(wire.WorldAnyone(wire.PermWrite)), -1)
	page, code := f.page(&wire.ListPageRequest{Path: []byte("/p"), Flags: wire.PageStats})
	var got []bool
	for e := range page.Entries.All {
		got = append(got, e.HasStat)
	}
	if code != wire.OK || !reflect.DeepEqual(got, []bool{true, false}) {
		t.Errorf("got %v, %v, want the Stat of one child", got, code)
	}
	f.setACL("/p", wire.NewACLs(wire.WorldAnyone(wire.PermWrite)), -1)
	if _, code := f.page(&wire.ListPageRequest{Path: []byte("/p")}); code != wire.ErrNoAuth {
		t.Errorf("unreadable parent: got %v", code)
	}
	for _, bad := range []wire.ListPageRequest{{Path: []byte("/"), Limit: -1}, {Path: []byte("/"), Flags: 2}, {}} {
		if _, code := f.page(&bad); code != wire.ErrBadArguments {
			t.Errorf("%+v: got %v", bad, code)
		}
	}
}
