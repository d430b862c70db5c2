package tree

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zabkeeper/zabkeeper/wire"
)

// model is the naive twin: a map of path to node, copied whole before a multi.
// All ACLs are open, all clients the same.
type model struct {
	nodes    map[string]modelNode
	sessions map[uint64]bool
}

type modelNode struct {
	data                string
	czxid, mzxid, pzxid int64
	version             int32
	creates, deletes    int64
	owner               uint64
}

func newModel() *model {
	return &model{sessions: map[uint64]bool{}, nodes: map[string]modelNode{
		"/": {creates: 0, deletes: 0}, "/zookeeper": {}, "/zookeeper/quota": {}, "/zookeeper/config": {},
	}}
}

func (m *model) children(path string) []string {
	var names []string
	for p := range m.nodes {
		if p != "/" && wire.Parent(p) == path {
			names = append(names, wire.Base(p))
		}
	}
	slices.Sort(names)
	return names
}

func (m *model) clone() map[string]modelNode {
	c := make(map[string]modelNode, len(m.nodes))
	for p, n := range m.nodes {
		c[p] = n
	}
	return c
}

// modelParent is where the server looks before it judges the path: the root for
// everything without a second slash.
func modelParent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}

func (m *model) create(z int64, path, data string, flags wire.CreateFlags, session uint64) (string, wire.ErrorCode) {
	parent := modelParent(path)
	p, ok := m.nodes[parent]
	if !ok {
		return "", wire.ErrNoNode
	}
	if flags.Sequential() {
		path += fmt.Sprintf("%010d", p.creates)
	}
	if wire.CheckPath(path) != wire.OK {
		return "", wire.ErrBadArguments
	}
	if _, exists := m.nodes[path]; exists {
		return "", wire.ErrNodeExists
	}
	if p.owner != 0 {
		return "", wire.ErrNoChildrenForEphemerals
	}
	n := modelNode{data: data, czxid: z, mzxid: z, pzxid: z}
	if flags.Ephemeral() {
		n.owner = session
	}
	p.creates++
	p.pzxid = z
	m.nodes[parent], m.nodes[path] = p, n
	return path, wire.OK
}

func (m *model) delete(z int64, path string, version int32) wire.ErrorCode {
	if path == "/" || path == "/zookeeper" || path == "/zookeeper/quota" || path == "/zookeeper/config" {
		return wire.ErrBadArguments
	}
	p, ok := m.nodes[modelParent(path)]
	if !ok {
		return wire.ErrNoNode
	}
	n, ok := m.nodes[path]
	switch {
	case !ok:
		return wire.ErrNoNode
	case version != -1 && version != n.version:
		return wire.ErrBadVersion
	case len(m.children(path)) > 0:
		return wire.ErrNotEmpty
	}
	delete(m.nodes, path)
	p.deletes++
	p.pzxid = z
	m.nodes[wire.Parent(path)] = p
	return wire.OK
}

func (m *model) set(z int64, path, data string, version int32) wire.ErrorCode {
	n, ok := m.nodes[path]
	switch {
	case wire.CheckPath(path) != wire.OK:
		return wire.ErrBadArguments
	case !ok:
		return wire.ErrNoNode
	case path == "/zookeeper/config":
		return wire.ErrNoAuth
	case version != -1 && version != n.version:
		return wire.ErrBadVersion
	}
	n.data, n.mzxid = data, z
	n.version++
	m.nodes[path] = n
	return wire.OK
}

func (m *model) check(path string, version int32) wire.ErrorCode {
	n, ok := m.nodes[path]
	switch {
	case wire.CheckPath(path) != wire.OK:
		return wire.ErrBadArguments
	case !ok:
		return wire.ErrNoNode
	case version != -1 && version != n.version:
		return wire.ErrBadVersion
	}
	return wire.OK
}

func (m *model) close(z int64, session uint64) wire.ErrorCode {
	if !m.sessions[session] {
		return wire.ErrSessionExpired
	}
	for p, n := range m.nodes {
		if n.owner == session {
			m.delete(z, p, -1)
		}
	}
	delete(m.sessions, session)
	return wire.OK
}

// step is one operation for both.
type step struct {
	op      wire.OpCode
	path    string
	data    string
	flags   wire.CreateFlags
	version int32
	limit   int32
	czxid   int64
}

func (s step) body() []byte {
	switch s.op {
	case wire.OpCreate, wire.OpCreate2:
		return createBody(s.path, s.data, s.flags, openACL)
	case wire.OpSetData:
		return setBody(s.path, s.data, s.version)
	case wire.OpCreateParents:
		return createParentsBody(s.path, s.data, s.flags)
	case wire.OpDeleteRecursive:
		return deleteRecursiveBody(s.path, s.version, s.limit)
	case wire.OpCheckNotExists:
		return pathRecord(s.path)
	case wire.OpCheckCzxid:
		return checkCzxidBody(s.path, s.czxid, s.version)
	}
	return pathVersion(s.path, s.version)
}

