package wire

import "encoding/binary"

const (
	// FrameBytesMax is the largest payload a default ZooKeeper peer accepts.
	FrameBytesMax = 0xFFFFF
	// FrameHeaderBytes is the size of the length in front of every payload.
	FrameHeaderBytes = 4
	// RequestHeaderBytes is the least payload of a frame behind the connect
	// request; a shorter one closes the connection.
	RequestHeaderBytes = 8
	// ReplyHeaderBytes is the size of a reply without a body.
	ReplyHeaderBytes = 16
)

// FrameLength reads the length in front of a frame and says whether a server
// with the given limit accepts it.
func FrameLength(b [FrameHeaderBytes]byte, limit int) (int, bool) {
	n := int32(binary.BigEndian.Uint32(b[:]))
	return int(n), n >= 0 && int64(n) <= int64(limit)
}

// BeginFrame reserves room for the frame length. Keep len(dst) from before the
// call and hand it to EndFrame.
func BeginFrame(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// EndFrame fills in the length of the frame that began at offset start.
func EndFrame(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-FrameHeaderBytes))
	return dst
}
