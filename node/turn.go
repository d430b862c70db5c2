package node

import (
	"sync"
	"time"
)

// turn is the right to be the loop: who has it owns loopState and the replica.
// The loop's own goroutine takes it when it is woken and with every tick. A
// goroutine that brings something and finds the turn free runs a round itself:
// with little load that spares a wake-up of another thread at every step on the
// way of a write, and those are most of its latency. Nobody waits for the turn
// but the loop, and nobody keeps it for longer than a round.
type turn struct {
	mu   sync.Mutex
	open bool // between the loop's first round and its last
}

// run is the loop.
func (n *Node) run() {
	defer n.endTurns()
	timer := time.NewTicker(tickEvery)
	defer timer.Stop()
	n.turn.mu.Lock()
	n.turn.open = true
	n.tick()
	n.carryOut()
	n.turn.mu.Unlock()
	for {
		select {
		case <-n.inbox.wake:
		case <-timer.C:
		case <-n.stop:
			return
		}
		n.turn.mu.Lock()
		n.round()
		n.turn.mu.Unlock()
	}
}

// endTurns lets the log writer finish; nothing is given to it afterwards.
func (n *Node) endTurns() {
	n.turn.mu.Lock()
	defer n.turn.mu.Unlock()
	n.turn.open = false
	n.writer.finish()
}

// takeTurn sees to it that what the caller put into the inbox is looked at: by
// the caller, if the turn is free and there is little to do, else by the loop.
// The caller holds no lock.
func (n *Node) takeTurn() {
	if n.busy() || !n.turn.mu.TryLock() {
		n.inbox.signal()
		return
	}
	defer n.turn.mu.Unlock()
	if n.turn.open {
		n.round()
	}
}

// busy reports whether batches form: then each hop should take all that comes
// together, and the hops go on at the same time.
func (n *Node) busy() bool { return n.writer.pending.Load() > pendingQuiet }

// pendingQuiet is how many operations the log writer may have when the server
// counts as having little to do.
const pendingQuiet = 1

// round takes all that waits, steps, and carries out.
func (n *Node) round() {
	// Time first: authority that is over must be given up before anything
	// that waits in the inbox is looked at (T6).
	if monotonic()-n.loop.lastTick >= tickEvery/2 {
		n.tick()
	}
	l := &n.loop
	l.inputs, l.submits = n.inbox.take(l.inputs, l.submits)
	for i := range l.inputs {
		n.handle(&l.inputs[i])
		l.inputs[i] = input{}
	}
	eachFramed(l.submits, n.replica.Submit)
	if cap(l.submits) > 4<<20 {
		l.submits = nil
	}
	n.carryOut()
}