func (m *model) step(z int64, s step, session uint64) (string, wire.ErrorCode) {
	switch s.op {
	case wire.OpCreate, wire.OpCreate2:
		return m.create(z, s.path, s.data, s.flags, session)
	case wire.OpDelete:
		return "", m.delete(z, s.path, s.version)
	case wire.OpSetData:
		return "", m.set(z, s.path, s.data, s.version)
	case wire.OpCreateParents:
		return m.createParents(z, s.path, s.data, s.flags, session)
	case wire.OpDeleteRecursive:
		return "", m.deleteRecursive(z, s.path, s.version, int(s.limit))
	case wire.OpCheckNotExists:
		return "", m.checkNotExists(s.path)
	case wire.OpCheckCzxid:
		return "", m.checkCzxid(s.path, s.czxid, s.version)
	}
	return "", m.check(s.path, s.version)
}

var drawPath = rapid.Custom(func(t *rapid.T) string {
	depth := rapid.IntRange(0, 3).Draw(t, "depth")
	path := ""
	for range depth {
		path += "/" + rapid.SampledFrom([]string{"a", "b", "c", "a-", "a.", "zookeeper", "e", ".", ""}).Draw(t, "name")
	}
	if path == "" {
		return "/"
	}
	return path
})

func drawStep(t *rapid.T, check bool) step {
	ops := []wire.OpCode{wire.OpCreate, wire.OpCreate, wire.OpCreate2, wire.OpDelete, wire.OpSetData, wire.OpSetData,
		wire.OpCreateParents, wire.OpCreateParents, wire.OpDeleteRecursive}
	if check {
		ops = append(ops, wire.OpCheck, wire.OpCheckNotExists, wire.OpCheckCzxid)
	}
	return step{
		op:      rapid.SampledFrom(ops).Draw(t, "op"),
		path:    drawPath.Draw(t, "path"),
		data:    rapid.SampledFrom([]string{"", "x", "yy", "zz", "longer data"}).Draw(t, "data"),
		flags:   wire.CreateFlags(rapid.IntRange(0, 3).Draw(t, "flags")),
		version: rapid.Int32Range(-1, 2).Draw(t, "version"),
		limit:   rapid.Int32Range(-1, 4).Draw(t, "limit"),
		czxid:   1<<32 + rapid.Int64Range(0, 20).Draw(t, "czxid"),
	}
}

// twin runs a tree, its model and images of the tree side by side.
type twin struct {
	f        *fixture
	m        *model
	sessions []uint64
	image    *Image
	stream   []byte
}

func (w *twin) single(t *rapid.T) {
	s := drawStep(t, false)
	w.pickSession(t)
	op, _ := OpFor(s.op)
	got := w.f.apply(op, s.body())
	path, want := "", wire.ErrSessionExpired
	if w.m.sessions[w.f.session] {
		path, want = w.m.step(int64(w.f.z), s, w.f.session)
	}
	if got != want {
		t.Fatalf("%+v: got %v, want %v", s, got, want)
	}
	if path != "" && w.f.res.Path != path {
		t.Fatalf("%+v: created %q, want %q", s, w.f.res.Path, path)
	}
}

func (w *twin) multi(t *rapid.T) {
	w.pickSession(t)
	saved, failed := w.m.clone(), wire.OK
	alive := w.m.sessions[w.f.session]
	var ops []subOp
	var want []wire.ErrorCode
	for range rapid.IntRange(0, 5).Draw(t, "ops") {
		s := drawStep(t, true)
		ops = append(ops, subOp{s.op, s.body()})
		if failed != wire.OK {
			want = append(want, wire.ErrRuntimeInconsistency)
			continue
		}
		_, failed = w.m.step(int64(w.f.z)+1, s, w.f.session)
		want = append(want, failed)
	}
	if failed != wire.OK || !alive {
		w.m.nodes = saved
	}
	before := w.f.tree.Digest()
	code := w.f.apply(OpMulti, multiBody(ops...))
	if !alive {
		if code != wire.ErrSessionExpired {
			t.Fatalf("multi of a dead session: got %v", code)
		}
		return
	}
	if code != wire.OK || len(w.f.res.Multi) != len(want) || w.f.res.MultiFailed != (failed != wire.OK) {
		t.Fatalf("multi: got %v, %d results, failed %v; want %v", code, len(w.f.res.Multi), w.f.res.MultiFailed, want)
	}
	for i := range want {
		if w.f.res.Multi[i].Err != want[i] {
			t.Fatalf("multi result %d: got %v, want %v", i, w.f.res.Multi[i].Err, want[i])
		}
	}
	if after := w.f.tree.Digest(); failed != wire.OK && after != before {
		t.Fatalf("failed multi changed the digest from %x to %x", before, after)
	}
}

func (w *twin) pickSession(t *rapid.T) {
	w.f.session = rapid.SampledFrom(w.sessions).Draw(t, "session")
}

func (w *twin) openSession(*rapid.T) {
	id := w.f.newSession()
	w.m.sessions[id] = true
	w.sessions = append(w.sessions, id)
}

func (w *twin) closeSession(t *rapid.T) {
	w.pickSession(t)
	got := w.f.apply(OpCloseSession, nil)
	if want := w.m.close(int64(w.f.z), w.f.session); got != want {
		t.Fatalf("close %x: got %v, want %v", w.f.session, got, want)
	}
}

