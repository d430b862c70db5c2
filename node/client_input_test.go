package node

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
	"github.com/zabkeeper/zabkeeper/wire"
)

// arriving is a connection whose client has said all it will ever say.
type arriving struct {
	net.Conn
	r *bytes.Reader
}

func (a *arriving) Read(b []byte) (int, error) {
	if len(b) > 1000 { // a little at a time, as from a network
		b = b[:1000]
	}
	return a.r.Read(b)
}

func (*arriving) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (*arriving) SetReadDeadline(time.Time) error  { return nil }
func (*arriving) SetWriteDeadline(time.Time) error { return nil }

// FuzzClientFrames feeds the bytes of a client to the receive buffer, as frames
// and as an operator's line: what is announced allocates nothing.
func FuzzClientFrames(f *testing.F) {
	frame := func(n int) []byte { return wire.EndFrame(append(wire.BeginFrame(nil), make([]byte, n)...), 0) }
	f.Add(append(frame(44), frame(5)...))
	f.Add(append(frame(40_000), frame(0)...))
	f.Add([]byte{0, 0x0f, 0xff, 0xff, 1})
	f.Add([]byte{0x80, 0, 0, 0})
	f.Add([]byte("elect 3\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		c := &clientConn{n: &Node{}, nc: &arriving{r: bytes.NewReader(sent)}}
		var got []byte
		n := allocation.Bytes(func() {
			in := newInputBuffer(c)
			for {
				p, need, ok := in.frame(wire.FrameBytesMax)
				if !ok {
					return
				}
				if p == nil && in.fill(need) != nil {
					return
				}
				if p != nil {
					got = wire.EndFrame(append(wire.BeginFrame(got), p...), len(got))
				}
			}
		})
		if limit := uint64(12*len(sent) + 4*inputBytes); n > limit {
			t.Errorf("%d bytes allocated for %d, want at most %d", n, len(sent), limit)
		}
		if !bytes.HasPrefix(sent, got) {
			t.Errorf("frames that were not sent")
		}
		c.nc = &arriving{r: bytes.NewReader(sent)}
		var line string
		if n := allocation.Bytes(func() { line, _ = readOperatorLine(newInputBuffer(c)) }); n > 4*inputBytes {
			t.Errorf("an operator's line: %d bytes allocated", n)
		}
		if !bytes.Contains(sent, []byte(line)) {
			t.Errorf("a line that was not sent: %q", line)
		}
	})
}
