package wire

// MultiHeader stands before every operation and every result of a multi.
type MultiHeader struct {
	Type OpCode
	Done bool
	Err  ErrorCode
}

// Append appends the header.
func (h MultiHeader) Append(dst []byte) []byte {
	return AppendInt(AppendBool(AppendInt(dst, int32(h.Type)), h.Done), int32(h.Err))
}

// Decode reads the header.
func (h *MultiHeader) Decode(r *Reader) {
	h.Type, h.Done, h.Err = OpCode(r.Int()), r.Bool(), ErrorCode(r.Int())
}

// MultiReader walks the operations of a multi in place: Next names the next
// operation, and the caller decodes that operation's record from the embedded
// Reader before it calls Next again.
type MultiReader struct {
	Reader
	ended bool
}

// NewMultiReader returns a MultiReader over a request body.
func NewMultiReader(b []byte) MultiReader { return MultiReader{Reader: NewReader(b)} }

// Next returns the type of the next operation, or false at the end header or
// when bytes are missing, which Err tells apart.
func (m *MultiReader) Next() (OpCode, bool) {
	if m.ended || m.bad {
		return 0, false
	}
	var h MultiHeader
	h.Decode(&m.Reader)
	m.ended = h.Done
	return h.Type, m.OK() && !h.Done
}

// MultiAllowed reports whether op may stand in a multi.
func MultiAllowed(op OpCode) bool {
	switch op {
	case OpCreate, OpCreate2, OpCreateContainer, OpCreateTTL, OpDelete, OpSetData, OpCheck,
		OpDeleteRecursive, OpCreateParents, OpCheckNotExists, OpCheckCzxid:
		return true
	}
	return false
}

// MultiReadAllowed reports whether op may stand in a multiRead.
func MultiReadAllowed(op OpCode) bool { return op == OpGetData || op == OpGetChildren }

// AppendMultiOp starts an operation of a request; its record follows.
func AppendMultiOp(dst []byte, op OpCode) []byte {
	return MultiHeader{Type: op, Err: ErrSystem}.Append(dst)
}

// AppendMultiResult starts a successful result; its record follows.
func AppendMultiResult(dst []byte, op OpCode) []byte { return MultiHeader{Type: op}.Append(dst) }

// AppendMultiError appends a failed result whole.
func AppendMultiError(dst []byte, code ErrorCode) []byte {
	return AppendInt(MultiHeader{Type: OpError, Err: code}.Append(dst), int32(code))
}

// AppendMultiEnd ends a multi request or response.
func AppendMultiEnd(dst []byte) []byte {
	return MultiHeader{Type: OpError, Done: true, Err: ErrSystem}.Append(dst)
}

// MultiResult is one result of a multi or multiRead as a client sees it. Only
// the fields that Type has are set.
type MultiResult struct {
	Type     OpCode
	Err      ErrorCode
	Path     []byte
	Data     []byte
	Stat     Stat
	Children Strings
	Count    int32 // nodes deleted by OpDeleteRecursive, parents made by OpCreateParents
}

// DecodeMultiResponse calls each for every result, in order.
func DecodeMultiResponse(b []byte, each func(*MultiResult)) error {
	m := NewMultiReader(b)
	for {
		op, more := m.Next()
		if !more {
			return m.Err()
		}
		res := MultiResult{Type: op}
		res.decode(&m.Reader)
		if !m.OK() {
			return m.Err()
		}
		each(&res)
	}
}

func (res *MultiResult) decode(r *Reader) {
	switch res.Type {
	case OpCreate:
		res.Path = r.Buffer()
	case OpCreate2:
		res.Path = r.Buffer()
		res.Stat.Decode(r)
	case OpSetData:
		res.Stat.Decode(r)
	case OpGetData:
		res.Data = r.Buffer()
		res.Stat.Decode(r)
	case OpGetChildren:
		res.Children = r.Strings()
	case OpError:
		res.Err = ErrorCode(r.Int())
	case OpDeleteRecursive:
		res.Count = r.Int()
	case OpCreateParents:
		var made CreateParentsResponse
		made.Decode(r)
		res.Path, res.Stat, res.Count = made.Path, made.Stat, made.Parents
	case OpDelete, OpCheck, OpCheckNotExists, OpCheckCzxid:
	default:
		r.Fail()
	}
}
