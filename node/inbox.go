package node

import (
	"encoding/binary"
	"sync"

	"github.com/zabkeeper/zabkeeper/zab"
)

// input is one event for the loop, in the order in which it came.
type input struct {
	do   func()
	link zab.LinkID
	msgs []*zab.Message
}

// inbox is where everything that the loop has to see waits. Producers of
// client transactions are held back by the limits of their connections, peers
// by the windows of the protocol, so it needs no bound of its own.
type inbox struct {
	mu      sync.Mutex
	inputs  []input
	submits []byte // clients' transactions, each with a u32 length
	wake    chan struct{}
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

func (b *inbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// post queues a function for the loop and wakes it.
func (b *inbox) post(do func()) {
	b.add(input{do: do})
	b.signal()
}

// add queues one event. Whoever calls it sees to it that the loop runs.
func (b *inbox) add(in input) {
	b.mu.Lock()
	b.inputs = append(b.inputs, in)
	b.mu.Unlock()
}

// submit queues framed transactions of one connection. Whoever calls it sees to
// it that the loop runs.
func (b *inbox) submit(framed []byte) {
	b.mu.Lock()
	b.submits = append(b.submits, framed...)
	b.mu.Unlock()
}

// take returns all that waits and keeps the given, emptied, for what comes.
func (b *inbox) take(inputs []input, submits []byte) ([]input, []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	gotInputs, gotSubmits := b.inputs, b.submits
	b.inputs, b.submits = inputs[:0], submits[:0]
	return gotInputs, gotSubmits
}

// eachFramed calls fn for every framed transaction.
func eachFramed(b []byte, fn func(txn []byte)) {
	for len(b) >= 4 {
		n := int(binary.LittleEndian.Uint32(b))
		fn(b[4 : 4+n])
		b = b[4+n:]
	}
}
