package replica

import (
	"encoding/binary"

	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// ordering is what a leader knows of the transactions that it is to order.
//
// Those that come while a batch is under way wait until it is committed, and are
// ordered together: a batch costs every server a frame, a wake-up and a write to
// its log, whatever its size (decision 9). With next to nothing under way nothing
// waits. Where the others are so far away that a tick passes meanwhile, a batch that
// is on this server's own disk is waited for no longer, and several are on their way.
type ordering struct {
	waiting  []byte    // framed transactions, in the order in which they came
	newest   zxid.Zxid // the last of the newest batch
	underWay zxid.Zxid // newest, until nothing has to wait for it any more
}

// waitingBytesMax is how much may wait: more is a batch of its own.
const waitingBytesMax = 1 << 20

// tick stops waiting for a batch that takes long, but not because of this disk.
func (o *ordering) tick(c *zab.Core) {
	if o.underWay <= c.Durable() {
		o.underWay = 0
	}
}

// loneUnderWay is how many transactions may be under way without anything waiting
// for them: two clients with a request each would otherwise take turns.
const loneUnderWay = 1

// mayOrder reports whether transactions may be ordered now. They may never
// overtake those that wait.
func (o *ordering) mayOrder(c *zab.Core) bool {
	return c.CanPropose() && (o.underWay <= c.Committed() || c.Last()-c.Committed() <= loneUnderWay || len(o.waiting) >= waitingBytesMax)
}

// proposeAll orders forwarded transactions.
func (r *Replica) proposeAll(b []byte) {
	for txn, rest, ok := cutFramed(b); ok; txn, rest, ok = cutFramed(rest) {
		r.propose(txn)
	}
}

// propose orders a transaction, at once or later. What cannot be ordered is
// dropped with the link that it came on: its client hears of a lost connection.
func (r *Replica) propose(txn []byte) {
	o := &r.order
	switch {
	case len(txn) < tree.TransactionBytesMin:
	case len(o.waiting) == 0 && o.mayOrder(r.core):
		r.putInOrder(txn)
	case r.core.CanPropose() || r.core.Serving():
		o.waiting = appendFramed(o.waiting, txn)
	default:
		// The role is gone, and with it every link and client that could expect an
		// answer. A leader that only renews its epoch serves.
	}
}

func (r *Replica) putInOrder(txn []byte) {
	if tree.TransactionOp(txn) == tree.OpReconfig {
		txn = r.reconfigure(txn)
		if txn == nil || !r.core.CanPropose() {
			return
		}
	}
	r.core.Propose(func(dst []byte) []byte {
		start := len(dst)
		dst = append(dst, txn...)
		tree.StampTransaction(dst[start:], r.opt.Settings, r.wall)
		return dst
	})
}

// orderWaiting orders what waits, if it need not wait any longer.
func (r *Replica) orderWaiting() {
	o := &r.order
	if len(o.waiting) == 0 || !o.mayOrder(r.core) {
		return
	}
	rest := o.waiting
	for len(rest) > 0 && r.core.CanPropose() { // until the epoch's numbers are used up
		var txn []byte
		txn, rest, _ = cutFramed(rest)
		r.putInOrder(txn)
	}
	o.waiting = o.waiting[:copy(o.waiting, rest)]
	if len(rest) == 0 && cap(o.waiting) > 2*waitingBytesMax {
		o.waiting = nil // one huge burst must not be paid for ever
	}
}

// noteBatch makes what was ordered since the last call a batch.
func (r *Replica) noteBatch() {
	if o, last := &r.order, r.core.Last(); r.core.Role() == zab.Leading && last > o.newest {
		o.newest, o.underWay = last, last
	}
}

func appendFramed(dst, txn []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(txn)))
	return append(dst, txn...)
}

// cutFramed takes the first transaction off b; ok is false where there is no whole
// one.
func cutFramed(b []byte) (txn, rest []byte, ok bool) {
	if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
		return nil, nil, false
	}
	n := 4 + int(binary.LittleEndian.Uint32(b))
	return b[4:n], b[n:], true
}
