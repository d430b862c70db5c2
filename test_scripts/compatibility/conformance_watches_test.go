package compatibility

import (
	"fmt"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

// rewatch sends setWatches2 with five lists.
func (u *user) rewatch(since int64, lists ...[]string) wire.ErrorCode {
	u.t.Helper()
	var five [5]wire.Strings
	for i := range five {
		five[i] = wire.NewStrings()
		if i < len(lists) {
			five[i] = wire.NewStrings(lists[i]...)
		}
	}
	s := wire.SetWatches{RelativeZxid: since, Data: five[0], Exist: five[1], Child: five[2], Persistent: five[3], Recursive: five[4]}
	return u.do2(wire.XidSetWatches, wire.OpSetWatches2, s.AppendPersistent(nil)).Err
}

func (u *user) addWatch(path string, mode wire.AddWatchMode) {
	u.t.Helper()
	if r := u.do(wire.OpAddWatch, modeRecord(path, int32(mode))); r.Err != wire.OK || len(r.Body) != 4 {
		u.t.Errorf("addWatch %s: %v, %x", path, r.Err, r.Body)
	}
}

var watchRows = []row{
	{"W01", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		for _, code := range []wire.OpCode{wire.OpGetData, wire.OpExists} {
			v.read(code, path, true)
			u.set(path, "x", -1)
			u.set(path, "y", -1)
			v.wantEvents("DataChanged " + path)
		}
	}},
	{"W02", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u) + "/a"
		equal(t, "exists", v.read(wire.OpExists, path, true), wire.ErrNoNode)
		u.made(path, "", 0)
		u.set(path, "x", -1)
		v.wantEvents("Created " + path)
	}},
	{"W03", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		u.made(path+"/a", "", 0)
		v.read(wire.OpGetChildren, path, true)
		u.set(path+"/a", "x", -1)
		u.made(path+"/a/b", "", 0)
		u.set(path, "x", -1)
		v.wantEvents()
		u.made(path+"/c", "", 0)
		v.wantEvents("ChildrenChanged " + path)
		v.read(wire.OpGetChildren2, path, true)
		u.delete(path+"/c", -1)
		v.wantEvents("ChildrenChanged " + path)
	}},
	{"W04", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u) + "/a"
		u.made(path, "", 0)
		v.read(wire.OpGetData, path, true)
		v.read(wire.OpExists, path, true)
		v.read(wire.OpGetChildren, path, true)
		u.delete(path, -1)
		v.wantEvents("Deleted " + path)
	}},
	{"W05", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.read(wire.OpExists, path+"/a", true)
		u.read(wire.OpGetChildren, path, true)
		u.made(path+"/a", "", 0)
		equal(t, "events before the reply", u.told, []string{"Created " + path + "/a", "ChildrenChanged " + path})
	}},
	{"W06", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		for i := range 200 {
			v.read(wire.OpGetData, path, true)
			v.told = nil
			u.send(wire.OpSetData, setRecord(path, fmt.Sprint(i), -1))
			for {
				data, _ := v.get(path)
				if string(data) == fmt.Sprint(i) {
					break
				}
			}
			if len(v.told) != 1 {
				t.Fatalf("round %d: a reply showed the change before the event", i)
			}
			u.receive()
		}
	}},
	{"W07", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		v.read(wire.OpGetChildren, path, true)
		v.read(wire.OpExists, path+"/a", true)
		u.made(path+"/a", "", 0)
		v.wantEvents("Created "+path+"/a", "ChildrenChanged "+path)
	}},
	{"W08", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		u.madeFor(path+"/locked", wire.WorldAnyone(31&^wire.PermRead))
		for _, p := range []string{path + "/a", path + "/locked"} {
			for _, code := range []wire.OpCode{wire.OpGetData, wire.OpGetChildren, wire.OpGetChildren2} {
				if v.read(code, p, true) == wire.OK {
					t.Errorf("%v %s succeeds", code, p)
				}
			}
		}
		u.made(path+"/a", "", 0)
		u.made(path+"/locked/x", "", 0)
		u.set(path+"/locked", "x", -1)
		u.delete(path+"/a", -1)
		v.wantEvents()
	}},
	{"W09", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.read(wire.OpGetData, path, true)
		u.read(wire.OpGetChildren, path, true)
		u.addWatch(path+"/x", wire.WatchPersistent)
		u.setACL(path, -1, wire.WorldAnyone(31))
		u.wantEvents()
	}},
	{"W10", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		v.read(wire.OpGetData, path, true)
		v.addWatch(path, wire.WatchRecursive)
		w := v.again()
		u.set(path, "x", -1)
		w.wantEvents()
	}},
	{"W11", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		for _, name := range []string{"/gone", "/changed", "/same", "/parent", "/quiet"} {
			u.made(path+name, "", 0)
		}
		since := u.last.Zxid
		u.delete(path+"/gone", -1)
		u.set(path+"/changed", "x", -1)
		u.made(path+"/new", "", 0)
		u.made(path+"/parent/x", "", 0)
		code := v.rewatch(since, []string{path + "/gone", path + "/changed", path + "/same"}, []string{path + "/new", path + "/absent"},
			[]string{path + "/gone", path + "/parent", path + "/quiet"})
		equal(t, "reply", code, wire.OK)
		equal(t, "events before the reply", v.told, []string{"Deleted " + path + "/gone", "DataChanged " + path + "/changed", "Created " + path + "/new",
			"Deleted " + path + "/gone", "ChildrenChanged " + path + "/parent"})
		for _, z := range v.zxids {
			equal(t, "zxid of what is caught up on", z, -1)
		}
		v.told, v.zxids = nil, nil
		u.set(path+"/same", "x", -1)
		u.made(path+"/absent", "", 0)
		u.made(path+"/quiet/x", "", 0)
		u.set(path+"/changed", "y", -1)
		u.set(path+"/new", "y", -1)
		v.wantEvents("DataChanged "+path+"/same", "Created "+path+"/absent", "ChildrenChanged "+path+"/quiet")
	}},
	{"W12", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		const frames, perFrame = 20, 5000
		for f := range frames {
			var list []string
			for i := range perFrame {
				list = append(list, fmt.Sprintf("%s/%d-%d", path, f, i))
			}
			if code := v.rewatch(0, nil, list); code != wire.OK {
				t.Fatal(code)
			}
		}
		u.made(path+"/0-0", "", 0)
		u.made(path+"/19-4999", "", 0)
		v.wantEvents("Created "+path+"/0-0", "Created "+path+"/19-4999")
	}},
	{"W13", "sends -1 before 3.9.0", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		v.read(wire.OpGetData, path, true)
		u.set(path, "x", -1)
		want := u.last.Zxid
		v.do2(wire.XidPing, wire.OpPing, nil)
		equal(t, "zxid of the event", v.zxids, []int64{want})
	}},
	{"W20", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		u.auth("digest", "bob:pw")
		only := entry(31, "digest", bobDigest)
		v.read(wire.OpExists, path+"/a", true)
		v.read(wire.OpGetChildren, path, true)
		u.madeFor(path+"/a", only)
		v.wantEvents("ChildrenChanged " + path)
		v.addWatch(path, wire.WatchRecursive)
		u.addWatch(path, wire.WatchRecursive)
		u.set(path+"/a", "x", -1)
		u.wantEvents("DataChanged " + path + "/a")
		v.wantEvents()
		v.auth("digest", "bob:pw")
		u.delete(path+"/a", -1)
		v.wantEvents("Deleted " + path + "/a")
	}},
	{"W22", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		var herd []*user
		for range 200 {
			v := connect(t, s)
			v.read(wire.OpGetData, path, true)
			herd = append(herd, v)
		}
		u.set(path, "x", -1)
		u.set(path, "y", -1)
		for _, v := range herd {
			v.wantEvents("DataChanged " + path)
		}
	}},
}

