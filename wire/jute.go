package wire

import "encoding/binary"

// AppendInt appends a 4-byte signed integer.
func AppendInt(dst []byte, v int32) []byte { return binary.BigEndian.AppendUint32(dst, uint32(v)) }

// AppendLong appends an 8-byte signed integer.
func AppendLong(dst []byte, v int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(v)) }

// AppendBool appends 0 or 1.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// AppendBuffer appends a length and the bytes; nil is null.
func AppendBuffer(dst, b []byte) []byte {
	if b == nil {
		return AppendInt(dst, -1)
	}
	return append(AppendInt(dst, int32(len(b))), b...)
}

// AppendString appends a string; there is no null form of a Go string.
func AppendString(dst []byte, s string) []byte {
	return append(AppendInt(dst, int32(len(s))), s...)
}

// Reader decodes jute in place. After the first missing byte or impossible
// length every further read answers zero and Err tells.
type Reader struct {
	rest []byte
	bad  bool
}

// NewReader returns a Reader over b.
func NewReader(b []byte) Reader { return Reader{rest: b} }

// OK reports whether everything read so far was there.
func (r *Reader) OK() bool { return !r.bad }

// Err returns nil or ErrMarshalling.
func (r *Reader) Err() error { return r.Code().Err() }

// Code returns OK or ErrMarshalling.
func (r *Reader) Code() ErrorCode {
	if r.bad {
		return ErrMarshalling
	}
	return OK
}

// Rest returns the bytes not read yet.
func (r *Reader) Rest() []byte { return r.rest }

// Fail makes the reader's error stick: a decoder found a value it cannot take.
func (r *Reader) Fail() {
	r.bad = true
	r.rest = nil
}

func (r *Reader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.Fail()
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// Int reads a 4-byte signed integer.
func (r *Reader) Int() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// Long reads an 8-byte signed integer.
func (r *Reader) Long() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// Bool reads one byte; any byte but zero is true.
func (r *Reader) Bool() bool {
	b := r.take(1)
	return b != nil && b[0] != 0
}

// Buffer reads a buffer or string: nil when it is null or when the reader
// failed, else a slice of the input.
func (r *Reader) Buffer() []byte {
	n := r.Int()
	if n == -1 || r.bad {
		return nil
	}
	b := r.take(int(n))
	if b == nil && !r.bad {
		b = []byte{}
	}
	return b
}

// Strings is a vector of strings in its encoded form. It was checked when it
// was decoded.
type Strings struct {
	raw   []byte
	count int32
}

// Strings reads a vector of strings. A null vector has length -1 and is walked
// like an empty one.
func (r *Reader) Strings() Strings {
	start := r.rest
	n := r.count(4)
	for i := int32(0); i < n && !r.bad; i++ {
		r.Buffer()
	}
	if r.bad {
		return Strings{}
	}
	return Strings{raw: start[4 : len(start)-len(r.rest)], count: n}
}

// count reads a vector's length and refuses one whose elements, of at least
// elementBytesMin bytes each, cannot be in the input.
func (r *Reader) count(elementBytesMin int) int32 {
	n := r.Int()
	if n < -1 || int64(n)*int64(elementBytesMin) > int64(len(r.rest)) {
		r.Fail()
		return 0
	}
	return n
}

// Len returns the number of strings.
func (s Strings) Len() int { return max(0, int(s.count)) }

// All walks the strings in order; they alias the decoded input.
func (s Strings) All(yield func([]byte) bool) {
	r := NewReader(s.raw)
	for range s.Len() {
		if !yield(r.Buffer()) {
			return
		}
	}
}

// Append appends the vector.
func (s Strings) Append(dst []byte) []byte {
	return append(AppendInt(dst, s.count), s.raw...)
}

// NewStrings encodes a vector of strings, for building requests.
func NewStrings(list ...string) Strings {
	var raw []byte
	for _, s := range list {
		raw = AppendString(raw, s)
	}
	return Strings{raw: raw, count: int32(len(list))}
}
