package tree

import (
	"reflect"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

func aclOf(perms wire.Perms, scheme, id string) wire.ACL {
	return wire.ACL{Perms: perms, ID: wire.ID{Scheme: scheme, ID: id}}
}

func TestACLForm(t *testing.T) {
	ids := NewIdentities([]Identity{{"ip", "10.0.0.1"}, {"digest", "u:h"}})
	all := SettingSASL | SettingX509
	for _, c := range []struct {
		scheme, id string
		settings   Settings
		want       bool
	}{
		{"world", "anyone", 0, true}, {"world", "you", 0, false}, {"world", "", 0, false},
		{"ip", "1.2.3.4", 0, true}, {"ip", "1.2.3.4/0", 0, true}, {"ip", "1.2.3.4/32", 0, true}, {"ip", "1.2.3.4/33", 0, false},
		{"ip", "::1", 0, true}, {"ip", "fe80::/64", 0, true}, {"ip", "fe80::/129", 0, false}, {"ip", "1.2.3", 0, false},
		{"ip", "fe80::1%eth0", 0, false}, {"ip", "", 0, false}, {"ip", "1.2.3.4/", 0, false}, {"ip", "1.2.3.4/-1", 0, false},
		{"ip", "01.2.3.004", 0, true}, {"ip", "1.+2.3.4/+8", 0, true}, {"ip", "1.2.3.4/08", 0, true}, {"ip", "1.2.3.256", 0, false},
		{"ip", "1.2.-3.4", 0, false}, {"ip", "1.2.3.4/8/8", 0, false}, {"ip", "1.2.3.4.5", 0, false}, {"ip", "1..3.4", 0, false},
		{"digest", "u:h", 0, true}, {"digest", ":h", 0, true}, {"digest", "a:b:c", 0, false}, {"digest", "ab", 0, false},
		{"digest", "a:", 0, false}, {"digest", "a:b:", 0, true}, {"digest", "", 0, false},
		{"sasl", "u", 0, false}, {"sasl", "u", all, true}, {"x509", "CN=a", 0, false}, {"x509", "CN=a", all, true},
		{"super", "", all, false}, {"auth", "", 0, true}, {"ensemble", "x", all, false}, {"", "", all, false},
	} {
		if got := checkACL(wire.NewACLs(aclOf(1, c.scheme, c.id)), ids, c.settings) == wire.OK; got != c.want {
			t.Errorf("%s:%s with settings %d: got %v, want %v", c.scheme, c.id, c.settings, got, c.want)
		}
	}
	onlyIP := NewIdentities([]Identity{{"ip", "10.0.0.1"}, Super})
	if got := checkACL(wire.NewACLs(aclOf(1, "auth", "")), onlyIP, 0); got != wire.ErrInvalidACL {
		t.Errorf("auth without ids: got %v", got)
	}
}

// covers: A10
func TestACLMatching(t *testing.T) {
	for _, c := range []struct {
		entry wire.ACL
		id    Identity
		want  bool
	}{
		{aclOf(1, "digest", "u:h"), Identity{"digest", "u:h"}, true},
		{aclOf(1, "digest", "u:h"), Identity{"digest", "u:g"}, false},
		{aclOf(2, "digest", "u:h"), Identity{"digest", "u:h"}, false},
		{aclOf(2, "digest", "u:h"), Super, true},
		{aclOf(255, "ip", "10.1.0.0/16"), Identity{"ip", "10.1.200.3"}, true},
		{aclOf(1, "ip", "10.1.0.0/16"), Identity{"ip", "10.2.0.1"}, false},
		{aclOf(1, "ip", "010.1.2.3/+16"), Identity{"ip", "10.1.200.3"}, true},
		{aclOf(1, "ip", "10.1.2.3"), Identity{"ip", "::ffff:10.1.2.3"}, true},
		{aclOf(1, "ip", "0.0.0.0/0"), Identity{"ip", "::1"}, false},
		{aclOf(1, "ip", "2001:db8::/32"), Identity{"ip", "2001:db8::7"}, true},
		{aclOf(1, "sasl", "kate"), Identity{"sasl", "kate"}, true},
		{aclOf(1, "sasl", "kate"), Identity{"sasl", "super"}, true},
		{aclOf(1, "x509", "CN=a"), Identity{"x509", "CN=a"}, true},
		{aclOf(1, "world", "anyone"), Identity{"ip", "::1"}, true},
		{aclOf(0, "world", "anyone"), Identity{"ip", "::1"}, false},
		{aclOf(1, "digest", "super"), Identity{"super2", ""}, false},
	} {
		a := newACL(0, wire.NewACLs(c.entry).Bytes())
		if got := a.allows(wire.PermRead, NewIdentities([]Identity{c.id}), 0); got != c.want {
			t.Errorf("%+v for %+v: got %v, want %v", c.entry, c.id, got, c.want)
		}
		if !a.allows(wire.PermRead, Identities{}, SettingSkipACL) {
			t.Errorf("%+v: skipACL refuses", c.entry)
		}
	}
}

func TestPermissionOfEveryOperation(t *testing.T) {
	ops := []struct {
		name string
		perm wire.Perms
		run  func(f *fixture) wire.ErrorCode
	}{
		{"getData", wire.PermRead, func(f *fixture) wire.ErrorCode { _, _, code := f.get("/n"); return code }},
		{"exists", wire.PermRead, func(f *fixture) wire.ErrorCode { return f.watch(1, wire.OpExists, "/n") }},
		{"getChildren", wire.PermRead, func(f *fixture) wire.ErrorCode { return f.watch(1, wire.OpGetChildren, "/n") }},
		{"getChildren2", wire.PermRead, func(f *fixture) wire.ErrorCode { return f.watch(1, wire.OpGetChildren2, "/n") }},
		{"setData", wire.PermWrite, func(f *fixture) wire.ErrorCode { return f.set("/n", "", -1) }},
		{"create", wire.PermCreate, func(f *fixture) wire.ErrorCode { return f.create("/n/new", "", 0) }},
		{"delete", wire.PermDelete, func(f *fixture) wire.ErrorCode { return f.delete("/n/c", -1) }},
		{"setACL", wire.PermAdmin, func(f *fixture) wire.ErrorCode { return f.setACL("/n", openACL, -1) }},
		{"getACL", wire.PermAdmin | wire.PermRead, func(f *fixture) wire.ErrorCode {
			_, res := f.tree.Read(wire.OpGetACL, (&wire.PathRequest{Path: []byte("/n")}).Append(nil), f.reader(), nil)
			return res.Err
		}},
		{"check", wire.PermRead, func(f *fixture) wire.ErrorCode {
			f.apply(OpMulti, multiBody(subOp{wire.OpCheck, pathVersion("/n", -1)}))
			return f.res.Multi[0].Err
		}},
		{"descendants", wire.PermRead, func(f *fixture) wire.ErrorCode {
			_, res := f.tree.Read(wire.OpGetAllChildrenNumber, (&wire.PathRequest{Path: []byte("/n")}).Append(nil), f.reader(), nil)
			return res.Err
		}},
	}
	for _, op := range ops {
		for bit := wire.PermRead; bit <= wire.PermAdmin; bit <<= 1 {
			f := newFixture(t)
			f.mustCreate("/n", "", 0)
			f.apply(OpCreate, createBody("/n/c", "", 0, wire.NewACLs(wire.WorldAnyone(0))))
			f.setACL("/n", wire.NewACLs(wire.WorldAnyone(bit)), -1)
			want := wire.OK
			if op.perm&bit == 0 {
				want = wire.ErrNoAuth
			}
			if got := op.run(f); got != want {
				t.Errorf("%s with permission %d: got %v, want %v", op.name, bit, got, want)
			}
		}
	}
}

func TestAuthExpansionDuplicatesAndMasking(t *testing.T) {
	f := newFixture(t)
	f.ids = []Identity{{"ip", "10.0.0.1"}, {"digest", "bob:ikIaKsbtGweaHnb/jKn7OHqbunM="}, {"digest", "eve:x"}}
	list := wire.NewACLs(aclOf(16, "auth", "ignored"), aclOf(1, "world", "anyone"), aclOf(1, "world", "anyone"), aclOf(16, "auth", ""))
	if code := f.apply(OpCreate, createBody("/n", "", 0, list)); code != wire.OK {
		t.Fatalf("create: %v", code)
	}
	read := func() []wire.ACL {
		reply, _ := f.tree.Read(wire.OpGetACL, (&wire.PathRequest{Path: []byte("/n")}).Append(nil), f.reader(), nil)
		var got wire.ACLResponse
		r := wire.NewReader(reply)
		got.Decode(&r)
		return got.ACL.List()
	}
	want := []wire.ACL{aclOf(16, "digest", "bob:ikIaKsbtGweaHnb/jKn7OHqbunM="), aclOf(16, "digest", "eve:x"), aclOf(1, "world", "anyone")}
	if got := read(); !reflect.DeepEqual(got, want) {
		t.Errorf("with ADMIN: got %v, want %v", got, want)
	}
	f.ids = nil
	want[0].ID.ID = "bob:x"
	if got := read(); !reflect.DeepEqual(got, want) {
		t.Errorf("without ADMIN: got %v, want %v", got, want)
	}
	if got := len(f.tree.acls.byRaw); got != 3 {
		t.Errorf("interned lists: got %d, want 3", got)
	}
	f.delete("/n", -1)
	if got := len(f.tree.acls.byRaw); got != 2 {
		t.Errorf("interned lists after delete: got %d, want 2", got)
	}
}

func TestSetACLVersion(t *testing.T) {
	f := newFixture(t)
	f.mustCreate("/n", "", 0)
	f.set("/n", "", -1) // the data version does not count
	for _, c := range []struct {
		version int32
		want    wire.ErrorCode
	}{{1, wire.ErrBadVersion}, {0, wire.OK}, {0, wire.ErrBadVersion}, {-1, wire.OK}} {
		if got := f.setACL("/n", openACL, c.version); got != c.want {
			t.Errorf("version %d: got %v, want %v", c.version, got, c.want)
		}
	}
}

func TestIdentitiesRoundTrip(t *testing.T) {
	list := []Identity{{"ip", "1.2.3.4"}, {"ip", "2001:db8::1"}, {"digest", "u:h"}, Super, {"other", "x"}, {"sasl", "s"}, {"x509", "CN=a"}}
	ids, rest, ok := splitIdentities(append(NewIdentities(list).append(nil), 1, 2))
	if got := ids.List(); !ok || len(rest) != 2 || !reflect.DeepEqual(got, list) {
		t.Errorf("got %v, %v, want %v", got, ok, list)
	}
}
