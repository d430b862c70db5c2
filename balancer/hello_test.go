package balancer

import (
	"bytes"
	"testing"

	"github.com/zabkeeper/zabkeeper/wire"
)

// FuzzHello feeds the bytes of strangers to the handshake.
func FuzzHello(f *testing.F) {
	request := wire.ConnectRequest{SessionID: 77, TimeoutMs: 1000, Password: make([]byte, 16), HasReadOnly: true}
	f.Add(wire.EndFrame(request.Append(wire.BeginFrame(nil)), 0))
	f.Add([]byte("srvr"))
	f.Add([]byte{0, 0, 16, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readHello(bytes.NewReader(b))
		if err == nil && !bytes.HasPrefix(b, h.bytes) {
			t.Errorf("got %x to pass on, which is not what came: %x", h.bytes, b)
		}
		if len(h.bytes) > helloBytesMax+wire.FrameHeaderBytes {
			t.Errorf("took %d bytes", len(h.bytes))
		}
	})
}

func TestHelloKnowsTheSession(t *testing.T) {
	request := wire.ConnectRequest{SessionID: 77, Password: make([]byte, 16)}
	h, err := readHello(bytes.NewReader(wire.EndFrame(request.Append(wire.BeginFrame(nil)), 0)))
	if err != nil || h.session != 77 || h.isWord {
		t.Errorf("got %+v, %v, want session 77", h, err)
	}
}
