package peer

import (
	"bytes"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// encoder drives msgpack by hand at the end of b.
type encoder struct {
	b   []byte
	enc *msgpack.Encoder
	// long takes the byte strings that are not worth copying; nil copies all.
	long func(p []byte)
}

func newEncoder(dst []byte) *encoder {
	e := &encoder{b: dst}
	e.enc = msgpack.NewEncoder(e)
	return e
}

// Write makes encoder the target of its own msgpack.Encoder.
func (e *encoder) Write(p []byte) (int, error) {
	e.b = append(e.b, p...)
	return len(p), nil
}

// WriteByte spares msgpack an allocation per byte.
func (e *encoder) WriteByte(c byte) error {
	e.b = append(e.b, c)
	return nil
}

func (e *encoder) uint(v uint64)   { e.must(e.enc.EncodeUint(v)) }
func (e *encoder) array(n int)     { e.must(e.enc.EncodeArrayLen(n)) }
func (e *encoder) binHeader(n int) { e.must(e.enc.EncodeBytesLen(n)) }
func (e *encoder) absent()         { e.must(e.enc.EncodeNil()) }
func (e *encoder) bin(p []byte)    { e.binHeader(len(p)); e.b = append(e.b, p...) }
func (e *encoder) must(err error)  { assert(err == nil, "encoding into memory failed") }
func assert(ok bool, what string) {
	if !ok {
		panic("peer: " + what)
	}
}

// raw appends bytes whose header was written.
func (e *encoder) raw(p []byte) {
	if e.long != nil && len(p) >= cutBytes {
		e.long(p)
		return
	}
	e.b = append(e.b, p...)
}

// decoder drives msgpack by hand over bytes that are all there. Every length is
// compared with the bytes that remain before anything is done with it, because
// msgpack would allocate what a length claims. The first error stays.
type decoder struct {
	p   []byte
	r   bytes.Reader
	dec *msgpack.Decoder
	err error
}

func newDecoder(p []byte) *decoder {
	d := &decoder{}
	d.reset(p)
	return d
}

func (d *decoder) reset(p []byte) {
	d.p, d.err = p, nil
	d.r.Reset(p)
	if d.dec == nil {
		d.dec = msgpack.NewDecoder(&d.r)
	}
}

// left returns the bytes that were not decoded yet; 0 after an error.
func (d *decoder) left() int {
	if d.err != nil {
		return 0
	}
	return d.r.Len()
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		at := fmt.Sprintf(" at byte %d of %d", len(d.p)-d.r.Len(), len(d.p))
		d.err = fmt.Errorf("%w: "+format+at, append([]any{ErrMalformed}, args...)...)
	}
}

func (d *decoder) peek() byte {
	if d.err != nil {
		return 0
	}
	c, err := d.dec.PeekCode()
	if err != nil {
		d.fail("%v", err)
	}
	return c
}

// uint reads a number that is at most limit.
func (d *decoder) uint(limit uint64) uint64 {
	c := d.peek()
	if d.err != nil {
		return 0
	}
	if c > msgpcode.PosFixedNumHigh && (c < msgpcode.Uint8 || c > msgpcode.Uint64) {
		d.fail("code %#x, want an unsigned number", c)
		return 0
	}
	v, err := d.dec.DecodeUint64()
	if err != nil {
		d.fail("%v", err)
		return 0
	}
	if v > limit {
		d.fail("number %d, want at most %d", v, limit)
		return 0
	}
	return v
}

// array reads an array's length: at least atLeast, and no more elements than
// bytes are left.
func (d *decoder) array(atLeast int) int {
	if d.err != nil {
		return 0
	}
	n, err := d.dec.DecodeArrayLen()
	switch {
	case err != nil:
		d.fail("%v", err)
	case n < atLeast || n > d.r.Len():
		d.fail("array of %d elements, want %d or more in %d bytes", n, atLeast, d.r.Len())
	default:
		return n
	}
	return 0
}

// bin reads bytes, a string or nil; the result aliases the input.
func (d *decoder) bin() []byte {
	if d.err != nil {
		return nil
	}
	n, err := d.dec.DecodeBytesLen()
	if err != nil {
		d.fail("%v", err)
		return nil
	}
	if n <= 0 {
		return nil
	}
	return d.take(n)
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > d.r.Len() {
		d.fail("%d bytes, want at most %d", n, d.r.Len())
		return nil
	}
	at := len(d.p) - d.r.Len()
	if _, err := d.r.Seek(int64(at+n), 0); err != nil {
		d.fail("%v", err)
		return nil
	}
	return d.p[at : at+n : at+n]
}

// id reads 16 bytes.
func (d *decoder) id(to *[16]byte) {
	b := d.bin()
	if d.err == nil && len(b) != len(to) {
		d.fail("id of %d bytes, want %d", len(b), len(to))
	}
	copy(to[:], b)
}

// skip passes over n values of any kind. It keeps count instead of recursing,
// so deep nesting costs no stack.
func (d *decoder) skip(n int) {
	for ; n > 0 && d.err == nil; n-- {
		c := d.peek()
		switch {
		case d.err != nil:
		case msgpcode.IsFixedArray(c) || c == msgpcode.Array16 || c == msgpcode.Array32:
			n += d.array(0)
		case msgpcode.IsFixedMap(c) || c == msgpcode.Map16 || c == msgpcode.Map32:
			if pairs, err := d.dec.DecodeMapLen(); err != nil || pairs < 0 || pairs > d.r.Len() {
				d.fail("map of %d pairs in %d bytes", pairs, d.r.Len())
			} else {
				n += 2 * pairs
			}
		case msgpcode.IsString(c) || msgpcode.IsBin(c):
			d.bin()
		case msgpcode.IsExt(c):
			_, size, err := d.dec.DecodeExtHeader()
			if err != nil {
				d.fail("%v", err)
				return
			}
			d.take(size)
		default:
			if err := d.dec.Skip(); err != nil {
				d.fail("%v", err)
			}
		}
	}
}

// end refuses bytes behind the last value.
func (d *decoder) end() {
	if d.left() > 0 {
		d.fail("%d bytes too many", d.r.Len())
	}
}
