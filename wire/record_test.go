package wire

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
)

type record interface {
	Append([]byte) []byte
	Decode(*Reader)
}

// asTTL, asStat and asPersistent give the long forms of records the same shape.
type asTTL struct{ *CreateRequest }

func (a asTTL) Append(b []byte) []byte { return a.AppendTTL(b) }
func (a asTTL) Decode(r *Reader)       { a.DecodeTTL(r) }

type asStat struct{ *CreateResponse }

func (a asStat) Append(b []byte) []byte { return a.AppendStat(b) }
func (a asStat) Decode(r *Reader)       { a.DecodeStat(r) }

type asStringsStat struct{ *StringsResponse }

func (a asStringsStat) Append(b []byte) []byte { return a.AppendStat(b) }
func (a asStringsStat) Decode(r *Reader)       { a.DecodeStat(r) }

type asPersistent struct{ *SetWatches }

func (a asPersistent) Append(b []byte) []byte { return a.AppendPersistent(b) }
func (a asPersistent) Decode(r *Reader)       { a.DecodePersistent(r) }

var sampleStat = Stat{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}

// records pairs a filled record with an empty one of the same type.
func records() [][2]record {
	path, data := []byte("/a/b"), []byte("data")
	acl := NewACLs(WorldAnyone(PermAll), ACL{Perms: PermRead, ID: ID{"digest", "u:h"}})
	names := NewStrings("a", "", "ccc")
	return [][2]record{
		{&CreateRequest{Path: path, Data: data, ACL: acl, Flags: 3}, &CreateRequest{}},
		{asTTL{&CreateRequest{Path: path, ACL: acl, Flags: 5, TTLMs: 77}}, asTTL{&CreateRequest{}}},
		{&PathVersionRequest{path, -1}, &PathVersionRequest{}},
		{&PathWatchRequest{path, true}, &PathWatchRequest{}},
		{&PathRequest{path}, &PathRequest{}},
		{&SetDataRequest{path, []byte{}, 4}, &SetDataRequest{}},
		{&SetACLRequest{path, acl, 4}, &SetACLRequest{}},
		{&ReconfigRequest{[]byte("j"), nil, []byte{}, 6}, &ReconfigRequest{}},
		{&AuthPacket{1, []byte("digest"), data}, &AuthPacket{}},
		{&SASLToken{data}, &SASLToken{}},
		{&WatcherEvent{EventNodeCreated, StateSyncConnected, path}, &WatcherEvent{}},
		{&PathModeRequest{path, 1}, &PathModeRequest{}},
		{&SetWatches{RelativeZxid: 9, Data: names, Exist: NewStrings("x"), Child: names}, &SetWatches{}},
		{asPersistent{&SetWatches{9, names, names, names, NewStrings("p"), NewStrings("q")}}, asPersistent{&SetWatches{}}},
		{&CreateResponse{Path: path}, &CreateResponse{}},
		{asStat{&CreateResponse{path, sampleStat}}, asStat{&CreateResponse{}}},
		{&DataResponse{data, sampleStat}, &DataResponse{}},
		{&ACLResponse{acl, sampleStat}, &ACLResponse{}},
		{&StringsResponse{Names: names}, &StringsResponse{}},
		{asStringsStat{&StringsResponse{names, sampleStat}}, asStringsStat{&StringsResponse{}}},
		{&IntResponse{4}, &IntResponse{}},
		{&LinearizableRequest{OpGetData, []byte{}}, &LinearizableRequest{}},
		{&ListPageRequest{path, data, []byte{}, 7, PageStats}, &ListPageRequest{}},
		{&ListPageResponse{NewPageEntries(PageEntry{Name: path}, PageEntry{data, true, sampleStat}), true, sampleStat}, &ListPageResponse{}},
		{&DeleteRecursiveRequest{path, -1, 4}, &DeleteRecursiveRequest{}},
		{&CreateParentsResponse{path, sampleStat, 3}, &CreateParentsResponse{}},
		{&CheckCzxidRequest{path, 1 << 40, -1}, &CheckCzxidRequest{}},
		{&ReplyLimit{1024}, &ReplyLimit{}},
		{&WhoAmIResponse{[]ID{{"ip", "::1"}, {"digest", "u"}}}, &WhoAmIResponse{}},
		{&sampleStat, &Stat{}},
		{&ConnectResponse{TimeoutMs: 4, SessionID: 5, HasReadOnly: true, ReadOnly: true}, &ConnectResponse{}},
		{&ConnectRequest{TimeoutMs: 4, SessionID: 5, Password: data, HasReadOnly: true, ReadOnly: true}, &ConnectRequest{}},
	}
}

