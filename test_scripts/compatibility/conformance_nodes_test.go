package compatibility

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

var nodeRows = []row{
	{"D01", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		equal(t, "name", u.made(path+"/a", "data", 0), path+"/a")
		data, _ := v.get(path + "/a")
		equal(t, "data", string(data), "data")
	}},
	{"D02", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		for i, code := range []wire.OpCode{wire.OpCreate2, wire.OpCreateContainer} {
			p := fmt.Sprintf("%s/%d", path, i)
			reply := u.do(code, createRecord(p, "abc", wire.CreateFlags(4*i), openACL))
			var c wire.CreateResponse
			r := wire.NewReader(reply.Body)
			c.DecodeStat(&r)
			if !r.OK() || len(r.Rest()) > 0 || string(c.Path) != p || c.Stat != u.stat(p) || c.Stat.Czxid != reply.Zxid ||
				c.Stat.Czxid != c.Stat.Mzxid || c.Stat.Czxid != c.Stat.Pzxid || c.Stat.Version != 0 || c.Stat.Cversion != 0 || c.Stat.DataLength != 3 {
				t.Errorf("%v: got %+v", code, c)
			}
		}
	}},
	{"D03", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		c := wire.CreateRequest{Path: []byte(path + "/null"), ACL: openACL}
		u.do(wire.OpCreate, c.Append(nil))
		u.made(path+"/empty", "", 0)
		null, a := u.get(path + "/null")
		empty, b := u.get(path + "/empty")
		if null != nil || empty == nil || a.DataLength != 0 || b.DataLength != 0 {
			t.Errorf("got %v and %v, lengths %d and %d", null, empty, a.DataLength, b.DataLength)
		}
	}},
	{"D04", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.made(path+"/e", "", wire.FlagEphemeral)
		for _, c := range []struct {
			path  string
			flags wire.CreateFlags
			want  wire.ErrorCode
		}{{path, 0, wire.ErrNodeExists}, {path + "/no/x", 0, wire.ErrNoNode}, {path + "/x", 7, wire.ErrBadArguments}, {path + "/x", -1, wire.ErrBadArguments},
			{path + "/x", wire.FlagTTL, wire.ErrBadArguments}, {"x", 0, wire.ErrBadArguments}, {"", 0, wire.ErrBadArguments}, {path + "/", 0, wire.ErrBadArguments},
			{path + "/e/x", 0, wire.ErrNoChildrenForEphemerals}, {path + "/e/x", wire.FlagEphemeral, wire.ErrNoChildrenForEphemerals}} {
			if _, got := u.create(c.path, "", c.flags); got != c.want {
				t.Errorf("create %q with flags %d: got %v, want %v", c.path, c.flags, got, c.want)
			}
		}
	}},
	{"D05", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.made(path+"/a", "", 0)
		u.made(path+"/a/b", "", 0)
		u.setACL(path+"/a", -1, wire.WorldAnyone(wire.PermAll&^(wire.PermCreate|wire.PermDelete)))
		bad := wire.NewACLs(entry(31, "nonesuch", ""))
		for _, c := range []struct {
			path string
			acl  wire.ACLs
			want wire.ErrorCode
		}{{path + "//b", openACL, wire.ErrNoNode}, {path + "/./b", openACL, wire.ErrNoNode}, {path + "/a/b", openACL, wire.ErrNoAuth},
			{path + "/no/x", bad, wire.ErrInvalidACL}, {"x", bad, wire.ErrBadArguments}} {
			if got := u.do(wire.OpCreate, createRecord(c.path, "", 0, c.acl)).Err; got != c.want {
				t.Errorf("create %q: got %v, want %v", c.path, got, c.want)
			}
		}
		equal(t, "delete of a missing child", u.delete(path+"/a/x", -1), wire.ErrNoAuth)
	}},
	{"D06", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.made(path+"/a", "", 0)
		u.made(path+"/a/b", "", 0)
		equal(t, "version before children", u.delete(path+"/a", 3), wire.ErrBadVersion)
		equal(t, "children", u.delete(path+"/a", 0), wire.ErrNotEmpty)
		equal(t, "missing", u.delete(path+"/a/c", -1), wire.ErrNoNode)
		equal(t, "version", u.delete(path+"/a/b", 0), wire.OK)
		u.set(path+"/a", "x", -1)
		equal(t, "old version", u.delete(path+"/a", 0), wire.ErrBadVersion)
		equal(t, "any version", u.delete(path+"/a", -1), wire.OK)
	}},
	{"D07", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		for _, path := range []string{"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"} {
			equal(t, "delete "+path, u.delete(path, -1), wire.ErrBadArguments)
		}
	}},
	{"D08", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		reply := u.do(wire.OpExists, watchRecord(path, false))
		var stat wire.Stat
		r := wire.NewReader(reply.Body)
		stat.Decode(&r)
		equal(t, "Stat", stat, u.stat(path))
		equal(t, "absent", u.read(wire.OpExists, path+"/x", false), wire.ErrNoNode)
	}},
	{"D09", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 300 {
				u.set(path, strings.Repeat("x", i), -1)
			}
		})
		for range 300 {
			data, stat := v.get(path)
			if len(data) != int(stat.DataLength) || stat.Version > 0 && len(data) != int(stat.Version)-1 {
				t.Errorf("%d bytes with %+v", len(data), stat)
			}
		}
		wg.Wait()
	}},
	{"D10", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		before := u.stat(path)
		equal(t, "wrong version", u.set(path, "x", 1), wire.ErrBadVersion)
		equal(t, "right version", u.set(path, "x", 0), wire.OK)
		after := u.stat(path)
		if after.Version != 1 || after.Mzxid <= before.Mzxid || after.Mtime < before.Mtime || after.Czxid != before.Czxid || after.Pzxid != before.Pzxid {
			t.Errorf("got %+v after %+v", after, before)
		}
		equal(t, "missing", u.set(path+"/x", "", -1), wire.ErrNoNode)
	}},
	{"D11", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.read(wire.OpGetData, path, true)
		u.set(path, "", -1)
		equal(t, "version", u.stat(path).Version, 1)
		u.wantEvents("DataChanged " + path)
	}},
	{"D12", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		for _, name := range []string{"b", "a", "c"} {
			u.made(path+"/"+name, "", 0)
		}
		equal(t, "names", u.children(path), []string{"a", "b", "c"})
		reply := u.do(wire.OpGetChildren2, watchRecord(path, false))
		var c wire.StringsResponse
		r := wire.NewReader(reply.Body)
		if c.DecodeStat(&r); !r.OK() || len(r.Rest()) > 0 || c.Names.Len() != 3 || c.Stat != u.stat(path) {
			t.Errorf("getChildren2: %+v", c)
		}
		equal(t, "missing", u.read(wire.OpGetChildren, path+"/x", false), wire.ErrNoNode)
	}},
	{"D13", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		big := strings.Repeat("x", 1_048_475)
		u.made(path+"/big", big, 0)
		data, stat := u.get(path + "/big")
		equal(t, "length", fmt.Sprint(len(data), stat.DataLength), "1048475 1048475")
		u.delete(path+"/big", -1)
	}},
	{"D14", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		const wide, deep = 20_000, 1000
		go func() {
			var b []byte
			for i := range int32(wide) {
				b = AppendRequest(b, i+1, wire.OpCreate, createRecord(fmt.Sprintf("%s/%d", path, i), "", 0, openACL))
			}
			_ = u.conn.Write(b)
		}()
		for range wide {
			if r := u.receive(); r.Err != wire.OK {
				t.Fatal(r.Err)
			}
		}
		equal(t, "children", len(u.children(path)), wide)
		p := path + "/0"
		for range deep {
			p += "/d"
			u.made(p, "", 0)
		}
		equal(t, "the deepest", u.read(wire.OpExists, p, false), wire.OK)
	}},
	{"D16", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		for _, name := range []string{"\uf900", "漢字", "a b", "..a", "a..", "...", "\u00a0", "\uffef"} {
			u.made(path+"/"+name, "", 0)
		}
		for _, name := range []string{"\U0001f600", "\ue000", "\ufff0", "\uffff", "\x01", "\x1f", "\x7f", "\u0080", "\u009f", ".", "..", "a\x00"} {
			if _, code := u.create(path+"/"+name, "", 0); code != wire.ErrBadArguments {
				t.Errorf("create %q: %v", name, code)
			}
			equal(t, fmt.Sprintf("setData %q", name), u.set(path+"/"+name, "", -1), wire.ErrBadArguments)
		}
	}},
	{"D17", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		for _, name := range []string{"/a", "/a/b", "/a/b/c", "/d", "/ab"} {
			u.made(path+name, "", 0)
		}
		for p, want := range map[string]int32{path: 5, path + "/a": 2, path + "/d": 0} {
			r := wire.NewReader(u.do(wire.OpGetAllChildrenNumber, pathRecord(p)).Body)
			equal(t, p, r.Int(), want)
		}
		equal(t, "missing", u.do(wire.OpGetAllChildrenNumber, pathRecord(path+"/x")).Err, wire.ErrNoNode)
	}},
	{"D18", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		for _, name := range []string{"/a", "/ab", "/b"} {
			u.made(path+name, "", wire.FlagEphemeral)
		}
		for prefix, want := range map[string][]string{"": {"/a", "/ab", "/b"}, " / ": {"/a", "/ab", "/b"}, path + "/a": {"/a", "/ab"}, path + "/x": {}} {
			u.do(wire.OpGetEphemerals, pathRecord(prefix))
			got := u.strings()
			for i := range got {
				got[i] = strings.TrimPrefix(got[i], path)
			}
			equal(t, fmt.Sprintf("prefix %q", prefix), got, want)
		}
		v.do(wire.OpGetEphemerals, pathRecord(""))
		equal(t, "of another session", v.strings(), []string{})
	}},
	{"D19", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		for _, path := range []string{"/", "/no/such", "", "bad//path/"} {
			r := wire.NewReader(u.do(wire.OpSync, append(pathRecord(path), 1, 2, 3)).Body)
			if got := r.Buffer(); string(got) != path || len(r.Rest()) > 0 {
				t.Errorf("sync %q: got %q and %d bytes", path, got, len(r.Rest()))
			}
		}
	}},
	{"D20", "carries a top-level check out, and sometimes does not answer it", func(t *testing.T, s *Server) {
		u := connect(t, s)
		equal(t, "check", u.do(wire.OpCheck, pathVersion("/", -1)).Err, wire.ErrUnimplemented)
		u.ends()
	}},
	{"D21", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		for _, code := range []wire.OpCode{wire.OpGetData, wire.OpExists, wire.OpGetChildren, wire.OpGetChildren2} {
			for _, path := range []string{"a", "/zookeeper/", "//", "/./"} {
				equal(t, fmt.Sprint(code, " ", path), u.read(code, path, true), wire.ErrNoNode)
			}
		}
		equal(t, "NUL", u.read(wire.OpExists, "/a\x00", false), wire.ErrBadArguments)
	}},
	{"D21b", "takes the empty path for the root", func(t *testing.T, s *Server) {
		equal(t, "the empty path", connect(t, s).read(wire.OpGetData, "", false), wire.ErrNoNode)
	}},
}

