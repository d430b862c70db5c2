package peer

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net"
	"reflect"
	"slices"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"github.com/zabkeeper/zabkeeper/election"
	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

func drawZxid(t *rapid.T, name string) zxid.Zxid {
	return zxid.New(zxid.Epoch(rapid.Uint32Max(uint32(zxid.EpochMax)).Draw(t, name+" epoch")), rapid.Uint32().Draw(t, name+" counter"))
}

var knownKinds = func() (k []zab.Kind) {
	for i := range 256 {
		if layoutOf(zab.Kind(i)).known {
			k = append(k, zab.Kind(i))
		}
	}
	return k
}()

// drawMessage fills every field that the kind carries, and no other.
func drawMessage(t *rapid.T) zab.Message {
	m := zab.Message{Kind: rapid.SampledFrom(knownKinds).Draw(t, "kind"), Epoch: drawZxid(t, "leader").Epoch()}
	if m.Kind < zab.PassThrough && m.Kind != zab.Proposal {
		m.Zxid = drawZxid(t, "zxid")
	}
	long := []byte(nil)
	if p := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "bytes"); len(p) > 0 {
		long = bytes.Repeat(p, rapid.SampledFrom([]int{1, 1, 1, 300}).Draw(t, "repeat"))
	}
	switch l := layoutOf(m.Kind); {
	case long == nil || l.second == nothing:
	case l.second == config:
		m.Config = long
	case l.second == payload:
		m.Payload = long
	case l.second == runs:
		at := rapid.IntRange(0, len(long)-1).Draw(t, "cut")
		if at > 0 {
			m.Runs = append(m.Runs, long[:at])
		}
		m.Runs = append(m.Runs, long[at:])
	}
	for _, f := range layoutOf(m.Kind).fields {
		switch f {
		case fieldPrev:
			m.Prev = drawZxid(t, "prev")
		case fieldCommit:
			m.Commit = drawZxid(t, "commit")
		case fieldBase:
			m.Base = drawZxid(t, "base")
		case fieldAccepted:
			m.Accepted = drawZxid(t, "accepted").Epoch()
		case fieldVote:
			m.Vote = rapid.Bool().Draw(t, "vote")
		case fieldBlank:
			m.Blank = rapid.Bool().Draw(t, "blank")
		case fieldSeq:
			m.Seq = rapid.Uint64().Draw(t, "seq")
		case fieldTime:
			m.Time = zab.Millis(rapid.Int64().Draw(t, "time"))
		case fieldTable:
			m.Table = rapid.Uint64().Draw(t, "table")
		case fieldConfigZxid:
			m.ConfigZxid = drawZxid(t, "config zxid")
		case fieldSpans:
			for range rapid.IntRange(0, 20).Draw(t, "spans") {
				z := drawZxid(t, "span")
				m.Spans = append(m.Spans, record.Span{Epoch: z.Epoch(), Last: z.Counter()})
			}
		}
	}
	return m
}

// joined is m as it arrives: its runs in one piece.
func joined(m zab.Message) zab.Message {
	if len(m.Runs) > 0 {
		m.Runs = [][]byte{bytes.Join(m.Runs, nil)}
	}
	return m
}

func decodeAll(t testing.TB, p []byte, from zxid.ServerID) []zab.Message {
	t.Helper()
	var got []zab.Message
	unknown, err := DecodeMessages(p, from, func(m *zab.Message) error { got = append(got, *m); return nil })
	if err != nil || unknown != 0 {
		t.Fatalf("DecodeMessages: got %d unknown, %v", unknown, err)
	}
	return got
}

func TestMessagesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p []byte
		var want []zab.Message
		w := newFrameWriter()
		for range rapid.IntRange(1, 5).Draw(t, "messages") {
			m := drawMessage(t)
			p = AppendMessage(p, 7, &m)
			w.add(7, &m)
			want = append(want, joined(m))
		}
		var frame bytes.Buffer
		if err := w.send(func(pieces net.Buffers) error { _, err := pieces.WriteTo(&frame); return err }); err != nil {
			t.Fatalf("send: %v", err)
		}
		// The gathering writer and the plain encoder are twins.
		if !bytes.Equal(frame.Bytes(), appendFrame(nil, p)) {
			t.Fatalf("frameWriter and AppendMessage differ")
		}
		got := []zab.Message{}
		if _, err := DecodeMessages(p, 7, func(m *zab.Message) error { got = append(got, *m); return nil }); err != nil {
			t.Fatalf("DecodeMessages: %v", err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

// TestWireFormat pins what other versions of this server have to read.
func TestWireFormat(t *testing.T) {
	raw := record.Append(nil, 0, zxid.New(3, 9), record.Transaction, nil)
	run := "c418" + hex.EncodeToString(raw)
	tests := []struct {
		name string
		m    zab.Message
		want string
	}{
		{"proposal", zab.Message{Kind: zab.Proposal, Epoch: 4, Prev: zxid.New(3, 8), Commit: 5, Runs: [][]byte{raw}},
			"98" + "08" + run + "03" + "09" + "02" + "04" + "cf0000000300000008" + "05"},
		{"acknowledge", zab.Message{Kind: zab.Acknowledge, Epoch: 4, Zxid: zxid.New(3, 9)}, "96" + "09" + "c0" + "03" + "09" + "02" + "04"},
		{"commit", zab.Message{Kind: zab.Commit, Epoch: 4, Zxid: zxid.New(4, 1)}, "96" + "0a" + "c0" + "04" + "01" + "02" + "04"},
		{"request", zab.Message{Kind: zab.PassThrough, Epoch: 4, Payload: []byte("ab")}, "97" + "40" + "c4026162" + "04" + "00" + "02" + "04" + "00"},
	}
	for _, test := range tests {
		if got := hex.EncodeToString(AppendMessage(nil, 2, &test.m)); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
	m := election.Message{Kind: election.Coordinator, From: 3, Last: zxid.New(5, 6), Round: 7, Role: election.Leading, Leader: 3, LeaderEpoch: 4,
		Live: true, Heard: []zxid.ServerID{1, 2}}
	if got, want := hex.EncodeToString(AppendElection(nil, &m)), "9a"+"06"+"03"+"05"+"06"+"07"+"02"+"03"+"04"+"02"+"920102"; got != want {
		t.Errorf("coordinator: got %s, want %s", got, want)
	}
}

func TestElectionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := func(name string) bool { return rapid.Bool().Draw(t, name) }
		want := election.Message{Kind: election.Kind(rapid.IntRange(1, 7).Draw(t, "kind")), From: zxid.ServerID(rapid.Uint32().Draw(t, "from")),
			Last: drawZxid(t, "last"), Round: rapid.Uint64().Draw(t, "round"), Role: election.Role(rapid.IntRange(0, 3).Draw(t, "role")),
			Leader: zxid.ServerID(rapid.Uint32().Draw(t, "leader")), LeaderEpoch: drawZxid(t, "leader").Epoch(), Established: b("established"),
			Live: b("live"), Eligible: b("eligible"), Connected: b("connected"), Blank: b("blank")}
		for range rapid.IntRange(0, 9).Draw(t, "heard") {
			want.Heard = append(want.Heard, zxid.ServerID(rapid.Uint32().Draw(t, "id")))
		}
		var got election.Message
		unknown, err := DecodeElection(AppendElection(nil, &want), func(m *election.Message) error { got = *m; return nil })
		if err != nil || unknown != 0 || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, %d, %v, want %+v", got, unknown, err, want)
		}
	})
}

func TestHelloRoundTrip(t *testing.T) {
	want := Hello{Version: protocolVersion, Cluster: [16]byte{1, 2}, Server: 3, Incarnation: zab.Incarnation{4}, Boot: 5, TableHash: 1 << 60,
		TableText: "1 a 2 3 4\n", port: portLeader, refusal: "no"}
	got, err := decodeHello(appendHello(nil, &want))
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	other := want
	other.Version = 9
	if got, err := decodeHello(appendHello(nil, &other)); !errors.Is(err, ErrHello) || got.Version != 9 {
		t.Errorf("version 9: got %d, %v, want ErrHello", got.Version, err)
	}
	if _, err := decodeHello([]byte{0x92, 1, 1}); !errors.Is(err, ErrHello) {
		t.Errorf("wrong magic: got %v, want ErrHello", err)
	}
}

