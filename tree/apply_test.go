package tree

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

func TestInitialStats(t *testing.T) {
	f := newFixture(t)
	for path, want := range map[string]wire.Stat{
		"/":                 {Cversion: -1, NumChildren: 1},
		"/zookeeper":        {Cversion: -2, NumChildren: 2},
		"/zookeeper/quota":  {},
		"/zookeeper/config": {Aversion: -1},
	} {
		if got := f.stat(path); got != want {
			t.Errorf("%s: got %+v, want %+v", path, got, want)
		}
	}
}

func TestStatOfEveryChange(t *testing.T) {
	f := newFixture(t)
	f.mustCreate("/p", "abc", 0)
	created, ms := int64(f.z), f.ms
	want := wire.Stat{Czxid: created, Mzxid: created, Pzxid: created, Ctime: ms, Mtime: ms, DataLength: 3}
	if got := f.stat("/p"); got != want || f.res.Stat != want {
		t.Errorf("created: got %+v and %+v, want %+v", got, f.res.Stat, want)
	}
	f.set("/p", "abc", 0)
	want.Mzxid, want.Mtime, want.Version = int64(f.z), f.ms, 1
	if got := f.stat("/p"); got != want {
		t.Errorf("set: got %+v, want %+v", got, want)
	}
	f.mustCreate("/p/c", "", 1)
	want.Pzxid, want.Cversion, want.NumChildren = int64(f.z), 1, 1
	if got := f.stat("/p"); got != want {
		t.Errorf("child created: got %+v, want %+v", got, want)
	}
	if got := f.stat("/p/c").EphemeralOwner; got != int64(f.session) {
		t.Errorf("ephemeral owner: got %x, want %x", got, f.session)
	}
	f.set("/p/c", "grandchildren and child data do not count", -1)
	f.setACL("/p", openACL, 0)
	want.Aversion = 1
	if got := f.stat("/p"); got != want {
		t.Errorf("acl set: got %+v, want %+v", got, want)
	}
	f.delete("/p/c", -1)
	want.Pzxid, want.Cversion, want.NumChildren = int64(f.z), 2, 0
	if got := f.stat("/p"); got != want {
		t.Errorf("child deleted: got %+v, want %+v", got, want)
	}
}

func TestNullAndEmptyData(t *testing.T) {
	f := newFixture(t)
	for path, data := range map[string][]byte{"/null": nil, "/empty": {}} {
		req := wire.CreateRequest{Path: []byte(path), Data: data, ACL: openACL}
		f.apply(OpCreate, req.Append(nil))
		get := wire.PathWatchRequest{Path: []byte(path)}
		reply, _ := f.tree.Read(wire.OpGetData, get.Append(nil), f.reader(), nil)
		r := wire.NewReader(reply)
		if got := r.Buffer(); (got == nil) != (data == nil) {
			t.Errorf("%s: got %v, want %v", path, got, data)
		}
	}
}

