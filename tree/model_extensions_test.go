package tree

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/zabkeeper/zabkeeper/wire"
)

// What the naive twin makes of the operations that ZooKeeper does not have.

func (m *model) createParents(z int64, path, data string, flags wire.CreateFlags, session uint64) (string, wire.ErrorCode) {
	final := path
	if flags.Sequential() {
		final += "0"
	}
	if wire.CheckPath(final) != wire.OK {
		return "", wire.ErrBadArguments
	}
	saved := m.clone()
	at := ""
	for _, name := range strings.Split(modelParent(path), "/")[1:] {
		at += "/" + name
		if _, ok := m.nodes[at]; ok || name == "" {
			continue
		}
		if _, code := m.create(z, at, "", 0, session); code != wire.OK {
			m.nodes = saved
			return "", code
		}
	}
	made, code := m.create(z, path, data, flags, session)
	if code != wire.OK {
		m.nodes = saved
	}
	return made, code
}

func (m *model) deleteRecursive(z int64, path string, version int32, limit int) wire.ErrorCode {
	n, ok := m.nodes[path]
	_, hasParent := m.nodes[modelParent(path)]
	switch {
	case path == "/" || path == "/zookeeper" || path == "/zookeeper/quota" || path == "/zookeeper/config" || limit < 0:
		return wire.ErrBadArguments
	case !hasParent, !ok:
		return wire.ErrNoNode
	case version != -1 && version != n.version:
		return wire.ErrBadVersion
	}
	var gone []string
	for p := range m.nodes {
		if p == path || strings.HasPrefix(p, path+"/") {
			gone = append(gone, p)
		}
	}
	if limit == 0 {
		limit = 1000
	}
	if len(gone) > limit {
		return wire.ErrLimitExceeded
	}
	slices.SortFunc(gone, func(a, b string) int { return strings.Count(b, "/") - strings.Count(a, "/") })
	for _, p := range gone {
		if code := m.delete(z, p, -1); code != wire.OK {
			return code
		}
	}
	return wire.OK
}

func (m *model) checkNotExists(path string) wire.ErrorCode {
	if wire.CheckPath(path) != wire.OK {
		return wire.ErrBadArguments
	}
	if _, ok := m.nodes[path]; ok {
		return wire.ErrNodeExists
	}
	return wire.OK
}

func (m *model) checkCzxid(path string, czxid int64, version int32) wire.ErrorCode {
	code := m.check(path, version)
	if n, ok := m.nodes[path]; ok && wire.CheckPath(path) == wire.OK && n.czxid != czxid {
		return wire.ErrNodeReplaced
	}
	return code
}

// page compares one page with the sorted names of the model, cut by hand.
func (w *twin) page(t *rapid.T) {
	path := drawPath.Draw(t, "path")
	part := rapid.SampledFrom([]string{"", "a", "a-", "b", "c0", "z"})
	prefix, after := part.Draw(t, "prefix"), part.Draw(t, "after")
	limit := rapid.Int32Range(0, 3).Draw(t, "limit")
	page, code := w.f.page(&wire.ListPageRequest{Path: []byte(path), Prefix: []byte(prefix), After: []byte(after), Limit: limit, Flags: wire.PageStats})
	if _, ok := w.m.nodes[path]; !ok {
		if code != wire.ErrNoNode {
			t.Fatalf("page of %s: got %v, want none", path, code)
		}
		return
	}
	var want []string
	for _, name := range w.m.children(path) {
		if strings.HasPrefix(name, prefix) && name > after {
			want = append(want, name)
		}
	}
	more := limit > 0 && len(want) > int(limit)
	if more {
		want = want[:limit]
	}
	var got []string
	for e := range page.Entries.All {
		got = append(got, string(e.Name))
		if stat := w.f.stat(strings.TrimSuffix(path, "/") + "/" + string(e.Name)); !e.HasStat || e.Stat != stat {
			t.Fatalf("child %s: got stat %+v, %v, want %+v", e.Name, e.Stat, e.HasStat, stat)
		}
	}
	if code != wire.OK || !slices.Equal(got, want) || page.More != more || page.Stat != w.f.stat(path) {
		t.Fatalf("page of %s, prefix %q, after %q, limit %d: got %v, more %v, %v; want %v, %v", path, prefix, after, limit, got, page.More, code, want, more)
	}
}

func (f *fixture) page(req *wire.ListPageRequest) (wire.ListPageResponse, wire.ErrorCode) {
	f.t.Helper()
	return f.pageFor(f.reader(), req)
}

func (f *fixture) pageFor(who *Reader, req *wire.ListPageRequest) (page wire.ListPageResponse, code wire.ErrorCode) {
	f.t.Helper()
	reply, res := f.tree.Read(wire.OpListPage, req.Append(nil), who, nil)
	if res.Err != wire.OK {
		return page, res.Err
	}
	r := wire.NewReader(reply)
	if page.Decode(&r); !r.OK() || len(r.Rest()) > 0 {
		f.t.Fatalf("page of %s does not decode", req.Path)
	}
	return page, wire.OK
}

func createParentsBody(path, data string, flags wire.CreateFlags) []byte {
	req := wire.CreateRequest{Path: []byte(path), Data: []byte(data), ACL: openACL, Flags: flags}
	return req.AppendTTL(nil)
}

func deleteRecursiveBody(path string, version, limit int32) []byte {
	return (&wire.DeleteRecursiveRequest{Path: []byte(path), Version: version, Limit: limit}).Append(nil)
}

func checkCzxidBody(path string, czxid int64, version int32) []byte {
	return (&wire.CheckCzxidRequest{Path: []byte(path), Czxid: czxid, Version: version}).Append(nil)
}

func sequenceName(i int) string { return fmt.Sprintf("%010d", i) }
