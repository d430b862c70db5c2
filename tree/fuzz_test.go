package tree

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
	"github.com/zabkeeper/zabkeeper/wire"
)

func seedTransactions() []Transaction {
	return []Transaction{
		{Op: OpCreate, Body: createBody("/a", "x", 0, openACL)},
		{Op: OpDelete, Body: pathVersion("/n", -1), Identities: NewIdentities([]Identity{Super, {"ip", "::1"}})},
		{Op: OpSetData, Body: setBody("/n", "yy", 0)},
		{Op: OpMulti, Body: multiBody(subOp{wire.OpCreate, createBody("/b", "", 3, openACL)}, subOp{wire.OpCheck, pathVersion("/n", 5)})},
		{Op: OpCreateParents, Body: createParentsBody("/n/p/q/r", "x", 2)},
		{Op: OpDeleteRecursive, Body: deleteRecursiveBody("/n", -1, 5)},
		{Op: OpMulti, Body: multiBody(subOp{wire.OpCheckNotExists, pathRecord("/m")}, subOp{wire.OpCreateParents, createParentsBody("/m/n", "", 0)},
			subOp{wire.OpDeleteRecursive, deleteRecursiveBody("/n", 0, 0)}, subOp{wire.OpCheckCzxid, checkCzxidBody("/m", 7, -1)})},
		{Op: OpCreateSession, Body: AppendSessionBody(nil, 5, [16]byte{}, 1)},
		{Op: OpAttachSession, Session: 1<<32 + 1, Origin: 1, Body: AppendSessionBody(nil, 5, [16]byte{1, 2, 3}, 1)},
		{Op: OpCloseSession, Session: 1<<32 + 1},
		{Op: OpReap, Body: pathRecord("/c")},
		{Op: OpSetConfig, Body: []byte("text")},
		{Op: OpSetACL, Body: (&wire.SetACLRequest{Path: []byte("/n"), ACL: openACL, Version: -1}).Append(nil), Settings: SettingSASL},
	}
}

// clientOp is the client's operation that a transaction carries out.
func clientOp(op Op) wire.OpCode {
	switch op {
	case OpDeleteRecursive:
		return wire.OpDeleteRecursive
	case OpCreateParents:
		return wire.OpCreateParents
	}
	return wire.OpCode(op)
}

// FuzzApply decodes any bytes as a transaction and applies it to a small tree: no
// panic, a digest that sums up, nothing changed by a failure, agreement with
// CheckForm, and an image that restores.
func FuzzApply(f *testing.F) {
	for _, txn := range seedTransactions() {
		f.Add(AppendTransaction(nil, &txn))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var txn Transaction
		if n := allocation.Bytes(func() {
			if DecodeTransaction(b, &txn) != nil {
				txn = Transaction{Op: OpMulti, Body: b}
			}
		}); n > 16<<10 {
			t.Fatalf("decode allocates %d for %d bytes", n, len(b))
		}
		fx := newFixture(t)
		fx.mustCreate("/n", "x", 0)
		fx.mustCreate("/n/e", "", 1)
		fx.apply(OpCreateContainer, createBody("/c", "", 0, openACL))
		fx.watches.AddPersistent(1, wire.WatchRecursive, []byte("/"))
		fx.watches.AddPersistent(2, wire.WatchPersistent, []byte("/"))
		before := fx.tree.Digest()
		fx.tree.lookAhead([][]byte{b, AppendTransaction(nil, &txn)})
		fx.tree.Apply(fx.z+1, &txn, fx.watches, fx, &fx.res)
		if fx.res.Failed() && fx.tree.Digest() != before {
			t.Fatalf("%+v failed and changed the tree", txn)
		}
		fx.res.AppendReply(nil, clientOp(txn.Op))
		if got, want := fx.tree.Digest(), fullDigest(fx.tree); got != want {
			t.Fatalf("incremental digest %x, full %x", got, want)
		}
		if op := clientOp(txn.Op); txn.Session == 0 && op.Class() == wire.ClassWrite {
			form := CheckForm(op, txn.Body, txn.Identities, txn.Settings)
			if form != wire.OK && form != fx.res.Err {
				t.Fatalf("%+v: form %v, apply %v", txn, form, fx.res.Err)
			}
			if form == wire.OK && fx.res.Err == wire.ErrMarshalling {
				t.Fatalf("%+v passed CheckForm and does not decode", txn)
			}
		}
		stream, done := fx.tree.BeginImage().Next(nil, 1<<20)
		if restored, err := Restore(bytes.NewReader(stream)); !done || err != nil || restored.Digest() != fx.tree.Digest() {
			t.Fatalf("image after %+v: %v", txn, err)
		}
	})
}

