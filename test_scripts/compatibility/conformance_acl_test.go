package compatibility

import (
	"fmt"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

// attempts are what the permissions of path decide; the last field is the
// permission that is needed. The children of path stay as they are.
func attempts(u *user, path string) map[string]wire.ErrorCode {
	return map[string]wire.ErrorCode{
		"getData 1":              u.read(wire.OpGetData, path, false),
		"getChildren 1":          u.read(wire.OpGetChildren, path, false),
		"getChildren2 1":         u.read(wire.OpGetChildren2, path, false),
		"getAllChildrenNumber 1": u.do(wire.OpGetAllChildrenNumber, pathRecord(path)).Err,
		"getACL 17":              u.do(wire.OpGetACL, pathRecord(path)).Err,
		"setData 2":              u.set(path, "", -1),
		"create 4":               u.do(wire.OpCreate, createRecord(path+"/new", "", 0, openACL)).Err,
		"delete 8":               u.delete(path+"/old", -1),
		"setACL 16":              u.setACL(path, 99, wire.WorldAnyone(31)),
	}
}

var aclRows = []row{
	{"A01", "", func(t *testing.T, s *Server) {
		u, super := connect(t, s), connect(t, s)
		path := home(t, u)
		super.auth("digest", SuperPassword)
		for _, perms := range []wire.Perms{0, 1, 2, 4, 8, 16, 31, 255, 3, 24} {
			p := fmt.Sprintf("%s/%d", path, perms)
			super.made(p, "", 0)
			super.made(p+"/old", "", 0)
			super.setACL(p, -1, wire.WorldAnyone(perms))
			for what, got := range attempts(u, p) {
				var name string
				var needed wire.Perms
				_, _ = fmt.Sscan(what, &name, &needed)
				want := wire.OK
				switch {
				case perms&needed == 0:
					want = wire.ErrNoAuth
				case name == "setACL":
					want = wire.ErrBadVersion // asked with a wrong one
				}
				if got != want {
					t.Errorf("world:anyone:%d, %s: got %v, want %v", perms, what, got, want)
				}
			}
		}
	}},
	{"A02", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		equal(t, "the root's ACL", u.acl("/"), []string{"31 world:anyone"})
		equal(t, "the ACL of /zookeeper", u.acl("/zookeeper"), []string{"31 world:anyone"})
		equal(t, "the configuration's ACL", u.acl("/zookeeper/config"), []string{"1 world:anyone"})
	}},
	{"A03", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.madeFor(path+"/a", entry(31, "digest", bobDigest))
		for what, got := range attempts(u, path+"/a") {
			equal(t, what, got, wire.ErrNoAuth)
		}
		equal(t, "check", u.multi(wire.OpMulti, op{wire.OpCheck, pathVersion(path+"/a", -1)}), []string{"-102"})
		equal(t, "the configuration", u.set("/zookeeper/config", "", -1), wire.ErrNoAuth)
	}},
	{"A04", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.madeFor(path+"/a", wire.WorldAnyone(0))
		equal(t, "delete", u.delete(path+"/a", 0), wire.OK)
	}},
	{"A05", "", func(t *testing.T, s *Server) {
		u, bob := connect(t, s), connect(t, s)
		path := home(t, u)
		equal(t, "auth", bob.auth("digest", "bob:pw"), wire.OK)
		u.madeFor(path+"/a", entry(31, "digest", bobDigest))
		equal(t, "another", u.read(wire.OpGetData, path+"/a", false), wire.ErrNoAuth)
		equal(t, "bob", bob.read(wire.OpGetData, path+"/a", false), wire.OK)
		u.auth("digest", "bob:wrong")
		equal(t, "a wrong password", u.read(wire.OpGetData, path+"/a", false), wire.ErrNoAuth)
		equal(t, "after a reconnect", bob.again().read(wire.OpGetData, path+"/a", false), wire.ErrNoAuth)
	}},
	{"A06", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		equal(t, "without ids", u.setACL(path, -1, entry(31, "auth", "")), wire.ErrInvalidACL)
		u.auth("digest", "bob:pw")
		u.madeFor(path+"/a", entry(31, "auth", "whatever"))
		equal(t, "expanded", u.acl(path+"/a"), []string{"31 digest:" + bobDigest})
	}},
	{"A07", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		for _, bad := range [][]wire.ACL{{}, {entry(31, "nonesuch", "x")}, {entry(31, "world", "bob")}, {entry(31, "digest", "a:b:c")},
			{entry(31, "digest", "nocolon")}, {entry(31, "ip", "1.2.3.4/33")}, {entry(31, "ip", "1.2.3")}, {entry(31, "super", "")},
			{wire.WorldAnyone(31), entry(31, "", "")}, {entry(31, "sasl", "x")}} {
			equal(t, fmt.Sprint("setACL ", bad), u.setACL(path, -1, bad...), wire.ErrInvalidACL)
		}
		equal(t, "null", u.do(wire.OpCreate, createRecord(path+"/a", "", 0, wire.ACLs{})).Err, wire.ErrInvalidACL)
		u.madeFor(path+"/b", wire.WorldAnyone(31), entry(1, "digest", bobDigest), wire.WorldAnyone(31), entry(2, "digest", bobDigest))
		equal(t, "duplicates", u.acl(path+"/b"), []string{"31 world:anyone", "1 digest:" + bobDigest, "2 digest:" + bobDigest})
	}},
	{"A08", "", func(t *testing.T, s *Server) {
		u, bob := connect(t, s), connect(t, s)
		path := home(t, u)
		bob.auth("digest", "bob:pw")
		u.madeFor(path+"/read", wire.WorldAnyone(1), entry(31, "digest", bobDigest))
		u.madeFor(path+"/write", wire.WorldAnyone(2), entry(31, "digest", bobDigest))
		equal(t, "with READ", u.acl(path+"/read"), []string{"1 world:anyone", "31 digest:bob:x"})
		equal(t, "with ADMIN", bob.acl(path+"/read"), []string{"1 world:anyone", "31 digest:" + bobDigest})
		equal(t, "with neither", u.acl(path+"/write"), []string{"NOAUTH"})
	}},
	{"A09", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		equal(t, "wrong", u.setACL(path, 1, wire.WorldAnyone(31)), wire.ErrBadVersion)
		equal(t, "right", u.setACL(path, 0, wire.WorldAnyone(31)), wire.OK)
		u.set(path, "", -1)
		equal(t, "next", u.setACL(path, 1, wire.WorldAnyone(31)), wire.OK)
		equal(t, "any", u.setACL(path, -1, wire.WorldAnyone(31)), wire.OK)
		equal(t, "missing", u.setACL(path+"/x", -1, wire.WorldAnyone(31)), wire.ErrNoNode)
		equal(t, "aversion", u.stat(path).Aversion, 3)
	}},
	{"A10", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		for i, c := range []struct {
			id   string
			want wire.ErrorCode
		}{{"127.0.0.1", wire.OK}, {"127.0.0.2", wire.ErrNoAuth}, {"127.0.0.0/8", wire.OK}, {"126.0.0.0/7", wire.OK}, {"127.0.0.2/31", wire.ErrNoAuth},
			{"0.0.0.0/0", wire.OK}, {"10.0.0.0/8", wire.ErrNoAuth}, {"127.0.0.1/32", wire.OK}, {"127.00.0.01", wire.OK}, {"127.0.0.9/+8", wire.OK}} {
			p := fmt.Sprintf("%s/%d", path, i)
			u.madeFor(p, entry(31, "ip", c.id))
			equal(t, c.id, u.read(wire.OpGetData, p, false), c.want)
		}
	}},
	{"A10b", "knows IPv6 since 3.9.4", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		for i, id := range []string{"::1", "fe80::/64"} {
			p := fmt.Sprintf("%s/%d", path, i)
			u.madeFor(p, entry(31, "ip", id))
			equal(t, id, u.read(wire.OpGetData, p, false), wire.ErrNoAuth)
		}
	}},
	{"A11", "does not ask for READ before 3.8.4", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.madeFor(path+"/a", wire.WorldAnyone(30))
		equal(t, "exists", u.read(wire.OpExists, path+"/a", true), wire.ErrNoAuth)
		u.set(path+"/a", "", -1)
		u.wantEvents()
	}},
	{"A12", "", func(t *testing.T, s *Server) {
		u, super := connect(t, s), connect(t, s)
		path := home(t, u)
		u.madeFor(path+"/a", wire.WorldAnyone(0))
		super.auth("digest", SuperPassword)
		for what, got := range attempts(super, path+"/a") {
			if got == wire.ErrNoAuth {
				t.Errorf("%s is refused", what)
			}
		}
		u.auth("digest", "super:wrong")
		equal(t, "a wrong password", u.read(wire.OpGetData, path+"/a", false), wire.ErrNoAuth)
	}},
	{"A13", "", func(t *testing.T, s *Server) {
		for _, scheme := range []string{"nonesuch", "world", "auth", "super", ""} {
			u := connect(t, s)
			equal(t, "scheme "+scheme, u.auth(scheme, "x"), wire.ErrAuthFailed)
			u.ends()
		}
		u := connect(t, s)
		null := wire.AuthPacket{Scheme: []byte("digest")}
		equal(t, "null credentials", u.do2(wire.XidAuth, wire.OpAuth, null.Append(nil)).Err, wire.ErrAuthFailed)
		u.ends()
	}},
	{"A14", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.auth("digest", "al:x")
		u.auth("digest", "bob:pw")
		u.auth("digest", "bob:pw")
		u.auth("ip", "")
		u.madeFor(path+"/a", entry(31, "digest", bobDigest))
		equal(t, "the second id counts", u.read(wire.OpGetData, path+"/a", false), wire.OK)
		equal(t, "ids", whoAmI(u), map[string]int{"ip:127.0.0.1": 1, "digest:al": 1, "digest:bob": 1})
	}},
	{"A15", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		equal(t, "ids", whoAmI(u), map[string]int{"ip:127.0.0.1": 1})
		u.auth("digest", SuperPassword)
		u.auth("digest", "nocolon")
		equal(t, "ids of the super user", whoAmI(u), map[string]int{"ip:127.0.0.1": 1, "super:": 1, "digest:super": 1, "digest:nocolon": 1})
	}},
}

func whoAmI(u *user) map[string]int {
	u.t.Helper()
	var w wire.WhoAmIResponse
	r := wire.NewReader(u.do(wire.OpWhoAmI, nil).Body)
	w.Decode(&r)
	all := map[string]int{}
	for _, c := range w.Clients {
		all[c.Scheme+":"+c.ID]++
	}
	return all
}
