package tree

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

// What a look ahead reads is what the transaction itself finds, whatever the
// numbers in front of its body are; where there is no path, it finds none.
func TestSoughtPath(t *testing.T) {
	ids := NewIdentities([]Identity{{"digest", "me:x"}, {"ip", "127.0.0.1"}})
	for name, c := range map[string]struct {
		txn  Transaction
		want string
	}{
		"set":              {Transaction{Op: OpSetData, Body: setBody("/a/b", "x", -1)}, "/a/b"},
		"create":           {Transaction{Op: OpCreate, Body: createBody("/c", "x", 0, openACL)}, "/c"},
		"delete":           {Transaction{Op: OpDelete, Body: (&wire.PathVersionRequest{Path: []byte("/d")}).Append(nil)}, "/d"},
		"large numbers":    {Transaction{Op: OpSetData, Origin: 255, Request: 1 << 63, Session: 1<<64 - 1, Body: setBody("/e", "", 0)}, "/e"},
		"identities":       {Transaction{Op: OpSetData, Identities: ids, Body: setBody("/f", "", 0)}, "/f"},
		"multi":            {Transaction{Op: OpMulti, Body: multiBody(subOp{wire.OpSetData, setBody("/g", "", 0)})}, ""},
		"session":          {Transaction{Op: OpCloseSession, Session: 7}, ""},
		"null path":        {Transaction{Op: OpSetData, Body: []byte{0xff, 0xff, 0xff, 0xff}}, ""},
		"path cut short":   {Transaction{Op: OpSetData, Body: []byte{0, 0, 0, 9, '/', 'h'}}, ""},
		"length cut short": {Transaction{Op: OpSetData, Body: []byte{0, 0}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := soughtPath(AppendTransaction(nil, &c.txn)); string(got) != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// BenchmarkApplyRandom sets random nodes of a small and of a large tree, with and
// without looking ahead.
func BenchmarkApplyRandom(b *testing.B) {
	for _, size := range []int{1000, 1_000_000} {
		t, res := benchTree(b, size)
		encoded := make([][]byte, 1<<16)
		for i := range encoded {
			path := fmt.Sprintf("/n%07d", rand.IntN(size))
			encoded[i] = AppendTransaction(nil, &Transaction{Op: OpSetData, TimeMs: 2, Body: setBody(path, strings.Repeat("y", 100), -1)})
		}
		for _, ahead := range []bool{false, true} {
			b.Run(fmt.Sprintf("nodes=%d/ahead=%t", size, ahead), func(b *testing.B) {
				b.ReportAllocs()
				var txn Transaction
				for i := 0; b.Loop(); i = (i + 1) % len(encoded) {
					if ahead && i%ForesightMost == 0 {
						t.Foresee(encoded[i : i+ForesightMost])
					}
					if err := DecodeTransaction(encoded[i], &txn); err != nil {
						b.Fatal(err)
					}
					t.Apply(2, &txn, nil, nil, res)
				}
			})
		}
	}
}