func TestErrorPrecedence(t *testing.T) {
	f := newFixture(t)
	locked := wire.NewACLs(wire.WorldAnyone(wire.PermAdmin))
	f.mustCreate("/n", "", 0)
	f.mustCreate("/n/c", "", 0)
	f.mustCreate("/e", "", 1)
	f.apply(OpCreate, createBody("/locked", "", 0, openACL))
	f.mustCreate("/locked/c", "", 0)
	f.setACL("/locked", locked, -1)
	badACL, noACL := wire.NewACLs(wire.ACL{Perms: 1, ID: wire.ID{Scheme: "nope", ID: "x"}}), wire.ACLs{}
	ttl := func(path string, flags wire.CreateFlags, ms int64) []byte {
		req := wire.CreateRequest{Path: []byte(path), ACL: openACL, Flags: flags, TTLMs: ms}
		return req.AppendTTL(nil)
	}
	for _, c := range []struct {
		name string
		op   Op
		body []byte
		want wire.ErrorCode
	}{
		{"create cut short", OpCreate, []byte{0, 0, 0, 1}, wire.ErrMarshalling},
		{"create flag 7", OpCreate, createBody("/x", "", 7, openACL), wire.ErrBadArguments},
		{"create flag before acl", OpCreate, createBody("/x", "", -1, noACL), wire.ErrBadArguments},
		{"create ttl flag, ttl off", OpCreate, createBody("/x", "", 5, openACL), wire.ErrUnimplemented},
		{"createTTL off", OpCreateTTL, ttl("/x", 5, 10), wire.ErrUnimplemented},
		{"createTTL without ttl flag", OpCreateTTL, ttl("/x", 0, 10), wire.ErrBadArguments},
		{"create null path", OpCreate, nullPath(createBody("", "", 0, openACL)[4:]...), wire.ErrMarshalling},
		{"delete null path", OpDelete, nullPath(0, 0, 0, 0), wire.ErrMarshalling},
		{"set null path", OpSetData, nullPath(setBody("", "", -1)[4:]...), wire.ErrBadArguments},
		{"multi null path", OpMulti, multiBody(subOp{wire.OpDelete, pathVersion("/x", -1)}, subOp{wire.OpCheck, nullPath(0, 0, 0, 0)}), wire.ErrMarshalling},
		{"create relative", OpCreate, createBody("a", "", 0, openACL), wire.ErrBadArguments},
		{"create empty", OpCreate, createBody("", "", 0, openACL), wire.ErrBadArguments},
		{"create NUL", OpCreate, createBody("/a\x00", "", 0, openACL), wire.ErrBadArguments},
		{"create path before acl", OpCreate, createBody("a", "", 0, noACL), wire.ErrBadArguments},
		{"create bad acl before parent", OpCreate, createBody("/no/x", "", 0, badACL), wire.ErrInvalidACL},
		{"create null acl", OpCreate, createBody("/x", "", 0, noACL), wire.ErrInvalidACL},
		{"create empty acl", OpCreate, createBody("/x", "", 0, wire.NewACLs()), wire.ErrInvalidACL},
		{"create //", OpCreate, createBody("/a//b", "", 0, openACL), wire.ErrNoNode},
		{"create dot", OpCreate, createBody("/a/./b", "", 0, openACL), wire.ErrNoNode},
		{"create trailing slash", OpCreate, createBody("/n/", "", 0, openACL), wire.ErrBadArguments},
		{"create emoji", OpCreate, createBody("/\U0001f600", "", 0, openACL), wire.ErrBadArguments},
		{"create no auth before exists", OpCreate, createBody("/locked/c", "", 0, openACL), wire.ErrNoAuth},
		{"create exists", OpCreate, createBody("/n", "", 0, openACL), wire.ErrNodeExists},
		{"create root", OpCreate, createBody("/", "", 0, openACL), wire.ErrNodeExists},
		{"create under ephemeral", OpCreate, createBody("/e/x", "", 0, openACL), wire.ErrNoChildrenForEphemerals},
		{"container with sequence", OpCreateContainer, createBody("/x", "", 2, openACL), wire.ErrBadArguments},
		{"delete root", OpDelete, pathVersion("/", -1), wire.ErrBadArguments},
		{"delete system", OpDelete, pathVersion("/zookeeper/config", 7), wire.ErrBadArguments},
		{"delete relative", OpDelete, pathVersion("n", -1), wire.ErrBadArguments},
		{"delete no parent", OpDelete, pathVersion("/no/x", -1), wire.ErrNoNode},
		{"delete missing without right", OpDelete, pathVersion("/locked/x", -1), wire.ErrNoAuth},
		{"delete missing", OpDelete, pathVersion("/x", -1), wire.ErrNoNode},
		{"delete version before children", OpDelete, pathVersion("/n", 5), wire.ErrBadVersion},
		{"delete children", OpDelete, pathVersion("/n", 0), wire.ErrNotEmpty},
		{"set bad path", OpSetData, setBody("/n/", "", -1), wire.ErrBadArguments},
		{"set missing", OpSetData, setBody("/x", "", 3), wire.ErrNoNode},
		{"set no auth before version", OpSetData, setBody("/locked", "", 9), wire.ErrNoAuth},
		{"set version", OpSetData, setBody("/n", "", 9), wire.ErrBadVersion},
		{"set config", OpSetData, setBody("/zookeeper/config", "", -1), wire.ErrNoAuth},
		{"unknown op", Op(77), nil, wire.ErrMarshalling},
	} {
		before := f.tree.Digest()
		if got := f.apply(c.op, c.body); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
		if got := f.tree.Digest(); got != before || f.tree.LastApplied() != f.z {
			t.Errorf("%s: digest %x, want %x; last applied %v, want %v", c.name, got, before, f.tree.LastApplied(), f.z)
		}
	}
}

