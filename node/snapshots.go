package node

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/zabkeeper/zabkeeper/node/disk"
	"github.com/zabkeeper/zabkeeper/storage/snapshot"
	"github.com/zabkeeper/zabkeeper/storage/wal"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// snapshotState is the loop's view of snapshots.
type snapshotState struct {
	writing bool
	jitter  int   // records by which this server's snapshots differ from others'
	bytes   int64 // logged when the last one was begun
	nodes   int64 // of the tree then, 0 before the first since the start
	data    int64 // its bytes
	retryAt time.Duration
	waiting []zab.LinkID // links that need a snapshot that is being written
	urgent  atomic.Bool  // somebody waits
}

// nodeCostBytes is how many bytes of log cost as much as to write one more node
// into a snapshot, with a margin of two.
const nodeCostBytes = 512

// snapshotRetry is how long a failed snapshot waits before it is tried again.
const snapshotRetry = time.Minute

// considerSnapshot begins a snapshot when enough was logged since the last one
// (R2).
func (n *Node) considerSnapshot() {
	s := &n.loop.snapshots
	if s.writing || monotonic() < s.retryAt {
		return
	}
	if s.jitter == 0 {
		s.jitter = 1 + n.random.IntN(n.opt.SnapshotRecords/2+1)
	}
	state, last := n.replica.State(), n.disk.NewestSnapshot()
	records := int64(state.Zxid.Counter())
	if state.Zxid.Epoch() == last.Epoch() {
		records -= int64(last.Counter())
	}
	// A snapshot costs as much as the tree is large: a large one waits for twice as
	// many records as it has nodes, or for half as many bytes as it has and what
	// its nodes cost besides, so that the cost of a write stays flat. What counts is
	// how large it was the last time: a tree that grows with every record would
	// wait for ever. A restart that replays so many takes a second or two for a
	// million.
	recordsMin := max(int64(n.opt.SnapshotRecords/2+s.jitter), 2*s.nodes)
	bytesMin := max(n.opt.SnapshotBytes, s.data/2+s.nodes*nodeCostBytes)
	if records >= recordsMin || n.disk.Bytes()-s.bytes >= bytesMin {
		n.startSnapshot()
	}
}

// startSnapshot takes an image of the state, exact as of now, and writes it
// while the server goes on.
func (n *Node) startSnapshot() {
	s := &n.loop.snapshots
	s.writing, s.jitter, s.bytes = true, 0, n.disk.Bytes()
	s.nodes, s.data = int64(n.replica.State().Tree.NodeCount()), n.replica.State().Tree.DataBytes()
	n.tree.Lock()
	snap := n.disk.BeginSnapshot(n.replica.State())
	n.tree.Unlock()
	pace := pacer{n: n, since: monotonic()}
	n.wg.Go(func() {
		start := time.Now()
		err := n.disk.WriteSnapshot(snap, func(take func()) bool {
			select {
			case <-n.stop:
				return false
			default:
			}
			n.tree.RLock()
			take()
			n.tree.RUnlock()
			return true
		}, pace.rest)
		n.tree.Lock()
		n.disk.EndSnapshot(snap)
		n.tree.Unlock()
		n.counters.snapshotTime.observe(time.Since(start))
		n.inbox.post(func() { n.snapshotDone(snap.Zxid(), err) })
	})
}

// A snapshot works for a moment and rests for several, so that writes and reads
// hardly feel it; not so while a follower waits for it.
const (
	paceWork    = time.Millisecond
	paceRest    = 7 // times the work
	paceRestMax = 50 * time.Millisecond
)

type pacer struct {
	n     *Node
	since time.Duration // when the work began
}

func (p *pacer) rest() {
	worked := monotonic() - p.since
	if worked < paceWork {
		return
	}
	if !p.n.loop.snapshots.urgent.Load() {
		select {
		case <-time.After(min(paceRest*worked, paceRestMax)):
		case <-p.n.stop:
		}
	}
	p.since = monotonic()
}

