package tree

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/zabkeeper/zabkeeper/wire"
)

func TestZnodeIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(znode{}); got > 80 {
		t.Errorf("got %d bytes, want at most 80", got)
	}
}

// Next may run beside readers: under the race detector this test is the proof.
func TestImageBesideReaders(t *testing.T) {
	f := newFixture(t)
	for i := range 500 {
		f.mustCreate(fmt.Sprintf("/n%03d", i), "data", 0)
	}
	img := f.tree.BeginImage()
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			who, dst := &Reader{}, []byte(nil)
			for i := range 500 {
				dst, _ = f.tree.Read(wire.OpGetData, watchRecord(fmt.Sprintf("/n%03d", i)), who, dst[:0])
				dst, _ = f.tree.Read(wire.OpGetChildren2, watchRecord("/"), who, dst[:0])
			}
		})
	}
	var stream []byte
	for done := false; !done; {
		stream, done = img.Next(stream, 10)
	}
	readers.Wait()
	restored, err := Restore(bytes.NewReader(stream))
	if err != nil || restored.Digest() != f.tree.Digest() {
		t.Errorf("restore: %v", err)
	}
}

// TestImageOfVersionOne: its digest was made in another way and cannot be
// compared; the tree gets the present one.
func TestImageOfVersionOne(t *testing.T) {
	f := newFixture(t)
	f.mustCreate("/a", strings.Repeat("data", 20), 0)
	stream, _ := f.tree.BeginImage().Next(nil, 1000)
	version, digest := recordPrefixBytes, recordPrefixBytes+headerBytes-8
	stream[version], stream[digest] = 1, stream[digest]^1
	restored, err := Restore(bytes.NewReader(stream))
	if err != nil || restored.Digest() != f.tree.Digest() {
		t.Errorf("got %v, want the tree with digest %x", err, f.tree.Digest())
	}
	for _, v := range []byte{0, imageVersion, imageVersion + 1} {
		stream[version] = v
		if _, err := Restore(bytes.NewReader(stream)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("version %d with that digest: got %v, want ErrCorrupt", v, err)
		}
	}
}

// A restored tree goes on exactly like the one it was taken from.
func TestRestoredTreeContinuesAlike(t *testing.T) {
	f := newFixture(t)
	private := wire.NewACLs(wire.ACL{Perms: 31, ID: wire.ID{Scheme: "digest", ID: "u:h"}})
	f.mustCreate("/q", "", 0)
	f.mustCreate("/q/s-", "", 2)
	f.mustCreate("/e", "", 1)
	f.apply(OpCreate, createBody("/p", "", 0, private))
	f.apply(OpCreateContainer, createBody("/c", "", 4, openACL))
	f.apply(OpCreate, createBody("/tmp", "", 0, wire.NewACLs(wire.WorldAnyone(3))))
	f.apply(OpSetACL, (&wire.SetACLRequest{Path: []byte("/tmp"), ACL: private, Version: -1}).Append(nil)) // frees an ACL id
	stream, _ := f.tree.BeginImage().Next(nil, 1000)
	restored, err := Restore(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	if restored.NodeCount() != f.tree.NodeCount() || restored.DataBytes() != f.tree.DataBytes() ||
		restored.EphemeralCount() != 1 || restored.LastApplied() != f.tree.LastApplied() {
		t.Errorf("restored: %d nodes, %d bytes, %d ephemerals at %v", restored.NodeCount(), restored.DataBytes(),
			restored.EphemeralCount(), restored.LastApplied())
	}
	var res Result
	for i, txn := range []Transaction{
		{Op: OpCreate, Body: createBody("/q/s-", "", 2, openACL)},
		{Op: OpSetData, Body: setBody("/p", "x", -1)},
		{Op: OpCreate, Body: createBody("/c/x", "", 0, private)},
		{Op: OpDelete, Body: pathVersion("/c/x", -1)},
		{Op: OpReap, Body: pathRecord("/c")},
		{Op: OpCloseSession, Session: f.session},
	} {
		f.z++
		f.tree.Apply(f.z, &txn, nil, nil, &f.res)
		restored.Apply(f.z, &txn, nil, nil, &res)
		if res.Err != f.res.Err || res.Path != f.res.Path || restored.Digest() != f.tree.Digest() {
			t.Errorf("step %d: got %v %q, want %v %q", i, res.Err, res.Path, f.res.Err, f.res.Path)
		}
	}
}
