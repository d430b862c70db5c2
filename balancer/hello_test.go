package balancer

import (
	"bytes"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
	"github.com/zabkeeper/zabkeeper/wire"
)

// FuzzHello feeds the bytes of strangers to the handshake.
func FuzzHello(f *testing.F) {
	request := wire.ConnectRequest{SessionID: 77, TimeoutMs: 1000, Password: make([]byte, 16), HasReadOnly: true}
	f.Add(wire.EndFrame(request.Append(wire.BeginFrame(nil)), 0))
	f.Add([]byte("srvr"))
	f.Add([]byte{0, 0, 16, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var h hello
		var err error
		if n := allocation.Bytes(func() { h, err = readHello(bytes.NewReader(b)) }); n > uint64(4*len(b)+64<<10) {
			t.Errorf("%d bytes allocated for %d", n, len(b))
		}
		if err == nil && !bytes.HasPrefix(b, h.bytes) {
			t.Errorf("got %x to pass on, which is not what came: %x", h.bytes, b)
		}
		if len(h.bytes) > helloBytesMax+wire.FrameHeaderBytes {
			t.Errorf("took %d bytes", len(h.bytes))
		}
	})
}

// FuzzServerAnswers reads anything as a server's answer to a probe.
func FuzzServerAnswers(f *testing.F) {
	f.Add("Zxid: 0x100000005\nMode: leader\nserverId=3\n")
	f.Add("This ZooKeeper instance is not currently serving requests\n")
	f.Fuzz(func(t *testing.T, answer string) {
		var role, number string
		if n := allocation.Bytes(func() { role, number = parseServer(answer).role, parseNumber(answer) }); n > 64<<10 {
			t.Errorf("%d bytes allocated for %d", n, len(answer))
		}
		if !strings.Contains(answer, role) || !strings.Contains(answer, number) {
			t.Errorf("got %q and %q out of %q", role, number, answer)
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
