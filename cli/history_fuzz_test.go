package cli

import (
	"encoding/json"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// FuzzHistoryEntry describes transactions of any content.
func FuzzHistoryEntry(f *testing.F) {
	set := (&wire.SetDataRequest{Path: []byte("/a"), Data: []byte("y"), Version: 3}).Append(nil)
	f.Add(uint8(tree.OpSetData), set)
	f.Add(uint8(tree.OpMulti), wire.AppendMultiEnd(append(wire.AppendMultiOp(nil, wire.OpSetData), set...)))
	f.Add(uint8(tree.OpReap), []byte{0, 0, 0, 1, '/'})
	f.Fuzz(func(t *testing.T, op uint8, body []byte) {
		if len(body) > record.BodyMax/2 {
			return
		}
		txn := tree.Transaction{Op: tree.Op(op), Body: body}
		r := record.View(record.Append(nil, 0, zxid.New(1, 1), record.Transaction, tree.AppendTransaction(nil, &txn)))
		var line string
		// Every byte may become six (\u0000), and a string grows by being copied.
		if got, limit := allocation.Bytes(func() { line = historyJSON(r) }), uint64(64<<10+64*len(body)); got > limit {
			t.Errorf("%d bytes of body: %d bytes were allocated, at most %d are justified", len(body), got, limit)
		}
		var e historyEntry
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Zxid != "0x100000001" {
			t.Errorf("got %+v, %v", e, err)
		}
		historyLine(r, true)
	})
}