var statRows = []row{
	{"T01", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.made(path+"/e", "abc", wire.FlagEphemeral)
		u.set(path+"/e", "abcd", -1)
		u.setACL(path+"/e", -1, wire.WorldAnyone(31))
		reply := u.do(wire.OpExists, watchRecord(path+"/e", false))
		var stat wire.Stat
		r := wire.NewReader(reply.Body)
		stat.Decode(&r)
		if len(reply.Body) != wire.StatBytes || stat.Version != 1 || stat.Aversion != 1 || stat.DataLength != 4 || stat.EphemeralOwner != u.resp.SessionID ||
			stat.Mzxid <= stat.Czxid || stat.Pzxid != stat.Czxid || stat.Ctime == 0 || stat.NumChildren != 0 {
			t.Errorf("got %+v", stat)
		}
	}},
	{"T02", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		for i := range 5 {
			u.made(fmt.Sprintf("%s/%d", path, i), "", 0)
		}
		u.delete(path+"/0", -1)
		u.delete(path+"/1", -1)
		_, _ = u.create(path+"/2", "", 0)
		stat := u.stat(path)
		equal(t, "cversion and children", fmt.Sprint(stat.Cversion, stat.NumChildren), "7 3")
	}},
	{"T03", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.made(path+"/a", "", 0)
		equal(t, "after create", u.stat(path).Pzxid, u.stat(path+"/a").Czxid)
		p := u.stat(path).Pzxid
		u.set(path, "x", -1)
		u.set(path+"/a", "x", -1)
		u.made(path+"/a/b", "", 0)
		equal(t, "after other changes", u.stat(path).Pzxid, p)
		u.delete(path+"/a/b", -1)
		reply := u.do(wire.OpDelete, pathVersion(path+"/a", -1))
		equal(t, "after delete", u.stat(path).Pzxid, reply.Zxid)
	}},
	{"T04", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.setACL(path, -1, wire.WorldAnyone(31))
		a := u.stat(path)
		u.set(path, "x", -1)
		b := u.stat(path)
		equal(t, "versions", fmt.Sprint(a.Version, a.Aversion, b.Version, b.Aversion, a.Mzxid == a.Czxid), "0 1 1 1 true")
	}},
	{"T05", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.made(path+"/e", "", wire.FlagEphemeral)
		equal(t, "container", u.do(wire.OpCreateContainer, createRecord(path+"/c", "", 4, openACL)).Err, wire.OK)
		equal(t, "TTL", u.do(wire.OpCreateTTL, ttlRecord(path+"/t", 5, 1<<40-1)).Err, wire.OK)
		equal(t, "ephemeral", u.stat(path+"/e").EphemeralOwner, u.resp.SessionID)
		equal(t, "others", fmt.Sprint(u.stat(path).EphemeralOwner, u.stat(path+"/c").EphemeralOwner, u.stat(path+"/t").EphemeralOwner), "0 0 0")
	}},
	{"T06", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.multi(wire.OpMulti, op{wire.OpCreate, createRecord(path+"/a", "", 0, openACL)}, op{wire.OpCreate, createRecord(path+"/b", "", 0, openACL)})
		a, b := u.stat(path+"/a"), u.stat(path+"/b")
		if a.Ctime != b.Ctime || a.Ctime != a.Mtime || a.Czxid != b.Czxid || a.Ctime < 1_500_000_000_000 {
			t.Errorf("got %+v and %+v", a, b)
		}
	}},
	{"T07", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		last := u.last.Zxid
		for range 100 {
			u.set(path, "x", -1)
			if z := u.stat(path).Mzxid; u.last.Zxid < z || z <= last {
				t.Fatalf("header %x, write %x, before %x", u.last.Zxid, z, last)
			}
			last = u.last.Zxid
		}
		if v := u.again(); v.read(wire.OpExists, "/", false) != wire.OK || v.last.Zxid < last {
			t.Errorf("after a reconnect: %x, before %x", v.last.Zxid, last)
		}
	}},
}

