package wire

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func frame(parts ...func([]byte) []byte) []byte {
	b := BeginFrame(nil)
	for _, p := range parts {
		b = p(b)
	}
	return EndFrame(b, 0)
}

// The bytes below were captured from a ZooKeeper 3.9.5 and its client.
func TestGoldenRequests(t *testing.T) {
	open := NewACLs(WorldAnyone(PermAll))
	create := CreateRequest{Path: []byte("/a"), Data: []byte("hi"), ACL: open}
	get := PathWatchRequest{Path: []byte("/a"), Watch: true}
	set := SetDataRequest{Path: []byte("/a"), Data: []byte("x"), Version: -1}
	exists := PathWatchRequest{Path: []byte("/zz")}
	children := PathWatchRequest{Path: []byte("/")}
	auth := AuthPacket{Scheme: []byte("digest"), Auth: []byte("bob:pw")}
	check := PathVersionRequest{Path: []byte("/a"), Version: 9}
	createB := CreateRequest{Path: []byte("/b"), Data: []byte{}, ACL: open}
	multi := func(b []byte) []byte {
		b = createB.Append(AppendMultiOp(b, OpCreate))
		return AppendMultiEnd(check.Append(AppendMultiOp(b, OpCheck)))
	}
	connect := ConnectRequest{TimeoutMs: 30000, Password: make([]byte, 16), HasReadOnly: true}
	header := func(xid int32, op OpCode) func([]byte) []byte { return RequestHeader{Xid: xid, Op: op}.Append }
	acl := "00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65"
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"connect", frame(connect.Append), "0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010" + strings.Repeat("00", 16) + "00"},
		{"create", frame(header(1, OpCreate), create.Append), "00000033 00000001 00000001 00000002 2f61 00000002 6869 " + acl + " 00000000"},
		{"getData", frame(header(2, OpGetData), get.Append), "0000000f 00000002 00000004 00000002 2f61 01"},
		{"setData", frame(header(3, OpSetData), set.Append), "00000017 00000003 00000005 00000002 2f61 00000001 78 ffffffff"},
		{"exists", frame(header(4, OpExists), exists.Append), "00000010 00000004 00000003 00000003 2f7a7a 00"},
		{"getChildren", frame(header(5, OpGetChildren), children.Append), "0000000e 00000005 00000008 00000001 2f 00"},
		{"multi", frame(header(6, OpMulti), multi), "00000056 00000006 0000000e 00000001 00 ffffffff 00000002 2f62 00000000 " + acl +
			" 00000000 0000000d 00 ffffffff 00000002 2f61 00000009 ffffffff 01 ffffffff"},
		{"ping", frame(header(XidPing, OpPing)), "00000008 fffffffe 0000000b"},
		{"auth", frame(header(XidAuth, OpAuth), auth.Append), "00000020 fffffffc 00000064 00000000 00000006 646967657374 00000006 626f623a7077"},
		{"close", frame(header(7, OpCloseSession)), "00000008 00000007 fffffff5"},
	} {
		if want := unhex(t, c.want); !bytes.Equal(c.got, want) {
			t.Errorf("%s:\n got %x\nwant %x", c.name, c.got, want)
		}
	}
}

func TestGoldenReplies(t *testing.T) {
	reply := func(xid int32, zxid int64, code ErrorCode) func([]byte) []byte {
		return ReplyHeader{Xid: xid, Zxid: zxid, Err: code}.Append
	}
	connect := ConnectResponse{TimeoutMs: 30000, SessionID: 0x0100001ea0a20000, HasReadOnly: true}
	copy(connect.Password[:], unhex(t, "acd35d58c9d944036a1c48fbba9d957a"))
	created := CreateResponse{Path: []byte("/a")}
	event := WatcherEvent{Type: EventNodeDataChanged, State: StateSyncConnected, Path: []byte("/a")}
	names := StringsResponse{Names: NewStrings("a", "zookeeper")}
	multi := func(b []byte) []byte {
		return AppendMultiEnd(AppendMultiError(AppendMultiError(b, OK), ErrBadVersion))
	}
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"connect", frame(connect.Append), "00000025 00000000 00007530 0100001ea0a20000 00000010 acd35d58c9d944036a1c48fbba9d957a 00"},
		{"create", frame(reply(1, 2, OK), created.Append), "00000016 00000001 0000000000000002 00000000 00000002 2f61"},
		{"event", frame(reply(XidEvent, 3, OK), event.Append), "0000001e ffffffff 0000000000000003 00000000 00000003 00000003 00000002 2f61"},
		{"missing", frame(reply(4, 3, ErrNoNode)), "00000010 00000004 0000000000000003 ffffff9b"},
		{"children", frame(reply(5, 3, OK), names.Append), "00000026 00000005 0000000000000003 00000000 00000002 00000001 61 00000009 7a6f6f6b6565706572"},
		{"multi", frame(reply(6, 4, OK), multi), "00000033 00000006 0000000000000004 00000000 ffffffff 00 00000000 00000000 ffffffff 00 ffffff99 ffffff99 ffffffff 01 ffffffff"},
		{"ping", frame(reply(XidPing, 4, OK)), "00000010 fffffffe 0000000000000004 00000000"},
	} {
		if want := unhex(t, c.want); !bytes.Equal(c.got, want) {
			t.Errorf("%s:\n got %x\nwant %x", c.name, c.got, want)
		}
	}
}

