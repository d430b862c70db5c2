package sim

import (
	"fmt"
	"iter"

	"github.com/zabkeeper/zabkeeper/node/disk"
	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// snapshots is a server's work on snapshots.
type snapshots struct {
	next    func() (bool, bool) // the next piece of the one being written
	cancel  func()
	wanted  []zab.LinkID // links that need one that is being written
	applied uint64       // records applied since the last one
	retryAt int64
}

func (p *snapshots) stop() {
	if p.cancel != nil {
		p.cancel()
	}
}

// considerSnapshot begins a snapshot now and then and writes it piece by piece
// while transactions go on.
func (s *server) considerSnapshot() {
	p := &s.snapshots
	if p.next != nil || s.w.sched.now < p.retryAt || p.applied < s.w.par.snapshotEvery && len(p.wanted) == 0 {
		return
	}
	p.applied = 0
	snap := s.disk.BeginSnapshot(s.replica.State())
	digest := s.replica.State().Tree.Digest()
	var err error
	p.next, p.cancel = iter.Pull(func(yield func(bool) bool) {
		err = s.disk.WriteSnapshot(snap, func(take func()) bool {
			take()
			return yield(true)
		}, nil)
	})
	s.later(500, func() { s.snapshotPiece(snap, digest, &err) })
}

func (s *server) snapshotPiece(snap *disk.Snapshot, digest uint64, err *error) {
	_, more := s.snapshots.next()
	if s.died() {
		return
	}
	if more {
		s.later(500, func() { s.snapshotPiece(snap, digest, err) })
		return
	}
	s.disk.EndSnapshot(snap)
	p := &s.snapshots
	p.next, p.cancel = nil, nil
	wanted := p.wanted
	p.wanted = nil
	if *err != nil {
		s.w.trace("server %d: snapshot: %v", s.id, *err)
		if !s.failSyncs && !noSpace(*err) && !s.damaged {
			s.w.fail("server %d: snapshot: %v", s.id, *err)
		}
		s.failSyncs = false
		p.retryAt = s.w.sched.now + 5_000_000
		for _, id := range wanted {
			s.w.network.close(id)
		}
		return
	}
	s.w.check.snapshotWritten(s, snap.Zxid(), digest)
	s.disk.AskTrim()
	for _, id := range wanted {
		s.sendSnapshot(id)
	}
	s.carryOut()
}

// snapshotWritten reads a snapshot back: it is the state as of its record (I16).
func (k *checker) snapshotWritten(s *server, z zxid.Zxid, digest uint64) {
	written, err := disk.ReadState(vfs.FS(s.fs), "/data/snap", fmt.Sprintf("snapshot.%016x", uint64(z)))
	switch {
	case s.damaged:
	case err != nil:
		k.w.fail("server %d: snapshot %s: %v", s.id, z, err)
	case written.Tree.Digest() != digest || written.Zxid != z:
		k.w.fail("server %d: snapshot %s is not the state as of its record (I16)", s.id, z)
	case k.digests[z] != 0 && k.digests[z] != digest:
		k.w.fail("server %d: snapshot %s is of a state that nobody else had (I16)", s.id, z)
	}
}

func (s *server) sendSnapshot(id zab.LinkID) {
	if z := s.disk.NewestSnapshot(); z == 0 || z < s.replica.Core().Base() {
		s.snapshots.wanted = append(s.snapshots.wanted, id)
		return
	}
	z, raw, err := s.disk.OpenSnapshot()
	if err != nil {
		if !s.damaged {
			s.w.fail("server %d: open snapshot: %v", s.id, err)
		}
		s.w.network.close(id)
		return
	}
	defer func() { _ = raw.Close() }()
	b := make([]byte, raw.Size)
	if _, err := raw.ReadAt(b, 0); err != nil {
		s.w.fail("server %d: read snapshot: %v", s.id, err)
		return
	}
	s.w.network.sendSnapshot(s, id, z, b)
	s.replica.SnapshotSent(id, z)
}

// receiveSnapshot takes in the bytes of a snapshot file.
func (s *server) receiveSnapshot(from *server, id zab.LinkID, z zxid.Zxid, b []byte) {
	a, snap, err := s.takeSnapshot(z, b)
	if s.died() {
		return
	}
	if err != nil {
		s.w.trace("server %d: snapshot %s from server %d: %v", s.id, z, from.id, err)
		if !from.damaged && !s.damaged && !s.failSyncs && !noSpace(err) {
			s.w.fail("server %d: snapshot %s from server %d: %v", s.id, z, from.id, err)
		}
		s.failSyncs = false
		s.w.network.close(id)
		return
	}
	s.arrived[id] = a
	s.disk.Offer(id, a)
	if !s.replica.SnapshotReceived(id, snap) {
		delete(s.arrived, id)
		s.disk.Withdraw(id)
	}
}

func (s *server) takeSnapshot(z zxid.Zxid, b []byte) (*disk.Arrived, zab.Snapshot, error) {
	r, err := s.disk.Receive(z, int64(len(b)))
	if err != nil {
		return nil, zab.Snapshot{}, err
	}
	if _, err := r.WriteAt(b, 0); err != nil {
		_ = r.Abort()
		return nil, zab.Snapshot{}, err
	}
	return s.disk.FinishReceiving(r)
}

func (s *server) installed(op *zab.PersistOp, chain uint64) {
	a := s.arrived[op.Link]
	delete(s.arrived, op.Link)
	a.State.Watches = s.replica.State().Watches
	s.replica.Persisted(op.Seq, chain)
	s.replica.Install(a.State)
	s.w.check.installed(s)
}