var sequenceRows = []row{
	{"Q01", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		for i := range 3 {
			equal(t, "name", u.made(path+"/n-", "", 2), fmt.Sprintf("%s/n-%010d", path, i))
		}
	}},
	{"Q02", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.made(path+"/a", "", 0)
		u.made(path+"/b", "", 0)
		u.delete(path+"/a", -1)
		_, _ = u.create(path+"/b", "", 0)
		_, _ = u.create(path+"/bad\x01", "", 2)
		equal(t, "name", u.made(path+"/n", "", 2), path+"/n0000000002")
	}},
	{"Q03", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		var mu sync.Mutex
		czxids := map[string]int64{}
		var wg sync.WaitGroup
		for range 8 {
			v := connect(t, s)
			wg.Go(func() {
				for range 50 {
					reply := v.do(wire.OpCreate2, createRecord(path+"/n-", "", 2, openACL))
					var c wire.CreateResponse
					r := wire.NewReader(reply.Body)
					c.DecodeStat(&r)
					mu.Lock()
					czxids[string(c.Path)] = c.Stat.Czxid
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		var names []string
		for name := range czxids {
			names = append(names, name)
		}
		slices.Sort(names)
		equal(t, "distinct names", len(names), 400)
		for i := 1; i < len(names); i++ {
			if czxids[names[i]] <= czxids[names[i-1]] {
				t.Errorf("%s was made at %x, %s at %x", names[i-1], czxids[names[i-1]], names[i], czxids[names[i]])
			}
		}
	}},
	{"Q04", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		equal(t, "name", u.made(path+"/", "", 2), path+"/0000000000")
	}},
	{"Q06", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		name := v.made(path+"/n-", "", wire.FlagEphemeralSequential)
		equal(t, "name", name, path+"/n-0000000000")
		equal(t, "owner", u.stat(name).EphemeralOwner, v.resp.SessionID)
		v.do(wire.OpCloseSession, nil)
		equal(t, "after the session", u.children(path), []string{})
		equal(t, "next", u.made(path+"/n-", "", 2), path+"/n-0000000001")
	}},
	{"E01", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		for i := range 20 {
			v.made(fmt.Sprintf("%s/%d", path, i), "", wire.FlagEphemeral)
			u.read(wire.OpExists, fmt.Sprintf("%s/%d", path, i), true)
		}
		v.do(wire.OpCloseSession, nil)
		equal(t, "children", u.children(path), []string{})
		got := u.events()
		slices.Sort(got)
		if len(got) != 20 || !strings.HasPrefix(got[0], "Deleted ") {
			t.Errorf("events %q", got)
		}
		if stat := u.stat(path); stat.Cversion != 40 || stat.Pzxid != v.last.Zxid {
			t.Errorf("%+v, want all gone at %x", stat, v.last.Zxid)
		}
	}},
	{"E02", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u) + "/e"
		u.made(path, "", wire.FlagEphemeral)
		equal(t, "set by another", v.set(path, "x", 0), wire.OK)
		equal(t, "delete by another", v.delete(path, 1), wire.OK)
		u.made(path, "", 0)
		u.do(wire.OpCloseSession, nil)
		equal(t, "the persistent node in its place", v.read(wire.OpExists, path, false), wire.OK)
	}},
	{"E03", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u) + "/e"
		u.made(path, "", wire.FlagEphemeral)
		for flags := range wire.CreateFlags(4) {
			if _, code := u.create(path+"/x", "", flags); code != wire.ErrNoChildrenForEphemerals {
				t.Errorf("flags %d: %v", flags, code)
			}
		}
	}},
	{"E04", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u) + "/e"
		u.made(path, "", wire.FlagEphemeral)
		u.conn.Close()
		_, code := v.create(path, "", wire.FlagEphemeral)
		equal(t, "while the session lives", code, wire.ErrNodeExists)
		u.again().do(wire.OpCloseSession, nil)
		v.made(path, "", wire.FlagEphemeral)
	}},
	{"E05", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		const n = 10_000
		go func() {
			var b []byte
			for i := range int32(n) {
				b = AppendRequest(b, i+1, wire.OpCreate, createRecord(fmt.Sprintf("%s/%d", path, i), "", wire.FlagEphemeral, openACL))
			}
			_ = v.conn.Write(b)
		}()
		for range n {
			if r := v.receive(); r.Err != wire.OK {
				t.Fatal(r.Err)
			}
		}
		equal(t, "before", u.stat(path).NumChildren, n)
		v.xid = n
		v.do(wire.OpCloseSession, nil)
		equal(t, "after", u.stat(path).NumChildren, 0)
	}},
}