var watchListRows = []row{
	{"W14", "", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		check, remove := wire.OpCheckWatches, wire.OpRemoveWatches
		for _, kind := range []int32{1, 2, 3} {
			equal(t, "check, none", u.do(check, modeRecord(path, kind)).Err, wire.ErrNoWatcher)
			equal(t, "remove, none", u.do(remove, modeRecord(path, kind)).Err, wire.ErrNoWatcher)
		}
		equal(t, "type 0", u.do(remove, modeRecord(path, 0)).Err, wire.ErrMarshalling)
		equal(t, "type 6", u.do(check, modeRecord(path, 6)).Err, wire.ErrMarshalling)
		u.read(wire.OpGetData, path, true)
		u.read(wire.OpGetChildren, path, true)
		equal(t, "check data", u.do(check, modeRecord(path, 2)).Err, wire.OK)
		equal(t, "remove data", u.do(remove, modeRecord(path, 2)).Err, wire.OK)
		equal(t, "check data again", u.do(check, modeRecord(path, 2)).Err, wire.ErrNoWatcher)
		u.set(path, "x", -1)
		u.wantEvents()
		equal(t, "check any", u.do(check, modeRecord(path, 3)).Err, wire.OK)
		equal(t, "of the parent", u.do(remove, modeRecord("/", 3)).Err, wire.ErrNoWatcher)
		equal(t, "remove any", u.do(remove, modeRecord(path, 3)).Err, wire.OK)
		u.made(path+"/x", "", 0)
		u.wantEvents()
	}},
	{"W15", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		v.addWatch(path+"/a", wire.WatchPersistent)
		for range 2 {
			u.made(path+"/a", "", 0)
			u.set(path+"/a", "x", -1)
			u.made(path+"/a/b", "", 0)
			u.set(path+"/a/b", "x", -1)
			u.delete(path+"/a/b", -1)
			u.delete(path+"/a", -1)
			a := path + "/a"
			v.wantEvents("Created "+a, "DataChanged "+a, "ChildrenChanged "+a, "ChildrenChanged "+a, "Deleted "+a)
		}
	}},
	{"W16", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		v.addWatch(path, wire.WatchRecursive)
		u.made(path+"/a", "", 0)
		u.made(path+"/a/b", "", 0)
		u.set(path+"/a/b", "x", -1)
		u.set(path, "x", -1)
		u.delete(path+"/a/b", -1)
		v.wantEvents("Created "+path+"/a", "Created "+path+"/a/b", "DataChanged "+path+"/a/b", "DataChanged "+path, "Deleted "+path+"/a/b")
		equal(t, "a mode that does not exist", v.do(wire.OpAddWatch, modeRecord(path, 2)).Err, wire.ErrMarshalling)
		equal(t, "remove", v.do(wire.OpRemoveWatches, modeRecord(path, 3)).Err, wire.OK)
		u.set(path, "y", -1)
		v.wantEvents()
	}},
	{"W17", "lets the last registration replace the mode before 3.9.0", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		u.addWatch(path, wire.WatchPersistent)
		u.addWatch(path, wire.WatchRecursive)
		u.read(wire.OpGetData, path, true)
		u.read(wire.OpGetChildren, path, true)
		u.made(path+"/x", "", 0)
		u.wantEvents("Created "+path+"/x", "ChildrenChanged "+path)
		u.set(path, "x", -1)
		u.wantEvents("DataChanged " + path)
		u.set(path, "y", -1)
		u.made(path+"/y", "", 0)
		u.wantEvents("DataChanged "+path, "Created "+path+"/y", "ChildrenChanged "+path)
	}},
	{"W18", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		u.made(path+"/p", "", 0)
		equal(t, "reply", v.rewatch(0, nil, nil, nil, []string{path + "/p", path + "/absent"}, []string{path}), wire.OK)
		v.wantEvents()
		u.set(path+"/p", "x", -1)
		u.made(path+"/p/c", "", 0)
		u.made(path+"/absent", "", 0)
		v.wantEvents("DataChanged "+path+"/p", "Created "+path+"/p/c", "ChildrenChanged "+path+"/p", "Created "+path+"/absent")
	}},
	{"W19", "has no such types before 3.9.0", func(t *testing.T, s *Server) {
		u := connect(t, s)
		path := home(t, u)
		for _, kind := range []int32{4, 5} {
			equal(t, "none", u.do(wire.OpRemoveWatches, modeRecord(path, kind)).Err, wire.ErrNoWatcher)
		}
		u.addWatch(path, wire.WatchPersistent)
		u.addWatch(path, wire.WatchRecursive)
		equal(t, "persistent", u.do(wire.OpRemoveWatches, modeRecord(path, 4)).Err, wire.OK)
		u.made(path+"/x", "", 0)
		u.wantEvents("Created " + path + "/x")
		equal(t, "recursive", u.do(wire.OpRemoveWatches, modeRecord(path, 5)).Err, wire.OK)
		u.made(path+"/y", "", 0)
		u.wantEvents()
	}},
	{"W21", "", func(t *testing.T, s *Server) {
		u, v := connect(t, s), connect(t, s)
		path := home(t, u)
		v.addWatch(path+"/a/b", wire.WatchPersistent)
		v.addWatch(path+"/a", wire.WatchRecursive)
		u.made(path+"/a", "", 0)
		u.made(path+"/a/b", "", 0)
		v.wantEvents("Created "+path+"/a", "Created "+path+"/a/b")
	}},
	{"W21b", "takes malformed paths", func(t *testing.T, s *Server) {
		u := connect(t, s)
		for _, path := range []string{"", "a", "/a/", "//"} {
			equal(t, "addWatch "+path, u.do(wire.OpAddWatch, modeRecord(path, 0)).Err, wire.ErrBadArguments)
		}
	}},
}
