package compatibility

import (
	"fmt"
	"sync"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

func creating(path string) op { return op{wire.OpCreate, createRecord(path, "", 0, openACL)} }

func creatingAs(path string, flags wire.CreateFlags) op {
	return op{wire.OpCreate, createRecord(path, "", flags, openACL)}
}

var multiRows = []row{
	{"M01", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		got := u.multi(wire.OpMulti, creating(path+"/a"), op{wire.OpSetData, setRecord(path+"/a", "x", 0)}, op{wire.OpCheck, pathVersion(path+"/a", 1)},
			creating(path+"/b"), op{wire.OpDelete, pathVersion(path+"/b", -1)})
		equal(t, "results", got, []string{"1 " + path + "/a", "5", "13", "1 " + path + "/b", "2"})
		stat := u.stat(path + "/a")
		if stat.Czxid != stat.Mzxid || stat.Version != 1 || stat.Czxid != u.stat(path).Pzxid {
			t.Errorf("%+v: want one zxid", stat)
		}
	}},
	{"M02", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		v.addWatch(path, wire.WatchRecursive)
		before := u.stat(path)
		got := u.multi(wire.OpMulti, creating(path+"/a"), op{wire.OpSetData, setRecord(path, "x", 0)}, op{wire.OpCheck, pathVersion(path, 9)}, creating(path+"/b"))
		equal(t, "results", got, []string{"0", "0", "-103", "-2"})
		equal(t, "Stat", u.stat(path), before)
		v.wantEvents()
	}},
	{"M03", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		got := u.multi(wire.OpMulti, creating(path+"/a"), creating(path+"/a/b"), op{wire.OpDelete, pathVersion(path+"/a/b", 0)},
			op{wire.OpSetData, setRecord(path+"/a", "x", 0)}, op{wire.OpCheck, pathVersion(path+"/a", 1)}, op{wire.OpDelete, pathVersion(path+"/a", 1)})
		equal(t, "results", got, []string{"1 " + path + "/a", "1 " + path + "/a/b", "2", "5", "13", "2"})
	}},
	{"M04", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		n := path + "/n-"
		equal(t, "fails", u.multi(wire.OpMulti, creatingAs(n, 2), creatingAs(n, 2), creating(path)), []string{"0", "0", "-110"})
		equal(t, "works", u.multi(wire.OpMulti, creatingAs(n, 2), creatingAs(n, 3)), []string{"1 " + n + "0000000000", "1 " + n + "0000000001"})
	}},
	{"M05", "answers create2 like create before 3.8.2", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		ttl := wire.CreateRequest{Path: []byte(path + "/t"), ACL: openACL, Flags: wire.FlagTTL, TTLMs: 1 << 39}
		got := u.multi(wire.OpMulti, op{wire.OpCreate2, createRecord(path+"/a", "", 0, openACL)},
			op{wire.OpCreateContainer, createRecord(path+"/c", "", wire.FlagContainer, openACL)}, op{wire.OpCreateTTL, ttl.AppendTTL(nil)})
		equal(t, "results", got, []string{"15 " + path + "/a", "15 " + path + "/c", "15 " + path + "/t"})
	}},
	{"M06", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		equal(t, "right", u.multi(wire.OpMulti, op{wire.OpCheck, pathVersion(path, 0)}), []string{"13"})
		equal(t, "wrong", u.multi(wire.OpMulti, op{wire.OpCheck, pathVersion(path, 1)}), []string{"-103"})
		equal(t, "missing", u.multi(wire.OpMulti, op{wire.OpCheck, pathVersion(path+"/x", -1)}), []string{"-101"})
	}},
	{"M07", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		equal(t, "empty multi", fmt.Sprintf("%x", u.do(wire.OpMulti, multiRecord()).Body), "ffffffff01ffffffff")
		equal(t, "empty multiRead", fmt.Sprintf("%x", u.do(wire.OpMultiRead, multiRecord()).Body), "ffffffff01ffffffff")
	}},
	{"M08", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		read := op{wire.OpGetData, watchRecord(path, false)}
		for _, bad := range []op{read, {wire.OpSetACL, pathVersion(path, 1)}, {99, nil}, {wire.OpMulti, nil}, {wire.OpExists, watchRecord(path, false)}} {
			equal(t, fmt.Sprint("multi with ", bad.code), u.multi(wire.OpMulti, creating(path+"/a"), bad), []string{"MARSHALLINGERROR"})
		}
		for _, bad := range []op{creating(path + "/a"), {wire.OpExists, watchRecord(path, false)}, {wire.OpCheck, pathVersion(path, -1)}} {
			equal(t, fmt.Sprint("multiRead with ", bad.code), u.multi(wire.OpMultiRead, read, bad), []string{"MARSHALLINGERROR"})
		}
		equal(t, "children", u.children(path), []string{})
	}},
	{"M09", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.made(path+"/a", "x", 0)
		u.madeFor(path+"/locked", wire.WorldAnyone(30))
		get := func(p string) op { return op{wire.OpGetData, watchRecord(p, true)} }
		got := u.multi(wire.OpMultiRead, get(path+"/a"), get(path+"/no"), op{wire.OpGetChildren, watchRecord(path, true)}, get(path+"/locked"))
		equal(t, "results", got, []string{"4 x", "-101", "8 of 2", "-102"})
		u.set(path+"/a", "y", -1)
		u.delete(path+"/locked", -1)
		u.wantEvents()
	}},
	{"M10", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		u.made(path+"/a", "0", 0)
		u.made(path+"/b", "0", 0)
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 300 {
				u.multi(wire.OpMulti, op{wire.OpSetData, setRecord(path+"/a", fmt.Sprint(i), -1)}, op{wire.OpSetData, setRecord(path+"/b", fmt.Sprint(i), -1)})
			}
		})
		for range 300 {
			got := v.multi(wire.OpMultiRead, op{wire.OpGetData, watchRecord(path+"/a", false)}, op{wire.OpGetData, watchRecord(path+"/b", false)})
			if len(got) != 2 || got[0] != got[1] {
				t.Errorf("half of a multi: %q", got)
			}
		}
		wg.Wait()
	}},
	{"M11", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.read(wire.OpGetChildren, path, true)
		u.read(wire.OpExists, path+"/a", true)
		u.read(wire.OpGetData, path, true)
		u.multi(wire.OpMulti, creating(path+"/a"), op{wire.OpSetData, setRecord(path, "x", -1)}, op{wire.OpDelete, pathVersion(path+"/a", -1)})
		equal(t, "events before the reply", u.told, []string{"Created " + path + "/a", "ChildrenChanged " + path, "DataChanged " + path})
	}},
}