func TestConnectFormsWithAndWithoutReadOnly(t *testing.T) {
	for _, size := range []int{44, 45} {
		c := ConnectRequest{SessionID: 5, Password: make([]byte, 16), HasReadOnly: size == 45, ReadOnly: size == 45}
		b := c.Append(nil)
		var got ConnectRequest
		r := NewReader(b)
		got.Decode(&r)
		if len(b) != size || !r.OK() || got.HasReadOnly != c.HasReadOnly || got.ReadOnly != c.ReadOnly || got.SessionID != 5 {
			t.Errorf("%d bytes: got %d, %+v", size, len(b), got)
		}
		answer := ConnectResponse{HasReadOnly: got.HasReadOnly}
		if n := len(answer.Append(nil)); n != size-8 {
			t.Errorf("answer to %d bytes: got %d bytes, want %d", size, n, size-8)
		}
	}
	for _, password := range [][]byte{nil, {}, {1, 2}} {
		c := ConnectRequest{Password: password}
		var got ConnectRequest
		r := NewReader(c.Append(nil))
		got.Decode(&r)
		if !r.OK() || (got.Password == nil) != (password == nil) || !bytes.Equal(got.Password, password) {
			t.Errorf("password %v: got %v, %v", password, got.Password, r.Err())
		}
	}
}

func TestFrameLength(t *testing.T) {
	for _, c := range []struct {
		head [4]byte
		want bool
	}{
		{[4]byte{0, 0x0f, 0xff, 0xff}, true}, {[4]byte{0, 0x10, 0, 0}, false},
		{[4]byte{0xff, 0xff, 0xff, 0xff}, false}, {[4]byte{}, true}, {[4]byte{'r', 'u', 'o', 'k'}, false},
	} {
		if _, ok := FrameLength(c.head, FrameBytesMax); ok != c.want {
			t.Errorf("frame length %x: got %v, want %v", c.head, ok, c.want)
		}
	}
}

func TestFourLetterWord(t *testing.T) {
	for word, want := range map[string]bool{"ruok": true, "mntr": true, "stmk": true, "ruoK": false, "\x00\x00\x00\x2d": false} {
		got, ok := FourLetterWord([4]byte([]byte(word)))
		if ok != want || ok && got != word {
			t.Errorf("word %q: got %q, %v", word, got, ok)
		}
	}
	for _, word := range fourLetterWords {
		if _, ok := FrameLength([4]byte([]byte(word)), FrameBytesMax); ok {
			t.Errorf("word %q is a frame length too", word)
		}
	}
}

func TestOpCodeClasses(t *testing.T) {
	for op, want := range map[OpCode]OpClass{
		OpCreate: ClassWrite, OpCloseSession: ClassWrite, OpGetData: ClassRead, OpSync: ClassSync, OpPing: ClassConnection,
		OpCheck: ClassUnknown, OpCreateSession: ClassUnknown, OpDeleteContainer: ClassUnknown, OpError: ClassUnknown,
		OpNotification: ClassUnknown, 10: ClassUnknown, 1000: ClassUnknown, OpSetWatches2: ClassWatch, OpReconfig: ClassReconfig,
	} {
		if got := op.Class(); got != want {
			t.Errorf("%v: got class %d, want %d", op, got, want)
		}
	}
	if got := OpCode(4711).String(); got != "op4711" {
		t.Errorf("unknown opcode: got %q", got)
	}
}

func TestErrorCode(t *testing.T) {
	if OK.Err() != nil || ErrNoNode.Err() == nil || ErrNoNode.Error() != "NONODE (-101)" || ErrorCode(-999).Name() != "ERROR-999" {
		t.Errorf("got %v, %v, %q, %q", OK.Err(), ErrNoNode.Err(), ErrNoNode.Error(), ErrorCode(-999).Name())
	}
}
