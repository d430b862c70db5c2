package node

import (
	"fmt"
	"sync"
	"time"

	"github.com/zabkeeper/zabkeeper/node/disk"
	"github.com/zabkeeper/zabkeeper/zab"
)

// sealAfter is how long the log is idle before it says that everything in it is
// durable.
const sealAfter = 10 * time.Millisecond

// sealTries is how often that is put off for the last records, which are not
// committed yet: what is sealed without them is not sealed again when they are.
const sealTries = 200

// logWriter feeds persist operations to the disk in order. It takes all that
// waits and has it covered by one sync.
type logWriter struct {
	n    *Node
	disk *disk.Disk

	mu    sync.Mutex
	queue []zab.PersistOp
	done  bool
	wake  chan struct{}
}

func newLogWriter(n *Node, d *disk.Disk) *logWriter {
	return &logWriter{n: n, disk: d, wake: make(chan struct{}, 1)}
}

func (w *logWriter) enqueue(ops []zab.PersistOp) {
	if len(ops) == 0 {
		return
	}
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
	tries := 0
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
			tries = 0
			continue
		}
		if done {
			return
		}
		select {
		case <-w.wake:
			w.trim()
		case <-idle.C:
			// What is applied is committed.
			applied := w.n.applied()
			if tries++; applied < w.disk.Last() && tries < sealTries {
				idle.Reset(sealAfter)
				continue
			}
			if err := w.disk.Idle(applied); err != nil {
				w.n.fail(fmt.Errorf("the disk cannot be trusted any more: %w", err))
				return
			}
		}
	}
}

func (w *logWriter) execute(ops []zab.PersistOp) error {
	start := time.Now()
	err := w.disk.Execute(ops, func(op *zab.PersistOp, chain uint64) {
		seq, link := op.Seq, op.Link
		if op.Kind == zab.PersistInstall {
			w.n.inbox.post(func() { w.n.installed(link, seq, chain) })
			return
		}
		w.n.inbox.post(func() { w.n.replica.Persisted(seq, chain) })
	})
	if err != nil {
		return err
	}
	w.n.counters.fsync.observe(time.Since(start))
	if err := w.disk.Headroom(); err != nil {
		// W15: there is no room for the next segment. What is written is safe;
		// whoever can still write should lead.
		w.n.inbox.post(func() { w.n.noRoom(err) })
	}
	return nil
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