func (n *Node) snapshotDone(z zxid.Zxid, err error) {
	s := &n.loop.snapshots
	s.writing = false
	waiting := s.waiting
	s.waiting = nil
	s.urgent.Store(false)
	if err != nil {
		if !errors.Is(err, disk.ErrInterrupted) {
			n.log.Error().Err(err).Stringer("zxid", z).Msg("a snapshot could not be written; the last good one stays")
		}
		s.retryAt = monotonic() + snapshotRetry
		for _, id := range waiting {
			n.closeLink(id)
		}
		return
	}
	n.log.Info().Stringer("zxid", z).Msg("snapshot written")
	n.disk.AskTrim()
	n.writer.signal()
	for _, id := range waiting {
		n.sendSnapshot(id)
	}
}

func (n *Node) closeLink(id zab.LinkID) {
	if t := n.loop.transport.Load(); t != nil {
		t.CloseLink(id)
	}
}

// sendSnapshot sends the newest snapshot on a link, or has one written first.
func (n *Node) sendSnapshot(id zab.LinkID) {
	s := &n.loop.snapshots
	if z := n.disk.NewestSnapshot(); z == 0 || z < n.replica.Core().Base() {
		s.waiting = append(s.waiting, id)
		s.urgent.Store(true)
		if !s.writing {
			n.startSnapshot()
		}
		return
	}
	z, raw, err := n.disk.OpenSnapshot()
	t := n.loop.transport.Load()
	if err != nil || t == nil {
		n.log.Error().Err(err).Msg("a follower needs a snapshot that cannot be read")
		n.closeLink(id)
		return
	}
	t.SendSnapshot(id, z, raw, raw.Size, func(err error) {
		_ = raw.Close()
		if err != nil {
			n.log.Warn().Err(err).Msg("a snapshot was not sent to its end")
		}
	})
	n.replica.SnapshotSent(id, z)
}

// snapshotSink takes a snapshot that the leader sends.
type snapshotSink struct {
	n  *Node
	id zab.LinkID
	r  *snapshot.Receiver
}

// Write implements peer.SnapshotSink.
func (s *snapshotSink) Write(p []byte) (int, error) { return s.r.WriteAt(p, s.r.Offset()) }

// Finish verifies the file and makes it one of this server's snapshots. What
// is in memory is replaced when the log has been emptied for it (Y9).
func (s *snapshotSink) Finish() error {
	a, received, err := s.n.disk.FinishReceiving(s.r)
	if err != nil {
		return err
	}
	s.n.inbox.post(func() {
		s.n.loop.receiving[s.id] = a
		s.n.disk.Offer(s.id, a)
		if !s.n.replica.SnapshotReceived(s.id, received) {
			// Its link ended meanwhile: a whole tree would stay in memory.
			delete(s.n.loop.receiving, s.id)
			s.n.disk.Withdraw(s.id)
		}
	})
	return nil
}

// Abort implements peer.SnapshotSink.
func (s *snapshotSink) Abort() { _ = s.r.Abort() }

// installed replaces the state in memory, in one step, by that of a snapshot
// for which the log was emptied.
func (n *Node) installed(link zab.LinkID, seq, chain uint64) {
	a := n.loop.receiving[link]
	delete(n.loop.receiving, link)
	n.tree.Lock()
	a.State.Watches = n.replica.State().Watches
	n.replica.Persisted(seq, chain)
	n.replica.Install(a.State)
	n.tree.Unlock()
	n.appliedZxid.Store(uint64(a.State.Zxid))
	n.log.Info().Stringer("zxid", a.State.Zxid).Int("znodes", a.State.Tree.NodeCount()).Msg("snapshot from the leader installed")
}

// readLog answers Ready.ReadLog.
func (n *Node) readLog(q zab.LogRead) {
	raw, err := n.disk.ReadLog(q.After, q.MaxBytes)
	if err != nil && !errors.Is(err, wal.ErrTrimmed) {
		n.log.Warn().Err(err).Stringer("after", q.After).Msg("old records could not be read for a follower")
	}
	n.inbox.post(func() { n.replica.LogRead(q.Link, q.After, raw) })
}
