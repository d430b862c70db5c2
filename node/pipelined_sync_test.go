package node

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// TestWritesBehindASync sends syncs, writes and reads in one segment. A write may
// be committed before the sync in front of it is confirmed; it must wait for its
// turn all the same, and the reads in between must not see it.
func TestWritesBehindASync(t *testing.T) {
	c := newCluster(t, 1)
	c.awaitServing()
	nc, err := net.Dial("tcp", c.opts[0].ClientAddress)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(30 * time.Second))
	connect := wire.ConnectRequest{TimeoutMs: 30000, Password: make([]byte, 16), HasReadOnly: true}
	if _, err := nc.Write(wire.EndFrame(connect.Append(wire.BeginFrame(nil)), 0)); err != nil {
		t.Fatal(err)
	}
	readTestFrame(t, nc)

	const rounds = 50
	var out []byte
	var want []wire.ErrorCode
	add := func(op wire.OpCode, body []byte, code wire.ErrorCode) {
		start := len(out)
		out = wire.RequestHeader{Xid: int32(len(want) + 1), Op: op}.Append(wire.BeginFrame(out))
		out = wire.EndFrame(append(out, body...), start)
		want = append(want, code)
	}
	for i := range rounds {
		path := []byte(fmt.Sprintf("/n%d", i))
		create := wire.CreateRequest{Path: path, ACL: wire.NewACLs(wire.WorldAnyone(wire.PermAll))}
		exists, sync := wire.PathWatchRequest{Path: path}, wire.PathRequest{Path: path}
		remove := wire.PathVersionRequest{Path: path, Version: 0}
		add(wire.OpSync, sync.Append(nil), wire.OK)
		add(wire.OpExists, exists.Append(nil), wire.ErrNoNode)
		add(wire.OpCreate, create.Append(nil), wire.OK)
		add(wire.OpExists, exists.Append(nil), wire.OK)
		add(wire.OpSync, sync.Append(nil), wire.OK)
		add(wire.OpExists, exists.Append(nil), wire.OK)
		add(wire.OpDelete, remove.Append(nil), wire.OK)
		add(wire.OpDelete, remove.Append(nil), wire.ErrNoNode)
		add(wire.OpExists, exists.Append(nil), wire.ErrNoNode)
	}
	if _, err := nc.Write(out); err != nil {
		t.Fatal(err)
	}
	for i, code := range want {
		r := wire.NewReader(readTestFrame(t, nc))
		var h wire.ReplyHeader
		if h.Decode(&r); h.Xid != int32(i+1) || h.Err != code {
			t.Fatalf("reply %d: got xid %d, %v; want %v", i+1, h.Xid, h.Err, code)
		}
	}
}

func readTestFrame(t *testing.T, nc net.Conn) []byte {
	t.Helper()
	var length [4]byte
	if _, err := io.ReadFull(nc, length[:]); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, binary.BigEndian.Uint32(length[:]))
	if _, err := io.ReadFull(nc, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAWriteIsNotOrderedBeforeTheSyncInFrontOfIt looks at the moment between a
// sync and its confirmation.
func TestAWriteIsNotOrderedBeforeTheSyncInFrontOfIt(t *testing.T) {
	cl := newCluster(t, 1)
	cl.awaitServing()
	n := cl.nodes[0]
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := newClientConn(n, 1<<40, ours)
	sync := wire.PathRequest{Path: []byte("/")}
	create := wire.CreateRequest{Path: []byte("/x"), ACL: wire.NewACLs(wire.WorldAnyone(wire.PermAll))}
	var w batchWork
	c.mu.Lock()
	c.request(&w, sync.Append(wire.RequestHeader{Xid: 1, Op: wire.OpSync}.Append(nil)), 0)
	c.request(&w, create.Append(wire.RequestHeader{Xid: 2, Op: wire.OpCreate}.Append(nil)), 0)
	if w.writes != 0 || len(w.syncs) != 1 || c.queue.len() != 2 {
		t.Errorf("before the grant: %d writes handed on, %d syncs, queue of %d; want 0, 1, 2", w.writes, len(w.syncs), c.queue.len())
	}
	c.mu.Unlock()
	n.tree.RLock()
	c.granted(w.syncs[0])
	n.tree.RUnlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queue.len() != 1 || c.queue.first().kind != waitWrite || c.syncs != 0 {
		t.Errorf("after the grant: queue of %d, head %+v; want the write, handed on", c.queue.len(), c.queue.first())
	}
}