// What CheckForm refuses, Apply refuses with the same code, and the other way
// round CheckForm never refuses what Apply takes.
func TestCheckFormAgreesWithApply(t *testing.T) {
	f := newFixture(t)
	badACL := wire.NewACLs(wire.ACL{Perms: 1, ID: wire.ID{Scheme: "auth"}})
	for _, c := range []struct {
		op   wire.OpCode
		body []byte
		want wire.ErrorCode
	}{
		{wire.OpCreate, createBody("/x", "", 0, openACL), wire.OK},
		{wire.OpCreate, createBody("/x", "", 9, openACL), wire.ErrBadArguments},
		{wire.OpCreate, createBody("/y", "", 0, badACL), wire.ErrInvalidACL},
		{wire.OpCreate2, createBody("y", "", 0, badACL), wire.ErrBadArguments},
		{wire.OpDelete, pathVersion("/", 0), wire.ErrBadArguments},
		{wire.OpSetData, setBody("/x", "1", 0), wire.OK},
		{wire.OpSetData, setBody("/x/", "1", 0), wire.ErrBadArguments},
		{wire.OpSetData, []byte{0}, wire.ErrMarshalling},
		{wire.OpSetACL, (&wire.SetACLRequest{Path: []byte("/x"), ACL: badACL}).Append(nil), wire.ErrInvalidACL},
		{wire.OpSetACL, (&wire.SetACLRequest{Path: []byte("x"), ACL: badACL}).Append(nil), wire.ErrBadArguments},
		{wire.OpMulti, multiBody(), wire.OK},
		{wire.OpMulti, multiBody(subOp{wire.OpCreate, createBody("/z", "", 9, openACL)}), wire.ErrMarshalling},
		{wire.OpMulti, multiBody(subOp{wire.OpGetData, pathVersion("/x", 0)}), wire.ErrMarshalling},
		{wire.OpMulti, multiBody(subOp{wire.OpSetACL, nil}), wire.ErrMarshalling},
		{wire.OpMulti, nil, wire.ErrMarshalling},
		{wire.OpDelete, pathVersion("/x", 1), wire.OK},
		{wire.OpCloseSession, nil, wire.OK},
	} {
		got := CheckForm(c.op, c.body, NewIdentities(f.ids), f.settings)
		op, ok := OpFor(c.op)
		applied := f.apply(op, c.body)
		if got != c.want || applied != c.want || !ok {
			t.Errorf("%v %q: form %v, apply %v, want %v", c.op, c.body, got, applied, c.want)
		}
	}
	for _, op := range []wire.OpCode{wire.OpCheck, wire.OpCreateSession, wire.OpDeleteContainer, wire.OpGetData, 5000} {
		if got := CheckForm(op, nil, Identities{}, 0); got != wire.ErrUnimplemented {
			t.Errorf("%v: got %v, want %v", op, got, wire.ErrUnimplemented)
		}
		if _, ok := OpFor(op); ok {
			t.Errorf("%v may be proposed", op)
		}
	}
}