// TestLaterVersions: more elements and more kinds than this version knows.
func TestLaterVersions(t *testing.T) {
	var b bytes.Buffer
	e := msgpack.NewEncoder(&b)
	extra := map[string]any{"a": []any{1, -1, "x", nil, 1.5, []byte{1}, map[string]int{"k": 1}}}
	for _, v := range [][]any{{int(zab.Commit), nil, 1, 2, 7, 1, extra, extra}, {77777, extra}, {40, extra, 1, 2}, {int(zab.Commit), nil, 1, 3, 7, 1}} {
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	var got []zxid.Zxid
	unknown, err := DecodeMessages(b.Bytes(), 7, func(m *zab.Message) error { got = append(got, m.Zxid); return nil })
	if want := []zxid.Zxid{zxid.New(1, 2), zxid.New(1, 3)}; err != nil || unknown != 2 || !slices.Equal(got, want) {
		t.Errorf("got %v, %d unknown, %v, want %v and 2", got, unknown, err, want)
	}
}

func TestMalformedMessages(t *testing.T) {
	commit := AppendMessage(nil, 7, &zab.Message{Kind: zab.Commit, Zxid: 5})
	tests := []struct {
		name string
		p    []byte
		want error
	}{
		{"not an array", []byte{5}, ErrMalformed},
		{"array longer than the bytes", []byte{0xdd, 0xff, 0xff, 0xff, 0xff, 10}, ErrMalformed},
		{"nil array", []byte{0xc0}, ErrMalformed},
		{"too few elements", []byte{0x92, 10, 0xc0}, ErrMalformed},
		{"bytes longer than the frame", append([]byte{0x96, 10, 0xc6, 0x7f, 0xff, 0xff, 0xff}, make([]byte, 20)...), ErrMalformed},
		{"bytes where none belong", []byte{0x96, 10, 0xc4, 1, 1, 1, 1, 7, 1}, ErrMalformed},
		{"wrong originator", []byte{0x96, 10, 0xc0, 1, 1, 8, 1}, ErrMalformed},
		{"negative number", []byte{0x96, 10, 0xc0, 1, 0xff, 7, 1}, ErrMalformed},
		{"epoch of 32 bits", []byte{0x96, 10, 0xc0, 0xce, 0x80, 0, 0, 0, 1, 7, 1}, ErrMalformed},
		{"odd epoch vector", []byte{0x98, 6, 0xc0, 1, 1, 7, 1, 0, 0x91, 1}, ErrMalformed},
		{"cut", commit[:len(commit)-1], ErrMalformed},
		{"nested without end", append([]byte{0x92, 40}, bytes.Repeat([]byte{0x91}, 1<<20)...), ErrMalformed},
		{"too many messages", bytes.Repeat(commit, MessagesPerFrameMax+1), ErrTooLong},
	}
	for _, test := range tests {
		if _, err := DecodeMessages(test.p, 7, func(*zab.Message) error { return nil }); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
}

func TestDecodedBytesAliasTheFrame(t *testing.T) {
	m := zab.Message{Kind: zab.Proposal, Runs: [][]byte{[]byte("records")}}
	p := AppendMessage(nil, 1, &m)
	got := decodeAll(t, p, 1)[0].Runs[0]
	at := bytes.Index(p, []byte("records"))
	if p[at] = 'R'; string(got) != "Records" {
		t.Errorf("got %q, want it to alias the frame", got)
	}
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	m := zab.Message{Kind: zab.Proposal, Epoch: 3, Prev: 9, Commit: 8, Runs: [][]byte{make([]byte, 200)}}
	w := newFrameWriter()
	w.add(1, &m)
	w.reset()
	if n := testing.AllocsPerRun(100, func() { w.add(1, &m); w.reset() }); n > 0 {
		t.Errorf("a proposal: got %v allocations, want 0", n)
	}
}

// allocationCeiling is what a decoder may allocate for a payload: messages of
// seven bytes become structures of some 300.
func allocationCeiling(p []byte) uint64 { return 64<<10 + 64*uint64(len(p)) }

func FuzzDecodeMessages(f *testing.F) {
	for _, k := range knownKinds {
		m := zab.Message{Kind: k, Spans: []record.Span{{Epoch: 1, Last: 2}}, Runs: [][]byte{make([]byte, 30)}, Payload: []byte("p"), Config: []byte("c")}
		f.Add(AppendMessage(nil, 7, &m))
	}
	f.Add([]byte{0xdd, 0x00, 0xff, 0xff, 0xff, 10})
	f.Fuzz(func(t *testing.T, p []byte) {
		var got []zab.Message
		n := allocation.Bytes(func() {
			_, _ = DecodeMessages(p, 7, func(m *zab.Message) error { got = append(got, *m); return nil })
		})
		if n > 4*allocationCeiling(p) { // got counts too, as it grows
			t.Fatalf("%d bytes allocated for a payload of %d", n, len(p))
		}
		for i := range got {
			again := decodeAll(t, AppendMessage(nil, 7, &got[i]), 7)
			if !reflect.DeepEqual(again[0], got[i]) {
				t.Fatalf("got %+v, want %+v", again[0], got[i])
			}
		}
	})
}

func FuzzDecodeElection(f *testing.F) {
	f.Add(AppendElection(nil, &election.Message{Kind: election.Heartbeat, From: 1, Heard: []zxid.ServerID{2, 3}}))
	f.Add([]byte{0x9a, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0xdd, 0x7f, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, p []byte) {
		n := allocation.Bytes(func() { _, _ = DecodeElection(p, func(*election.Message) error { return nil }) })
		if n > allocationCeiling(p) {
			t.Fatalf("%d bytes allocated for a payload of %d", n, len(p))
		}
	})
}

func FuzzDecodeHello(f *testing.F) {
	f.Add(appendHello(nil, &Hello{Version: protocolVersion, TableText: "text"}))
	f.Fuzz(func(t *testing.T, p []byte) {
		n := allocation.Bytes(func() { _, _ = decodeHello(p) })
		if n > allocationCeiling(p) {
			t.Fatalf("%d bytes allocated for a hello of %d", n, len(p))
		}
	})
}

// FuzzFrames feeds a stream; only whole frames with the right checksum come out.
func FuzzFrames(f *testing.F) {
	f.Add(appendFrame(appendFrame(nil, []byte("one")), []byte("two")))
	f.Add([]byte{0x01, 0x3f, 0xff, 0xff, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, stream []byte) {
		var out []byte
		n := allocation.Bytes(func() {
			r := newFrameReader(bytes.NewReader(stream), FrameBytesMax)
			for {
				p, err := r.next()
				if err != nil {
					return
				}
				out = appendFrame(out, p)
			}
		})
		if limit := 4<<20 + 8*uint64(len(stream)); n > limit {
			t.Fatalf("%d bytes allocated for a stream of %d", n, len(stream))
		}
		if !bytes.HasPrefix(stream, out) {
			t.Fatalf("frames differ from the stream")
		}
	})
}