func (w *twin) nextPiece(t *rapid.T) {
	if w.image == nil {
		w.image, w.stream = w.f.tree.BeginImage(), nil
	}
	done := false
	w.stream, done = w.image.Next(w.stream, rapid.IntRange(1, 4).Draw(t, "nodes"))
	if !done {
		return
	}
	restored, err := Restore(bytes.NewReader(w.stream))
	if err != nil {
		t.Fatalf("restore: %v", err)
	}
	if restored.Digest() != w.image.Digest() || restored.LastApplied() != w.image.Zxid() {
		t.Fatalf("restored %x at %v, want %x at %v", restored.Digest(), restored.LastApplied(), w.image.Digest(), w.image.Zxid())
	}
	w.image = nil
}

func (w *twin) giveUpImage(*rapid.T) {
	if w.image != nil {
		w.image.Close()
		w.image = nil
	}
}

// compare is the invariant: the tree reads like the model, and every sum holds.
func (w *twin) compare(t *rapid.T) {
	if got, want := w.f.tree.NodeCount(), len(w.m.nodes); got != want {
		t.Fatalf("tree has %d nodes, model %d", got, want)
	}
	for path, n := range w.m.nodes {
		w.compareNode(t, path, n)
	}
	if got, want := w.f.tree.Digest(), fullDigest(w.f.tree); got != want {
		t.Fatalf("incremental digest %x, full %x", got, want)
	}
}

func (w *twin) compareNode(t *rapid.T, path string, n modelNode) {
	data, stat, code := w.f.get(path)
	if code != wire.OK || data != n.data {
		t.Fatalf("%s: got %q, %v, want %q", path, data, code, n.data)
	}
	children := w.m.children(path)
	base := int64(0) // children that no transaction created
	switch path {
	case "/":
		base = 1
	case "/zookeeper":
		base = 2
	}
	cversion := n.creates + n.deletes - base
	if stat.Czxid != n.czxid || stat.Mzxid != n.mzxid || stat.Pzxid != n.pzxid || stat.Version != n.version ||
		int64(stat.Cversion) != cversion || stat.EphemeralOwner != int64(n.owner) ||
		int(stat.NumChildren) != len(children) || int(stat.DataLength) != len(n.data) {
		t.Fatalf("%s: got %+v, want %+v, cversion %d, %d children", path, stat, n, cversion, len(children))
	}
	req := wire.PathWatchRequest{Path: []byte(path)}
	reply, _ := w.f.tree.Read(wire.OpGetChildren, req.Append(nil), w.f.reader(), nil)
	var got []string
	r := wire.NewReader(reply)
	for name := range r.Strings().All {
		got = append(got, string(name))
	}
	if strings.Join(got, ",") != strings.Join(children, ",") {
		t.Fatalf("children of %s: got %v, want %v", path, got, children)
	}
}

func TestTreeBehavesLikeItsModelAndItsImages(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &twin{f: newFixture(t), m: newModel()}
		w.m.sessions[w.f.session] = true
		w.sessions = []uint64{w.f.session}
		rt.Repeat(map[string]func(*rapid.T){
			"":             w.compare,
			"single":       w.single,
			"single2":      w.single,
			"multi":        w.multi,
			"page":         w.page,
			"openSession":  w.openSession,
			"closeSession": w.closeSession,
			"nextPiece":    w.nextPiece,
			"nextPiece2":   w.nextPiece,
			"giveUpImage":  w.giveUpImage,
		})
	})
}

func TestChildListAgainstSortedSlice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var l childList
		live := map[string]*znode{}
		size := rapid.IntRange(1, 2000).Draw(rt, "size")
		step := rapid.SampledFrom([]int{1, 7, 389}).Draw(rt, "step")
		name := func(i int) string { return fmt.Sprintf("/%05d", i*step%2003) }
		for i := range size {
			n := &znode{}
			setText(n, name(i), nil)
			live[n.path()] = n
			l.insert(n, 1)
		}
		for range rapid.IntRange(0, size).Draw(rt, "deletes") {
			path := name(rapid.IntRange(0, size-1).Draw(rt, "victim"))
			if n := live[path]; n != nil {
				l.remove(n, 1)
				delete(live, path)
			}
		}
		want := make([]string, 0, len(live))
		for path := range live {
			want = append(want, path)
		}
		slices.Sort(want)
		var got []string
		for n := range l.all {
			got = append(got, n.path())
		}
		if !slices.Equal(got, want) || l.count != len(want) {
			rt.Fatalf("list has %d of %d, count %d", len(got), len(want), l.count)
		}
		probe := fmt.Sprintf("%05d", rapid.IntRange(0, 2003).Draw(rt, "probe"))
		i, found := slices.BinarySearch(want, "/"+probe)
		if found {
			i++
		}
		after := l.after(probe, 1)
		if i == len(want) && after != nil || i < len(want) && (after == nil || after.path() != want[i]) {
			rt.Fatalf("after %s: got %v", probe, after)
		}
	})
}
