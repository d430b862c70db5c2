package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/storage/wal"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// writeLog makes the data directory of a server with these transactions behind
// the record that opens epoch 1.
func writeLog(t *testing.T, transactions ...tree.Transaction) string {
	t.Helper()
	data := t.TempDir()
	l, _, err := wal.Open(vfs.OS{}, wal.Options{Dir: filepath.Join(data, "log"), SegmentBytes: 1 << 20, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	add := func(z zxid.Zxid, kind record.Kind, body []byte) {
		r, err := record.Decode(record.Append(nil, l.LastChain(), z, kind, body))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Append([]record.Record{r}); err != nil {
			t.Fatal(err)
		}
		l.NoteCommitted(z)
	}
	add(zxid.New(1, 0), record.Epoch, nil)
	for i := range transactions {
		add(zxid.New(1, uint32(i+1)), record.Transaction, tree.AppendTransaction(nil, &transactions[i]))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

func TestHistory(t *testing.T) {
	acl := wire.NewACLs(wire.WorldAnyone(wire.PermAll))
	create := (&wire.CreateRequest{Path: []byte("/a"), Data: []byte("x"), ACL: acl, Flags: wire.FlagEphemeral}).Append(nil)
	set := (&wire.SetDataRequest{Path: []byte("/a"), Data: []byte("y"), Version: 3}).Append(nil)
	remove := (&wire.PathVersionRequest{Path: []byte("/a"), Version: -1}).Append(nil)
	recursive := (&wire.DeleteRecursiveRequest{Path: []byte("/b"), Version: -1, Limit: 5}).Append(nil)
	multi := append(wire.AppendMultiOp(nil, wire.OpCheck), remove...)
	multi = append(wire.AppendMultiOp(multi, wire.OpSetData), set...)
	multi = wire.AppendMultiEnd(multi)
	of := func(op tree.Op, body []byte) tree.Transaction {
		return tree.Transaction{Op: op, Origin: 2, Session: 255, TimeMs: 7, Body: body}
	}
	data := writeLog(t, of(tree.OpCreate2, create), of(tree.OpSetData, set), of(tree.OpDelete, remove), of(tree.OpMulti, multi),
		of(tree.OpDeleteRecursive, recursive), of(tree.OpCloseSession, nil), of(tree.OpSetData, []byte("cut")))
	for _, c := range []struct {
		flag string
		want []string
	}{
		{"", []string{"epoch 1 0", "create2 1 1", "setData 1 2", "delete 1 3", "multi 1 4", "deleteRecursive 1 5", "closeSession 1 6", "setData 1 7"}},
		{"--long", []string{
			`epoch 1 0`,
			`create2 1 1 session=0xff server=2 time=7 path="/a"`,
			`setData 1 2 session=0xff server=2 time=7 path="/a"`,
			`delete 1 3 session=0xff server=2 time=7 path="/a"`,
			`multi 1 4 session=0xff server=2 time=7`,
			`deleteRecursive 1 5 session=0xff server=2 time=7 path="/b"`,
			`closeSession 1 6 session=0xff server=2 time=7`,
			`setData 1 7 session=0xff server=2 time=7`,
		}},
		{"--json", []string{
			`{"op":"epoch","zxid":"0x100000000"}`,
			`{"op":"create2","zxid":"0x100000001","session":"0xff","server":2,"time":7,"path":"/a","data":"eA==","flags":1}`,
			`{"op":"setData","zxid":"0x100000002","session":"0xff","server":2,"time":7,"path":"/a","data":"eQ==","version":3}`,
			`{"op":"delete","zxid":"0x100000003","session":"0xff","server":2,"time":7,"path":"/a","version":-1}`,
			`{"op":"multi","zxid":"0x100000004","session":"0xff","server":2,"time":7,"ops":[{"op":"check","path":"/a","version":-1},{"op":"setData","path":"/a","data":"eQ==","version":3}]}`,
			`{"op":"deleteRecursive","zxid":"0x100000005","session":"0xff","server":2,"time":7,"path":"/b","version":-1}`,
			`{"op":"closeSession","zxid":"0x100000006","session":"0xff","server":2,"time":7}`,
			`{"op":"setData","zxid":"0x100000007","session":"0xff","server":2,"time":7}`,
		}},
	} {
		args := []string{"history", data}
		if c.flag != "" {
			args = []string{"history", c.flag, data}
		}
		status, stdout, stderr := run("", args...)
		if status != 0 || stderr != "" || stdout != strings.Join(c.want, "\n")+"\n" {
			t.Errorf("%q: got %d %q\n%s", c.flag, status, stderr, stdout)
		}
	}
}