// covers: Q07
func TestSequentialNames(t *testing.T) {
	f := newFixture(t)
	f.mustCreate("/q", "", 0)
	for _, c := range []struct{ path, want string }{
		{"/q/s-", "/q/s-0000000000"}, {"/q/", "/q/0000000001"}, {"/q/t", "/q/t0000000002"},
	} {
		if got := f.mustCreate(c.path, "", 2); got != c.want {
			t.Errorf("create %s: got %s, want %s", c.path, got, c.want)
		}
	}
	f.delete("/q/t0000000002", -1)
	f.create("/q/s-0000000000", "", 0) // fails, takes no number
	f.mustCreate("/q/plain", "", 0)    // takes 3
	if got := f.mustCreate("/q/s-", "", 3); got != "/q/s-0000000004" {
		t.Errorf("got %s, want /q/s-0000000004", got)
	}
	f.tree.nodes.find("/q").kin().created = 2147483647
	for _, want := range []string{"/q/s-2147483647", "/q/s-2147483648"} {
		if got := f.mustCreate("/q/s-", "", 2); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f.tree.nodes.find("/q").kin().created = 9_999_999_999
	for _, want := range []string{"/q/s-9999999999", "/q/s-a0000000010000000000", "/q/s-a0000000010000000001"} {
		if got := f.mustCreate("/q/s-", "", 2); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestSessions(t *testing.T) {
	f := newFixture(t)
	first, second := f.session, f.newSession()
	if second != uint64(f.z) || first == second {
		t.Errorf("session id: got %x, want %x", second, uint64(f.z))
	}
	f.mustCreate("/e1", "", 1)
	f.origin = 2
	if got := f.create("/x", "", 0); got != wire.ErrSessionMoved {
		t.Errorf("write through another server: got %v", got)
	}
	if got := f.apply(OpMulti, multiBody()); got != wire.ErrSessionMoved {
		t.Errorf("multi through another server: got %v", got)
	}
	if got := f.apply(OpAttachSession, AppendSessionBody(nil, 7000, [16]byte{9}, 5)); got != wire.ErrSessionPassword {
		t.Errorf("wrong password: got %v", got)
	}
	if got := f.apply(OpAttachSession, AppendSessionBody(nil, 7000, [16]byte{1, 2, 3}, 5)); got != wire.OK {
		t.Errorf("attach: got %v", got)
	}
	want := Session{ID: first, TimeoutMs: 7000, Owner: 2, Nonce: 5, Password: [16]byte{1, 2, 3}}
	if got, ok := f.tree.Session(first); !ok || got != want || f.res.Session != want {
		t.Errorf("attached: got %+v and %+v, want %+v", got, f.res.Session, want)
	}
	f.mustCreate("/e2", "", 3)
	if got, want := f.tree.Ephemerals(first), []string{"/e1", "/e20000000001"}; !reflect.DeepEqual(got, want) {
		t.Errorf("ephemerals: got %v, want %v", got, want)
	}
	f.origin = 1 // the stale server closes for real
	f.watches.AddPersistent(1, wire.WatchRecursive, []byte("/"))
	if got := f.apply(OpCloseSession, nil); got != wire.OK || f.tree.NodeCount() != 4 || f.tree.EphemeralCount() != 0 {
		t.Errorf("close: got %v, %d nodes, %d ephemerals", got, f.tree.NodeCount(), f.tree.EphemeralCount())
	}
	z := int64(f.z)
	wantEvents := []firedEvent{{1, wire.EventNodeDeleted, "/e1", z}, {1, wire.EventNodeDeleted, "/e20000000001", z}}
	if got := f.takeEvents(); !reflect.DeepEqual(got, wantEvents) {
		t.Errorf("close events: got %v, want %v", got, wantEvents)
	}
	for name, code := range map[string]wire.ErrorCode{
		"create": f.create("/y", "", 0), "close": f.apply(OpCloseSession, nil),
		"attach": f.apply(OpAttachSession, AppendSessionBody(nil, 1, [16]byte{1, 2, 3}, 1)),
	} {
		if code != wire.ErrSessionExpired {
			t.Errorf("%s on a closed session: got %v", name, code)
		}
	}
	var ids []uint64
	f.tree.ForEachSession(func(s Session) bool { ids = append(ids, s.ID); return true })
	if !reflect.DeepEqual(ids, []uint64{second}) || f.tree.SessionCount() != 1 {
		t.Errorf("sessions: got %x, want %x", ids, second)
	}
}

func TestMultiReplies(t *testing.T) {
	f := newFixture(t)
	f.mustCreate("/a", "", 0)
	ok := multiBody(
		subOp{wire.OpCreate, createBody("/p", "", 0, openACL)},
		subOp{wire.OpCreate2, createBody("/p/s-", "", 2, openACL)},
		subOp{wire.OpCreate, createBody("/p/s-", "", 2, openACL)},
		subOp{wire.OpCreateContainer, createBody("/p/c", "", 4, openACL)},
		subOp{wire.OpSetData, setBody("/p", "x", 0)},
		subOp{wire.OpCheck, pathVersion("/p", 1)},
		subOp{wire.OpDelete, pathVersion("/a", 0)},
	)
	if code := f.apply(OpMulti, ok); code != wire.OK || f.res.MultiFailed {
		t.Fatalf("multi: got %v, %+v", code, f.res)
	}
	var got []string
	err := wire.DecodeMultiResponse(f.res.AppendReply(nil, wire.OpMulti), func(r *wire.MultiResult) {
		got = append(got, fmt.Sprintf("%d%s@%d", r.Type, r.Path, r.Stat.Mzxid))
	})
	z := int64(f.z)
	want := []string{
		"1/p@0", fmt.Sprintf("15/p/s-0000000000@%d", z), "1/p/s-0000000001@0", fmt.Sprintf("15/p/c@%d", z),
		fmt.Sprintf("5@%d", z), "13@0", "2@0",
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("results: got %v, %v, want %v", got, err, want)
	}
	before := f.tree.Digest()
	f.watches.AddPersistent(1, wire.WatchRecursive, []byte("/"))
	failing := multiBody(
		subOp{wire.OpCreate, createBody("/p/s-", "", 2, openACL)},
		subOp{wire.OpDelete, pathVersion("/p/c", -1)},
		subOp{wire.OpSetData, setBody("/p", "y", -1)},
		subOp{wire.OpCheck, pathVersion("/p", 9)},
		subOp{wire.OpDelete, pathVersion("/p", -1)},
	)
	code := f.apply(OpMulti, failing)
	var codes []wire.ErrorCode
	for _, r := range f.res.Multi {
		codes = append(codes, r.Err)
	}
	wantCodes := []wire.ErrorCode{0, 0, 0, wire.ErrBadVersion, wire.ErrRuntimeInconsistency}
	if code != wire.OK || !f.res.Failed() || !reflect.DeepEqual(codes, wantCodes) {
		t.Errorf("failed multi: got %v, %v, want %v", code, codes, wantCodes)
	}
	if f.tree.Digest() != before || len(f.takeEvents()) != 0 {
		t.Errorf("failed multi changed the tree or fired")
	}
	if got := f.mustCreate("/p/s-", "", 2); got != "/p/s-0000000003" {
		t.Errorf("number after a failed multi: got %s", got)
	}
	if f.apply(OpMulti, multiBody()) != wire.OK || !bytes.Equal(f.res.AppendReply(nil, wire.OpMulti), wire.AppendMultiEnd(nil)) {
		t.Errorf("empty multi: got %+v", f.res)
	}
}

func TestContainersAndTTL(t *testing.T) {
	f := newFixture(t)
	f.settings = SettingExtendedTypes
	ttl := func(path string, flags wire.CreateFlags, ms int64) wire.ErrorCode {
		req := wire.CreateRequest{Path: []byte(path), ACL: openACL, Flags: flags, TTLMs: ms}
		return f.apply(OpCreateTTL, req.AppendTTL(nil))
	}
	for ms, want := range map[int64]wire.ErrorCode{0: wire.ErrBadArguments, -1: wire.ErrBadArguments, 1 << 40: wire.ErrBadArguments, 1<<40 - 1: wire.OK} {
		if got := ttl("/t", 5, ms); got != want {
			t.Errorf("ttl %d: got %v, want %v", ms, got, want)
		}
	}
	if ttl("/t", 6, 50); f.res.Path != "/t0000000001" || f.res.Stat.EphemeralOwner != 0 {
		t.Errorf("sequential ttl: got %+v", f.res.OpResult)
	}
	if f.create("/x", "", 5) != wire.ErrBadArguments {
		t.Errorf("ttl flag in create: got %v", f.res.Err)
	}
	f.apply(OpCreateContainer, createBody("/c", "", 0, openACL))
	f.apply(OpCreateContainer, createBody("/unused", "", 4, openACL))
	f.mustCreate("/c/x", "", 0)
	born := f.ms
	if got := f.tree.ReapCandidates(born, 0); len(got) != 0 {
		t.Errorf("nothing is idle yet: got %v", got)
	}
	path := func(p string) []byte { return (&wire.PathRequest{Path: []byte(p)}).Append(nil) }
	if got := f.apply(OpReap, path("/c")); got != wire.ErrNotEmpty {
		t.Errorf("reap with children: got %v", got)
	}
	f.set("/t0000000001", "", -1) // postpones
	f.delete("/c/x", -1)
	now := f.ms + 45
	if got, want := f.tree.ReapCandidates(now, 0), []string{"/c", "/t0000000001"}; !reflect.DeepEqual(got, want) {
		t.Errorf("candidates: got %v, want %v", got, want)
	}
	if got, want := f.tree.ReapCandidates(now, 20), []string{"/c", "/t0000000001", "/unused"}; !reflect.DeepEqual(got, want) {
		t.Errorf("candidates with unused: got %v, want %v", got, want)
	}
	f.session, f.ms = 0, now
	for p, want := range map[string]wire.ErrorCode{
		"/c": wire.OK, "/t0000000001": wire.OK, "/unused": wire.OK, "/t": wire.ErrBadArguments,
		"/gone": wire.ErrNoNode, "/zookeeper/quota": wire.ErrBadArguments,
	} {
		if got := f.apply(OpReap, path(p)); got != want {
			t.Errorf("reap %s: got %v, want %v", p, got, want)
		}
	}
}

func TestQuotas(t *testing.T) {
	f := newFixture(t)
	f.settings = SettingEnforceQuota
	f.mustCreate("/a", "12345", 0)
	f.mustCreate("/a/b", "678", 0)
	f.mustCreate("/zookeeper/quota/a", "", 0)
	f.mustCreate("/zookeeper/quota/a/zookeeper_limits", "count=1,bytes=1=;byteHardLimit=12;countHardLimit=3", 0)
	f.mustCreate("/zookeeper/quota/a/zookeeper_stats", "", 0)
	stats := func(want string) {
		t.Helper()
		got, stat, _ := f.get("/zookeeper/quota/a/zookeeper_stats")
		if got != want || stat.Version != 0 {
			t.Errorf("stats: got %q version %d, want %q version 0", got, stat.Version, want)
		}
	}
	stats("count=2,bytes=8")
	f.mustCreate("/a/c", "9", 0)
	f.mustCreate("/ab", "does not count", 0)
	stats("count=3,bytes=9")
	for name, code := range map[string]wire.ErrorCode{
		"create": f.create("/a/d", "", 0), "set": f.set("/a", strings.Repeat("x", 9), -1),
	} {
		if code != wire.ErrQuotaExceeded {
			t.Errorf("%s over the limit: got %v", name, code)
		}
	}
	f.apply(OpMulti, multiBody(
		subOp{wire.OpDelete, pathVersion("/a/c", -1)}, subOp{wire.OpCreate, createBody("/a/d", "12345", 0, openACL)},
	))
	if !f.res.MultiFailed || f.res.Multi[1].Err != wire.ErrQuotaExceeded {
		t.Errorf("multi over the limit: got %+v", f.res.Multi)
	}
	stats("count=3,bytes=9")
	img := f.tree.BeginImage()
	stream, _ := img.Next(nil, 1000)
	restored, err := Restore(bytes.NewReader(stream))
	if err != nil || restored.quotas["/a"].count != 3 || restored.quotas["/a"].bytes != 9 || restored.quotas["/a"].stats == nil {
		t.Errorf("restored quota: got %+v, %v", restored.quotas["/a"], err)
	}
	f.delete("/zookeeper/quota/a/zookeeper_limits", -1)
	if got := f.create("/a/d", "", 0); got != wire.OK {
		t.Errorf("without limits: got %v", got)
	}
	stats("count=3,bytes=9")
	f.delete("/zookeeper/quota/a/zookeeper_stats", -1)
	f.mustCreate("/zookeeper/quota/a/zookeeper_stats", "x", 0)
	stats("count=4,bytes=9") // counted once, and then left alone
	f.mustCreate("/a/e", "1", 0)
	stats("count=4,bytes=9")
	f.apply(OpMulti, multiBody(
		subOp{wire.OpDelete, pathVersion("/zookeeper/quota/a/zookeeper_stats", -1)},
		subOp{wire.OpCreate, createBody("/zookeeper/quota/a/zookeeper_stats", "y", 0, openACL)},
		subOp{wire.OpDelete, pathVersion("/zookeeper/quota/a/zookeeper_stats", -1)},
	))
	if f.res.MultiFailed || f.tree.Digest() != fullDigest(f.tree) {
		t.Errorf("statistics made and deleted in one multi: %+v, digest %x, want %x", f.res.Multi, f.tree.Digest(), fullDigest(f.tree))
	}
}

func TestSetConfig(t *testing.T) {
	f := newFixture(t)
	f.watch(3, wire.OpGetData, "/zookeeper/config")
	f.session = 0
	f.apply(OpSetConfig, nil)
	if stat := f.stat("/zookeeper/config"); stat != (wire.Stat{Aversion: -1}) || len(f.takeEvents()) != 0 {
		t.Errorf("a server on its own: got %+v, want the node as it began", stat)
	}
	f.apply(OpSetConfig, []byte("server.1=…\nversion=1"))
	data, stat, _ := f.get("/zookeeper/config")
	if data != "server.1=…\nversion=1" || stat.Version != -1 || stat.Mzxid != int64(f.z) || len(f.takeEvents()) != 1 {
		t.Errorf("got %q, %+v", data, stat)
	}
}
