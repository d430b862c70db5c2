package record

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

func TestRoundTrip(t *testing.T) {
	var all []byte
	var chain uint64
	bodies := [][]byte{nil, []byte("a"), bytes.Repeat([]byte("xyz"), 1000)}
	kinds := []Kind{Epoch, Transaction, Config}
	for i, body := range bodies {
		z := zxid.New(3, uint32(i))
		all = Append(all, chain, z, kinds[i], body)
		chain = NextChain(chain, z, kinds[i], body)
	}
	got, err := DecodeAll(all, nil)
	if err != nil || len(got) != len(bodies) {
		t.Fatalf("DecodeAll: got %d records, %v, want %d", len(got), err, len(bodies))
	}
	for i, r := range got {
		if r.Zxid != zxid.New(3, uint32(i)) || r.Kind != kinds[i] || !bytes.Equal(r.Body(), bodies[i]) {
			t.Errorf("record %d: got %v %v, %d bytes", i, r.Zxid, r.Kind, len(r.Body()))
		}
	}
	if got[2].Chain != chain {
		t.Errorf("chain: got %x, want %x", got[2].Chain, chain)
	}
}

// TestLayout pins the format: a change here breaks every log on every disk.
func TestLayout(t *testing.T) {
	got := Append(nil, 7, zxid.New(1, 2), Transaction, []byte("ab"))
	want, err := hex.DecodeString("e2dbed6c020000010200000001000000cdbf480e4e21e3d46162")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("layout: got %x, want %x", got, want)
	}
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	buf, body := make([]byte, 0, 4096), make([]byte, 1000)
	if n := testing.AllocsPerRun(10, func() { buf = Append(buf[:0], 1, zxid.New(1, 1), Transaction, body) }); n > 0 {
		t.Errorf("Append allocates %v times, want 0", n)
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	raw := Append(nil, 9, zxid.New(2, 5), Transaction, []byte("hello"))
	for bit := range len(raw) * 8 {
		bad := slices.Clone(raw)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, err := Decode(bad); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrShort) {
			t.Errorf("bit %d: got %v", bit, err)
		}
	}
	for n := range raw {
		if _, err := Decode(raw[:n]); !errors.Is(err, ErrShort) {
			t.Errorf("cut to %d bytes: got %v, want ErrShort", n, err)
		}
	}
}

func TestChainSeparatesHistories(t *testing.T) {
	base := NextChain(1, zxid.New(1, 1), Transaction, []byte("x"))
	others := map[string]uint64{
		"prev": NextChain(2, zxid.New(1, 1), Transaction, []byte("x")),
		"zxid": NextChain(1, zxid.New(1, 2), Transaction, []byte("x")),
		"kind": NextChain(1, zxid.New(1, 1), Config, []byte("x")),
		"body": NextChain(1, zxid.New(1, 1), Transaction, []byte("y")),
	}
	for name, other := range others {
		if other == base {
			t.Errorf("%s: two histories share chain %x", name, base)
		}
	}
}

func TestSpans(t *testing.T) {
	var spans []Span
	for _, z := range []zxid.Zxid{zxid.New(1, 0), zxid.New(1, 1), zxid.New(4, 0), zxid.New(6, 0), zxid.New(6, 1)} {
		spans = ExtendSpans(spans, z)
	}
	want := []Span{{1, 1}, {4, 0}, {6, 1}}
	if !slices.Equal(spans, want) {
		t.Fatalf("ExtendSpans: got %v, want %v", spans, want)
	}
	tests := []struct {
		at   zxid.Zxid
		want []Span
	}{
		{zxid.New(6, 1), want},
		{zxid.New(6, 0), []Span{{1, 1}, {4, 0}, {6, 0}}},
		{zxid.New(4, 0), []Span{{1, 1}, {4, 0}}},
		{zxid.New(1, 0), []Span{{1, 0}}},
		{0, nil},
	}
	for _, tt := range tests {
		if got := CutSpans(slices.Clone(spans), tt.at); !slices.Equal(got, tt.want) {
			t.Errorf("CutSpans(%v): got %v, want %v", tt.at, got, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Append(nil, 1, zxid.New(1, 1), Transaction, []byte("body")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Record
		var err error
		if n := testing.AllocsPerRun(1, func() { r, err = Decode(b) }); err == nil && n > 0 {
			t.Errorf("Decode allocates %v times", n)
		}
		if err == nil && !bytes.Equal(r.Raw, b[:len(r.Raw)]) {
			t.Errorf("Raw is not the input")
		}
		var all []Record
		if n := testing.AllocsPerRun(1, func() { all, _ = DecodeAll(b, all[:0]) }); n > float64(8+len(b)/HeaderSize) {
			t.Errorf("DecodeAll allocates %v times for %d bytes", n, len(b))
		}
		if len(all) > len(b)/HeaderSize {
			t.Errorf("%d records in %d bytes", len(all), len(b))
		}
		if len(b) > HeaderSize+BodyMax {
			return
		}
		if raw := Append(nil, 1, 2, Transaction, b); !bytes.Equal(raw[HeaderSize:], b) {
			t.Errorf("body changed")
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	raw := Append(nil, 1, zxid.New(1, 1), Transaction, make([]byte, 512))
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}
