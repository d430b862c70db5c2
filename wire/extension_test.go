package wire

import (
	"reflect"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
)

func TestExtensionsAreReadBack(t *testing.T) {
	text := AppendExtensions(nil)
	all := ExtensionsOf(OpLinearizable, OpListPage, OpDeleteRecursive, OpCreateParents, OpCheckNotExists, OpCheckCzxid, OpSetReplyLimit)
	if got := ParseExtensions(text); got != all {
		t.Errorf("got %b, want %b", got, all)
	}
	if names := ExtensionsOf(OpCheckCzxid, OpListPage, 2031).Names(); !reflect.DeepEqual(names, []string{"listPage", "checkCzxid"}) || len(all.Names()) != extensionCount {
		t.Errorf("got names %v, and %d of all", names, len(all.Names()))
	}
	if !strings.Contains(string(text), "listPage 2001\n") || !strings.HasSuffix(string(text), "\nsequence64\n") {
		t.Errorf("got %q", text)
	}
	for _, c := range []struct {
		text string
		want Extensions
	}{
		{"", 0},
		{"nonsense", 0},
		{"listPage 2001", ExtensionsOf(OpListPage)},
		{"renamed 2001\r\nnewer 2031\nmuch 2032\nold 12\nlong 99999999999\n", ExtensionsOf(OpListPage) | 1<<31},
	} {
		if got := ParseExtensions([]byte(c.text)); got != c.want {
			t.Errorf("%q: got %b, want %b", c.text, got, c.want)
		}
	}
	if e := ExtensionsOf(OpListPage); !e.Has(0) || !e.Has(e) || e.Has(all) || ExtensionsOf(OpGetData) != 0 {
		t.Error("a set does not have what it has")
	}
}

func TestClassesOfExtensions(t *testing.T) {
	for op, want := range map[OpCode]OpClass{
		OpLinearizable: ClassSync, OpListPage: ClassRead, OpDeleteRecursive: ClassWrite, OpCreateParents: ClassWrite,
		OpCheckNotExists: ClassUnknown, OpCheckCzxid: ClassUnknown, OpSetReplyLimit: ClassConnection, 1999: ClassUnknown, 2007: ClassUnknown,
	} {
		if got := op.Class(); got != want {
			t.Errorf("%v: got class %d, want %d", op, got, want)
		}
	}
}

func TestPageEntriesAreWalkedInPlace(t *testing.T) {
	want := []PageEntry{{Name: []byte("a")}, {Name: []byte("b"), HasStat: true, Stat: sampleStat}, {Name: []byte{}}}
	var got []PageEntry
	for e := range NewPageEntries(want...).All {
		got = append(got, *e)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, bad := range []int32{-2, 1, 1 << 30} {
		r := NewReader(AppendInt(nil, bad))
		var page ListPageResponse
		if page.Decode(&r); r.OK() || page.Entries.Len() != 0 {
			t.Errorf("a page of %d entries in no bytes is accepted", bad)
		}
	}
}

func FuzzParseExtensions(f *testing.F) {
	f.Add(AppendExtensions(nil))
	f.Fuzz(func(t *testing.T, text []byte) {
		if n := allocation.Bytes(func() { ParseExtensions(text) }); n > uint64(4*len(text)+64<<10) {
			t.Fatalf("allocates %d for %d bytes", n, len(text))
		}
	})
}