// FuzzRead answers any bytes as every read and every watch request.
func FuzzRead(f *testing.F) {
	f.Add(watchRecord("/n"))
	f.Add(multiBody(subOp{wire.OpGetData, watchRecord("/n")}))
	f.Add((&wire.ListPageRequest{Path: []byte("/"), Prefix: []byte("z"), Flags: wire.PageStats}).Append(nil))
	f.Add((&wire.SetWatches{Data: wire.NewStrings("/n", "/x"), Recursive: wire.NewStrings("/")}).AppendPersistent(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		fx := newFixture(t)
		fx.mustCreate("/n", "x", 0)
		before := fx.tree.Digest()
		for op := wire.OpCode(0); op < 2010; op++ {
			n := allocation.Bytes(func() {
				switch op.Class() {
				case wire.ClassRead:
					fx.tree.Read(op, b, fx.reader(), nil)
				case wire.ClassWatch:
					fx.tree.WatchRequest(fx.watches, 1, op, b, 0, fx, nil)
				}
			})
			if n > uint64(256*len(b)+64<<10) {
				t.Fatalf("%v allocates %d for %d bytes", op, n, len(b))
			}
		}
		fx.watches.RemoveWatcher(1)
		if fx.watches.Count() != 0 || fx.tree.Digest() != before {
			t.Fatalf("left %d watches, digest %x, want %x", fx.watches.Count(), fx.tree.Digest(), before)
		}
	})
}

func sampleImage(t testing.TB) []byte {
	t.Helper()
	fx := newFixture(t)
	for _, body := range [][]byte{createBody("/n", "x", 0, openACL), createBody("/n/e", "", 1, openACL)} {
		txn := Transaction{Op: OpCreate, Session: fx.session, Origin: 1, Body: body}
		fx.tree.Apply(fx.z, &txn, nil, nil, &fx.res)
	}
	stream, _ := fx.tree.BeginImage().Next(nil, 100)
	return stream
}

// FuzzRestore feeds any bytes as an image, and any damage to a good one.
func FuzzRestore(f *testing.F) {
	good := sampleImage(f)
	f.Add(good, uint16(0), byte(0))
	f.Add(good, uint16(30), byte(1))
	f.Add([]byte{recordHeader, 0xff, 0xff, 0xff, 0x03}, uint16(0), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, at uint16, flip byte) {
		b = bytes.Clone(b)
		if len(b) > 0 {
			b[int(at)%len(b)] ^= flip
		}
		n := allocation.Bytes(func() {
			restored, err := Restore(bytes.NewReader(b))
			if err != nil && !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
			}
			if err == nil && restored.Digest() != fullDigest(restored) {
				t.Errorf("a wrong digest is accepted")
			}
		})
		if n > uint64(64*len(b)+512<<10) {
			t.Errorf("allocates %d for %d bytes", n, len(b))
		}
	})
}

func TestRestoreRefusesEveryTruncationAndManyFlips(t *testing.T) {
	good := sampleImage(t)
	if _, err := Restore(bytes.NewReader(good)); err != nil {
		t.Fatalf("good image: %v", err)
	}
	for cut := range good {
		if _, err := Restore(bytes.NewReader(good[:cut])); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut at %d of %d: got %v", cut, len(good), err)
		}
	}
	const zxidAt = recordPrefixBytes + 1 // LastApplied is not part of the digest
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 0x10
		if _, err := Restore(bytes.NewReader(b)); err == nil && (i < zxidAt || i >= zxidAt+8) {
			t.Errorf("a flipped bit at %d is accepted", i)
		}
	}
}

func TestTransactionCodec(t *testing.T) {
	want := Transaction{
		Op: OpSetData, Settings: SettingX509, TimeMs: TimeMsMax, Origin: 1<<32 - 1, Request: 1<<64 - 1, Session: 1 << 40,
		Identities: NewIdentities([]Identity{{"ip", "1.2.3.4"}}), Body: []byte("body"),
	}
	b := AppendTransaction(nil, &want)
	for cut := range len(b) - len(want.Body) {
		var got Transaction
		if err := DecodeTransaction(b[:cut], &got); !errors.Is(err, ErrTransaction) {
			t.Errorf("cut at %d: got %v", cut, err)
		}
	}
	for version, ok := range map[byte]bool{0: false, 1: true, 2: true, 3: false} { // logs of version 1 are read
		b[offsetVersion] = version
		var got Transaction
		if err := DecodeTransaction(b, &got); (err == nil) != ok {
			t.Errorf("version %d: got %v", version, err)
		}
	}
	b[offsetVersion] = transactionVersion
	StampTransaction(b, SettingSkipACL, 12345)
	var got Transaction
	if err := DecodeTransaction(b, &got); err != nil || got.Settings != SettingSkipACL || got.TimeMs != 12345 ||
		got.Origin != want.Origin || got.Request != want.Request || got.Session != want.Session || string(got.Body) != "body" {
		t.Errorf("got %+v, %v", got, err)
	}
	bad := append(AppendTransaction(nil, &Transaction{})[:offsetRest], binary.AppendUvarint(nil, 1<<33)...)
	if err := DecodeTransaction(append(bad, 0, 0, 0), &got); !errors.Is(err, ErrTransaction) {
		t.Errorf("a server number of 33 bits: got %v", err)
	}
}
