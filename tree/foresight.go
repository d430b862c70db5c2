package tree

import (
	"hash/maphash"

	"github.com/zabkeeper/zabkeeper/wire"
)

// A large tree is mostly outside of the processor's caches, and a transaction
// that looks for its node waits three times: for the entry in the index, for the
// node and for its text. The waits of several transactions can be one, if each
// step is taken for all of them before the next step of any.
const (
	// ForesightMost is how many transactions a look ahead takes at once.
	ForesightMost = 32
	// foresightNodes is how many nodes a tree has before a look ahead pays.
	foresightNodes = 8 << 10
)

// Foresee brings what the next transactions, at most ForesightMost of them in
// their encoded form, will look at into the processor's caches. It changes nothing
// and holds nothing for true: what it cannot read it leaves to Apply.
func (t *Tree) Foresee(transactions [][]byte) {
	if t.nodes.len() >= foresightNodes && len(transactions) > 1 {
		t.lookAhead(transactions)
	}
}

func (t *Tree) lookAhead(transactions [][]byte) {
	var hashes [ForesightMost]uint64
	var nodes [ForesightMost]*znode
	n := 0
	for _, b := range transactions {
		if path := soughtPath(b); len(path) > 0 {
			hashes[n] = maphash.Bytes(t.nodes.seed, path)
			n++
		}
	}
	found := 0
	for _, h := range hashes[:n] {
		if node := t.nodes.guess(h); node != nil {
			nodes[found] = node
			found++
		}
	}
	seen := uint64(0)
	for _, node := range nodes[:found] {
		seen += uint64(node.pathLen) + uint64(node.mzxid) + uint64(node.kind) // 80 bytes are two lines
	}
	for _, node := range nodes[:found] {
		seen += uint64(*node.text)
		if data := node.data(); len(data) > 0 {
			seen += uint64(data[len(data)/2]) + uint64(data[len(data)-1])
		}
	}
	t.foreseen += seen
}

// soughtPath returns the path that an encoded transaction begins with, nil where
// there is none.
func soughtPath(b []byte) []byte {
	var txn Transaction
	if DecodeTransaction(b, &txn) != nil || txn.Op == OpMulti {
		return nil
	}
	r := wire.NewReader(txn.Body)
	return r.Buffer()
}
