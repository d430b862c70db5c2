package tree

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

func benchTree(b *testing.B, nodes int) (*Tree, *Result) {
	b.Helper()
	t, res := New(), &Result{}
	txn := Transaction{Op: OpCreate, TimeMs: 1}
	for i := range nodes {
		txn.Body = createBody(fmt.Sprintf("/n%07d", i), strings.Repeat("x", 100), 0, openACL)
		t.Apply(1, &txn, nil, nil, res)
	}
	return t, res
}

func BenchmarkApplySetData(b *testing.B) {
	t, res := benchTree(b, 1000)
	txn := Transaction{Op: OpSetData, TimeMs: 2, Body: setBody("/n0000500", strings.Repeat("y", 100), -1)}
	b.ReportAllocs()
	for b.Loop() {
		t.Apply(2, &txn, nil, nil, res)
	}
}

func BenchmarkApplyCreateSequential(b *testing.B) {
	t, res := benchTree(b, 0)
	txn := Transaction{Op: OpCreate, TimeMs: 2, Body: createBody("/q-", strings.Repeat("y", 100), wire.FlagPersistentSequential, openACL)}
	b.ReportAllocs()
	for b.Loop() {
		t.Apply(2, &txn, nil, nil, res)
	}
}

func BenchmarkReadGetData(b *testing.B) {
	t, _ := benchTree(b, 1000)
	req := wire.PathWatchRequest{Path: []byte("/n0000500")}
	body, who, dst := req.Append(nil), &Reader{}, make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		t.Read(wire.OpGetData, body, who, dst)
	}
}

// BenchmarkListPage reads pages of a hundred from the middle of few and of many
// children: the cost must not follow their number.
func BenchmarkListPage(b *testing.B) {
	for _, size := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			t, _ := benchTree(b, size)
			req := wire.ListPageRequest{Path: []byte("/"), After: fmt.Appendf(nil, "n%07d", size/2), Limit: 100, Flags: wire.PageStats}
			body, who, dst := req.Append(nil), &Reader{}, make([]byte, 0, 16<<10)
			b.ReportAllocs()
			for b.Loop() {
				t.Read(wire.OpListPage, body, who, dst)
			}
		})
	}
}

// BenchmarkDeleteRecursive is how long the largest one keeps a server busy.
func BenchmarkDeleteRecursive(b *testing.B) {
	res := &Result{}
	for b.Loop() {
		b.StopTimer()
		t := New()
		txn := Transaction{Op: OpCreate, TimeMs: 1, Body: createBody("/top", "", 0, openACL)}
		t.Apply(1, &txn, nil, nil, res)
		for i := range wire.DeleteLimitMax - 1 {
			txn.Body = createBody(fmt.Sprintf("/top/n%07d", i), "x", 0, openACL)
			t.Apply(1, &txn, nil, nil, res)
		}
		txn = Transaction{Op: OpDeleteRecursive, TimeMs: 2, Body: deleteRecursiveBody("/top", -1, wire.DeleteLimitMax)}
		b.StartTimer()
		t.Apply(2, &txn, nil, nil, res)
		if res.Count != wire.DeleteLimitMax {
			b.Fatal(res.Err, res.Count)
		}
	}
}

func BenchmarkDecodeTransaction(b *testing.B) {
	encoded := AppendTransaction(nil, &Transaction{
		Op: OpSetData, TimeMs: 2, Origin: 1, Request: 99, Session: 1 << 33,
		Identities: NewIdentities([]Identity{{"ip", "127.0.0.1"}}), Body: setBody("/a", "x", -1),
	})
	var txn Transaction
	b.ReportAllocs()
	for b.Loop() {
		if err := DecodeTransaction(encoded, &txn); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWatchRegisterAndFire(b *testing.B) {
	t, res := benchTree(b, 10)
	w := NewWatchRegistry()
	txn := Transaction{Op: OpSetData, TimeMs: 2, Body: setBody("/n0000005", "y", -1)}
	path := []byte("/n0000005")
	b.ReportAllocs()
	for b.Loop() {
		w.Add(7, WatchData, path)
		t.Apply(2, &txn, w, discard{}, res)
	}
}

type discard struct{}

func (discard) WatchEvent(WatcherID, *Event) {}

func BenchmarkCreateAndDeleteInWideNode(b *testing.B) {
	t, res := New(), &Result{}
	const children = 1 << 20
	for i := range children {
		path := fmt.Sprintf("/%016x", mix(uint64(i), 1))
		txn := Transaction{Op: OpCreate, Body: createBody(path, "", 0, openACL)}
		t.Apply(1, &txn, nil, nil, res)
	}
	create := Transaction{Op: OpCreate, Body: createBody("/7000", "", 0, openACL)}
	remove := Transaction{Op: OpDelete, Body: pathVersion("/7000", -1)}
	b.ReportAllocs()
	for b.Loop() {
		t.Apply(2, &create, nil, nil, res)
		t.Apply(2, &remove, nil, nil, res)
	}
}
