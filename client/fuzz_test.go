package client

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
	"github.com/zabkeeper/zabkeeper/wire"
)

// FuzzServerBytes gives a client what a hostile server could send. Nothing may
// panic, and memory follows the bytes that came, not those that were promised.
func FuzzServerBytes(f *testing.F) {
	frame := func(h wire.ReplyHeader, body ...byte) []byte {
		return wire.EndFrame(append(h.Append(wire.BeginFrame(nil)), body...), 0)
	}
	event := (&wire.WatcherEvent{Type: wire.EventNodeCreated, Path: []byte("/a")}).Append(nil)
	f.Add(frame(wire.ReplyHeader{Xid: 1}, 0, 0, 0, 0))
	f.Add(frame(wire.ReplyHeader{Xid: wire.XidEvent}, event...))
	f.Add(frame(wire.ReplyHeader{Xid: wire.XidPing}))
	f.Add([]byte{0x03, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, sent []byte) {
		c := &Client{slots: make(chan struct{}, 1)}
		c.watches.init(1)
		req := &request{phase: phaseSent, xid: 1, done: make(chan struct{}, 1)}
		c.slots <- struct{}{}
		c.sent.push(req)
		c.watches.register(&watchIntent{kind: watchRecursive, path: "/", sink: newSink("/", 1)}, nil)
		in := bufio.NewReader(bytes.NewReader(sent))
		allocated := allocation.Bytes(func() {
			for err := error(nil); err == nil; {
				var body []byte
				if body, err = readFrame(in, replyBytesMax); err == nil {
					err = c.receive(body)
				}
			}
		})
		if got, most := allocated, uint64(128<<10+200*len(sent)); got > most {
			t.Errorf("got %d bytes allocated for %d received, want at most %d", got, len(sent), most)
		}
	})
}

func TestFIFOKeepsOrderWhileItIsReused(t *testing.T) {
	var f fifo
	next, want := int32(0), int32(0)
	for round := range 500 {
		for range round % 7 {
			f.push(&request{xid: next})
			next++
		}
		for range round % 5 {
			req := f.pop()
			if want == next && req == nil {
				continue
			}
			if req == nil || req.xid != want {
				t.Fatalf("got %+v, want request %d", req, want)
			}
			want++
		}
	}
	if len(f.items) > 4*int(next-want)+128 {
		t.Errorf("got %d places for %d requests, want memory reused", len(f.items), next-want)
	}
}
