package node

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zabkeeper/zabkeeper/node/disk"
	"github.com/zabkeeper/zabkeeper/zab"
)

// sealAfter is how long the log is idle before it says that everything in it is
// durable.
const sealAfter = 10 * time.Millisecond

// roomRetry is how often a full disk is looked at again.
const roomRetry = time.Second

// logWriter feeds persist operations to the disk in order. It takes all that
// waits and has it covered by one sync.
type logWriter struct {
	n    *Node
	disk *disk.Disk

	mu    sync.Mutex
	queue []zab.PersistOp
	done  bool
	wake  chan struct{}

	pending atomic.Int64 // operations that are not done
	noRoom  bool
	behind  atomic.Bool // the log was sealed before its last records were applied
}

func newLogWriter(n *Node, d *disk.Disk) *logWriter {
	return &logWriter{n: n, disk: d, wake: make(chan struct{}, 1)}
}

func (w *logWriter) enqueue(ops []zab.PersistOp) {
	if len(ops) == 0 {
		return
	}
	w.pending.Add(int64(len(ops)))
	w.mu.Lock()
	w.queue = append(w.queue, ops...)
	w.mu.Unlock()
	w.signal()
}

func (w *logWriter) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// finish lets the writer end once its queue is empty. Only the loop, which
// fills the queue, calls it.
func (w *logWriter) finish() {
	w.mu.Lock()
	w.done = true
	w.mu.Unlock()
	w.signal()
}

func (w *logWriter) take(spare []zab.PersistOp) (ops []zab.PersistOp, done bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ops, w.queue = w.queue, spare[:0]
	return ops, w.done
}

func (w *logWriter) run() {
	var ops []zab.PersistOp
	idle := time.NewTimer(sealAfter)
	for {
		var done bool
		ops, done = w.take(ops)
		if len(ops) > 0 {
			if err := w.execute(ops); err != nil {
				w.n.fail(fmt.Errorf("the disk cannot be trusted any more: %w", err))
				return
			}
			clear(ops)
			idle.Reset(sealAfter)
			continue
		}
		if done {
			return
		}
		select {
		case <-w.wake:
			w.trim()
			if w.behind.Swap(false) {
				idle.Reset(sealAfter)
			}
		case <-idle.C:
			if err := w.seal(); err != nil {
				w.n.fail(fmt.Errorf("the disk cannot be trusted any more: %w", err))
				return
			}
			if w.noRoom {
				w.headroom()
				idle.Reset(roomRetry)
			}
		}
	}
}

// seal says in the idle log what is durable and, as what is applied is
// committed, what of it is decided. The last records may be decided later: then
// it is said again, or a restart would have to wait for a leader to say so.
func (w *logWriter) seal() error {
	applied := w.n.applied()
	if err := w.disk.Idle(applied); err != nil {
		return err
	}
	w.behind.Store(applied < w.disk.Last())
	w.applied(applied < w.n.applied())
	return nil
}

// applied tells the writer that more is applied than when it sealed the log.
func (w *logWriter) applied(more bool) {
	if more && w.behind.Load() {
		w.signal()
	}
}

func (w *logWriter) execute(ops []zab.PersistOp) error {
	start := time.Now()
	err := w.disk.Execute(ops, func(op *zab.PersistOp, chain uint64) {
		seq, link := op.Seq, op.Link
		if op.Kind == zab.PersistInstall {
			w.n.inbox.add(input{do: func() { w.n.installed(link, seq, chain) }})
		} else {
			w.n.inbox.add(input{do: func() { w.n.replica.Persisted(seq, chain) }})
		}
		if op != &ops[len(ops)-1] {
			w.n.inbox.signal()
		}
	})
	if err != nil {
		return err
	}
	w.n.counters.fsync.observe(time.Since(start))
	w.pending.Add(-int64(len(ops)))
	w.n.takeTurn()
	w.headroom()
	return nil
}

// headroom prepares the next segment. Without room for it (W15) what is written
// is safe, and whoever can still write should lead; it is tried again until
// there is.
func (w *logWriter) headroom() {
	err := w.disk.Headroom()
	switch {
	case err != nil:
		w.noRoom = true
		w.n.inbox.post(func() { w.n.noRoom(err) })
	case w.noRoom:
		w.noRoom = false
		w.n.inbox.post(w.n.roomAgain)
	}
}

func (w *logWriter) trim() {
	base, trimmed, err := w.disk.TrimIfAsked()
	if err != nil {
		w.n.log.Warn().Err(err).Msg("old log segments could not be removed")
	}
	if trimmed {
		w.n.inbox.post(func() { w.n.replica.Rebased(base) })
	}
}
