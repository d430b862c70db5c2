package wire

// Request numbers with a meaning of their own.
const (
	XidEvent      int32 = -1
	XidPing       int32 = -2
	XidAuth       int32 = -4
	XidSetWatches int32 = -8
)

// RequestHeader starts every request behind the connect request.
type RequestHeader struct {
	Xid int32
	Op  OpCode
}

// Append appends the header.
func (h RequestHeader) Append(dst []byte) []byte {
	return AppendInt(AppendInt(dst, h.Xid), int32(h.Op))
}

// Decode reads the header.
func (h *RequestHeader) Decode(r *Reader) { h.Xid, h.Op = r.Int(), OpCode(r.Int()) }

// ReplyHeader starts every reply and event. A body follows only when Err is OK.
type ReplyHeader struct {
	Xid  int32
	Zxid int64
	Err  ErrorCode
}

// Append appends the header.
func (h ReplyHeader) Append(dst []byte) []byte {
	return AppendInt(AppendLong(AppendInt(dst, h.Xid), h.Zxid), int32(h.Err))
}

// Decode reads the header.
func (h *ReplyHeader) Decode(r *Reader) {
	h.Xid, h.Zxid, h.Err = r.Int(), r.Long(), ErrorCode(r.Int())
}