func TestRecordsRoundTripAndRefuseEveryTruncation(t *testing.T) {
	for _, pair := range records() {
		want, got := pair[0], pair[1]
		b := want.Append([]byte{})
		r := NewReader(append(b[:len(b):len(b)], "trailing"...))
		switch got.(type) {
		case *ConnectRequest, *LinearizableRequest: // they take what follows
			r = NewReader(b)
		}
		got.Decode(&r)
		if !r.OK() || !reflect.DeepEqual(want, got) {
			t.Errorf("%T: got %+v, %v, want %+v", want, got, r.Err(), want)
		}
		for cut := range b {
			r := NewReader(b[:cut])
			pair[1].Decode(&r)
			optional := false
			switch want.(type) {
			case *ConnectRequest, *ConnectResponse:
				optional = cut == len(b)-1
			}
			if r.OK() != optional {
				t.Errorf("%T cut at %d of %d: got %v", want, cut, len(b), r.Err())
			}
		}
	}
}

func TestNullAndEmptyAreDifferent(t *testing.T) {
	r := NewReader(AppendBuffer(AppendBuffer(nil, nil), []byte{}))
	null, empty := r.Buffer(), r.Buffer()
	if null != nil || empty == nil || len(empty) != 0 || !r.OK() {
		t.Errorf("got null %v, empty %v, %v", null, empty, r.Err())
	}
	for _, bad := range []int32{-2, 1, 1 << 30, -1 << 31} {
		r := NewReader(AppendInt(nil, bad))
		if r.Buffer(); r.OK() {
			t.Errorf("buffer of length %d in no bytes is accepted", bad)
		}
		r = NewReader(AppendInt(nil, bad))
		if r.Strings(); r.OK() {
			t.Errorf("vector of length %d in no bytes is accepted", bad)
		}
		r = NewReader(AppendInt(nil, bad))
		if r.ACLs(); r.OK() {
			t.Errorf("ACL of length %d in no bytes is accepted", bad)
		}
	}
	r = NewReader(AppendInt(AppendInt(nil, -1), -1))
	if acl, names := r.ACLs(), r.Strings(); !r.OK() || acl.Len() != 0 || names.Len() != 0 {
		t.Errorf("null vectors: got %d, %d, %v", acl.Len(), names.Len(), r.Err())
	}
}

func TestMultiReader(t *testing.T) {
	del := PathVersionRequest{Path: []byte("/a"), Version: 3}
	body := AppendMultiEnd(del.Append(AppendMultiOp(del.Append(AppendMultiOp(nil, OpDelete)), OpCheck)))
	m := NewMultiReader(body)
	var ops []OpCode
	for op, more := m.Next(); more; op, more = m.Next() {
		var got PathVersionRequest
		got.Decode(&m.Reader)
		if !bytes.Equal(got.Path, del.Path) || got.Version != 3 {
			t.Errorf("got %+v, want %+v", got, del)
		}
		ops = append(ops, op)
	}
	if want := []OpCode{OpDelete, OpCheck}; !reflect.DeepEqual(ops, want) || !m.OK() {
		t.Errorf("got %v, %v, want %v", ops, m.Err(), want)
	}
	for cut := range body {
		m := NewMultiReader(body[:cut])
		for _, more := m.Next(); more; _, more = m.Next() {
			var got PathVersionRequest
			got.Decode(&m.Reader)
		}
		if m.OK() {
			t.Errorf("multi cut at %d of %d is accepted", cut, len(body))
		}
	}
}

