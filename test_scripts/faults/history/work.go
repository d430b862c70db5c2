package history

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

const flagSequential = wire.FlagPersistentSequential

const seenMax = 64

func (w *worker) saw(path string, n node) {
	if len(w.seen) >= seenMax {
		clear(w.seen)
	}
	w.seen[path] = n
}

func (w *worker) read(p *part, k kind) *operation {
	o := w.do(w.reading(&operation{part: p, kind: k, path: p.path}))
	if o.ok() {
		w.saw(p.path, o.got)
	}
	return o
}

// register creates, deletes, sets and reads one znode.
func (w *worker) register(p *part) {
	version := int32(anyVersion)
	if n, ok := w.seen[p.path]; ok && w.chance(2) {
		version = n.version
	}
	switch n := w.random.IntN(20); {
	case n < 3:
		w.do(&operation{part: p, kind: kindCreate, path: p.path, value: w.value()})
	case n < 5 && w.raw != nil: // the libraries do not tell the zxid of a delete
		w.do(&operation{part: p, kind: kindDelete, path: p.path, version: version})
	case n < 11:
		o := w.do(&operation{part: p, kind: kindSet, path: p.path, value: w.value(), version: version})
		if o.ok() {
			w.saw(p.path, o.got)
			w.tell(p)
		}
	case n < 13 && w.raw != nil:
		w.read(p, kindExists)
	default:
		w.read(p, kindGet)
	}
}

// tell has another client, on a server that may lag, read at once what was just
// written: a synced read has to show it.
func (w *worker) tell(p *part) {
	select {
	case w.load.news <- p:
	default: // all are busy
	}
}

// hear reads what another client has just written.
func (w *worker) hear(p *part) {
	w.do(&operation{part: p, kind: kindGet, path: p.path, synced: true, linearizable: w.chance(2)})
}

// amount is the number in front of a value of a counter or an account.
func amount(value string) int {
	number, _, _ := strings.Cut(value, " ")
	n, _ := strconv.Atoi(number)
	return n
}

func (w *worker) valued(n int) string { return fmt.Sprintf("%d %s", n, w.value()) }

// counter adds one by compare-and-set.
func (w *worker) counter(p *part) {
	o := w.read(p, kindGet)
	switch {
	case o.ok():
		w.connectedDo(&operation{part: p, kind: kindSet, path: p.path, value: w.valued(amount(o.got.value) + 1), version: o.got.version})
	case o.code == wire.ErrNoNode:
		w.connectedDo(&operation{part: p, kind: kindCreate, path: p.path, value: w.valued(0)})
	}
}

// connectedDo is do where an earlier request of the same step may have lost the
// connection.
func (w *worker) connectedDo(o *operation) {
	if w.door.open(w.load.ctx) {
		w.do(o)
	}
}

// childNames are few, so that clients meet.
const childNames = 6

func (w *worker) children(p *part) {
	child := fmt.Sprintf("%s/k%d", p.path, w.random.IntN(childNames))
	switch n := w.random.IntN(20); {
	case n < 7:
		w.do(&operation{part: p, kind: kindCreate, path: child, value: w.value()})
	case n < 13 && w.raw != nil:
		w.do(&operation{part: p, kind: kindDelete, path: child, version: anyVersion})
	default:
		w.read(p, kindChildren)
	}
}

// bankSum is what the accounts of a bank hold together.
const bankSum = 1000

func (w *worker) bank(p *part) {
	o := w.do(w.unwatched(&operation{part: p, kind: kindPair, path: p.path, path2: p.second()}))
	switch {
	case !o.ok():
	case !o.got.present:
		w.connectedDo(&operation{part: p, kind: kindOpenBank, path: p.path, path2: p.second(), value: w.valued(bankSum / 2), value2: w.valued(bankSum / 2)})
	case w.chance(3): // it was for the reading
	default:
		d := w.random.IntN(100) - 50
		version2 := o.got2.version
		if w.chance(6) {
			version2++ // refused for its second half, which has to undo the first
		}
		w.connectedDo(&operation{part: p, kind: kindTransfer, path: p.path, path2: p.second(), version: o.got.version, version2: version2,
			value: w.valued(amount(o.got.value) - d), value2: w.valued(amount(o.got2.value) + d)})
	}
}

func (w *worker) unwatched(o *operation) *operation {
	w.reading(o).watch = false
	return o
}

// heldLock is a place in the queue for a lock.
type heldLock struct {
	part  *part
	path  string
	token int64
	held  bool
}

// locks queues for a lock, uses it and leaves it.
func (w *worker) locks(p *part) {
	if w.lock == nil {
		o := w.do(&operation{part: p, kind: kindSequence, path: p.path + "/n-", flags: wire.FlagEphemeralSequential, value: w.value()})
		if o.ok() {
			w.lock = &heldLock{part: p, path: o.made, token: o.got.czxid}
		}
		return
	}
	held := w.lock
	switch {
	case !held.held:
		o := w.do(&operation{part: held.part, kind: kindChildren, path: held.part.path})
		// A place that is the first one is so for good: numbers only grow.
		held.held = o.ok() && len(o.got.names) > 0 && held.part.path+"/"+o.got.names[0] == held.path
	case w.chance(3):
		w.do(&operation{part: held.part, kind: kindDelete, path: held.path, version: anyVersion})
		w.lock = nil
	default:
		o := w.do(&operation{part: held.part, kind: kindFence, path: held.part.second(), path2: held.path, token: held.token, value: w.value()})
		if o.outcome == outcomeRefused {
			w.lock = nil
		}
	}
}

// minesMax bounds the ephemeral nodes of a session.
const minesMax = 3

// ephemerals creates and deletes ephemeral nodes, and looks after those of
// everybody.
func (w *worker) ephemerals(p *part) {
	switch n := w.random.IntN(10); {
	case n < 3 && len(w.mine) < minesMax:
		w.values++
		path := fmt.Sprintf("%s/e%d.%d", p.path, w.index, w.values)
		o := w.do(&operation{part: p, kind: kindCreate, path: path, flags: wire.FlagEphemeral, value: w.value()})
		if o.possible() {
			w.load.owned.add(path)
			if w.raw.id == o.session {
				w.mine = append(w.mine, path)
			}
		}
	case n < 4 && len(w.mine) > 0:
		i := w.random.IntN(len(w.mine))
		w.do(&operation{part: p, kind: kindDelete, path: w.mine[i], version: anyVersion})
		if i < len(w.mine) { // the session may have ended
			w.mine = slices.Delete(w.mine, i, i+1)
		}
	default:
		if path, ok := w.load.owned.pick(w.random); ok {
			w.do(w.unwatched(&operation{part: p, kind: kindGet, path: path}))
		}
	}
}