func TestDecodeMultiResponse(t *testing.T) {
	b := AppendString(AppendMultiResult(nil, OpCreate), "/a")
	b = sampleStat.Append(AppendMultiResult(b, OpSetData))
	b = AppendMultiResult(b, OpDelete)
	b = AppendInt(AppendMultiResult(b, OpDeleteRecursive), 9)
	b = (&CreateParentsResponse{[]byte("/p"), sampleStat, 2}).Append(AppendMultiResult(b, OpCreateParents))
	b = AppendMultiResult(AppendMultiResult(b, OpCheckNotExists), OpCheckCzxid)
	b = AppendMultiEnd(AppendMultiError(b, ErrNoNode))
	var got []MultiResult
	if err := DecodeMultiResponse(b, func(r *MultiResult) { got = append(got, *r) }); err != nil {
		t.Fatal(err)
	}
	want := []MultiResult{
		{Type: OpCreate, Path: []byte("/a")}, {Type: OpSetData, Stat: sampleStat}, {Type: OpDelete}, {Type: OpDeleteRecursive, Count: 9},
		{Type: OpCreateParents, Path: []byte("/p"), Stat: sampleStat, Count: 2}, {Type: OpCheckNotExists}, {Type: OpCheckCzxid}, {Type: OpError, Err: ErrNoNode},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := DecodeMultiResponse(b[:len(b)-1], func(*MultiResult) {}); err == nil {
		t.Error("a response without its end is accepted")
	}
}

// FuzzRecords feeds any bytes to every decoder: none may panic, allocate more
// than the input justifies, or accept what it cannot write again.
func FuzzRecords(f *testing.F) {
	for _, pair := range records() {
		f.Add(pair[0].Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, pair := range records() {
			rec, r := pair[1], NewReader(b)
			if n := allocation.Bytes(func() { rec.Decode(&r) }); n > uint64(16*len(b)+64<<10) {
				t.Fatalf("%T allocates %d for %d bytes", rec, n, len(b))
			}
			if !r.OK() {
				continue
			}
			again := rec.Append(nil)
			r2 := NewReader(again)
			rec.Decode(&r2)
			if !r2.OK() || !bytes.Equal(rec.Append(nil), again) {
				t.Fatalf("%T does not survive its own encoding", rec)
			}
		}
	})
}

// FuzzMulti walks any bytes as a multi request and as a response.
func FuzzMulti(f *testing.F) {
	f.Add(AppendMultiEnd(AppendMultiError(nil, ErrNoNode)))
	f.Fuzz(func(t *testing.T, b []byte) {
		count := 0
		if n := allocation.Bytes(func() { _ = DecodeMultiResponse(b, func(*MultiResult) { count++ }) }); n > uint64(64*len(b)+64<<10) {
			t.Fatalf("allocates %d for %d bytes", n, len(b))
		}
		if count > len(b)/9 {
			t.Fatalf("%d results in %d bytes", count, len(b))
		}
	})
}

func TestVectorsAreWalkedInPlace(t *testing.T) {
	list := []ACL{WorldAnyone(PermAll), {Perms: 0, ID: ID{"digest", "u:h"}}}
	acls := NewACLs(list...)
	if got := acls.List(); !reflect.DeepEqual(got, list) {
		t.Errorf("got %v, want %v", got, list)
	}
	var again []byte
	for e := range acls.All {
		again = e.Append(again)
	}
	if !bytes.Equal(again, acls.Bytes()[4:]) {
		t.Errorf("entries append as %x, want %x", again, acls.Bytes()[4:])
	}
	if got := (ACLs{}).Append(nil); !bytes.Equal(got, AppendInt(nil, -1)) {
		t.Errorf("zero list: got %x, want null", got)
	}
	var names []string
	for s := range NewStrings("a", "", "b").All {
		names = append(names, string(s))
	}
	if want := []string{"a", "", "b"}; !reflect.DeepEqual(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestHeadersRoundTrip(t *testing.T) {
	r := NewReader(ReplyHeader{-8, 1 << 40, ErrNoAuth}.Append(RequestHeader{7, OpMulti}.Append(nil)))
	var request RequestHeader
	var reply ReplyHeader
	request.Decode(&r)
	reply.Decode(&r)
	if !r.OK() || request != (RequestHeader{7, OpMulti}) || reply != (ReplyHeader{-8, 1 << 40, ErrNoAuth}) || len(r.Rest()) != 0 {
		t.Errorf("got %+v, %+v, %v", request, reply, r.Err())
	}
}

func TestCreateFlags(t *testing.T) {
	for f, want := range map[CreateFlags][4]bool{ // valid, ephemeral, sequential, TTL
		-1: {}, 0: {true}, 1: {true, true}, 2: {true, false, true}, 3: {true, true, true},
		4: {true}, 5: {true, false, false, true}, 6: {true, false, true, true}, 7: {},
	} {
		if got := [4]bool{f.Valid(), f.Ephemeral(), f.Sequential(), f.TTL()}; got != want {
			t.Errorf("flags %d: got %v, want %v", f, got, want)
		}
	}
}

func TestSetWatchesAreWholeWithoutNulls(t *testing.T) {
	null := AppendInt(AppendInt(nil, 1), -1)
	r := NewReader(null)
	nullPath := r.Strings()
	r = NewReader(AppendInt(nil, -1))
	nullList := r.Strings()
	for _, c := range []struct {
		s    SetWatches
		want bool
	}{
		{SetWatches{}, true},
		{SetWatches{Data: NewStrings("/a", ""), Recursive: NewStrings("/b")}, true},
		{SetWatches{Data: NewStrings("/a"), Child: nullPath}, false},
		{SetWatches{Persistent: nullList}, false},
	} {
		if got := c.s.Whole(); got != c.want {
			t.Errorf("%+v: got %v, want %v", c.s, got, c.want)
		}
	}
}
