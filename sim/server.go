package sim

import (
	"fmt"
	"iter"

	"github.com/zabkeeper/zabkeeper/election"
	"github.com/zabkeeper/zabkeeper/node/disk"
	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// server is one simulated machine: a disk that outlives the process, and the
// process while it is up.
type server struct {
	w    *World
	id   zxid.ServerID
	fs   *vfs.Memory
	life uint64 // changes with every crash; what was scheduled for an earlier life is void

	up          bool
	pausedUntil int64
	clockOffset int64 // ms
	incarnation byte
	joins       bool // lost what it founded alone: it comes back as one that joins
	disk        *disk.Disk
	replica     *replica.Replica
	persist     []zab.PersistOp
	writing     bool // an Execute is under way
	inbox       []func()
	awake       bool // a turn is scheduled
	arrived     map[zab.LinkID]*disk.Arrived
	snapshot    func() (bool, bool) // the next piece of a snapshot being written
	stopSnap    func()
	snapWanted  []zab.LinkID
	applied     uint64 // records applied in this life, to pace snapshots
	serving     bool
	pending     map[uint64]*client // requests of local clients
	nextRequest uint64
	syncs       map[uint64]*client
	touched     map[uint64]bool
}

func (s *server) options() replica.Options {
	o := replica.Options{ElectionTiming: election.DefaultTiming(), ExpiryGranule: 50, PauseMax: 250, Random: s.w.split(uint64(s.id)<<16 | s.life),
		Reconfig: reconfigOptions(),
		Settings: tree.SettingExtendedTypes,
		Zab: zab.Options{Self: s.id, Incarnation: zab.Incarnation(s.disk.Identity().Incarnation), Timing: zab.DefaultTiming(),
			HistoryBytes: 20_000, WindowBytes: 100_000, WindowRecords: 200, CounterLimit: s.w.opt.CounterLimit}}
	for i := range s.w.opt.Servers {
		if id := zxid.ServerID(i + 1); id != s.id || !s.joins {
			o.Zab.Table = append(o.Zab.Table, zab.Member{ID: id, Voter: true})
		}
	}
	return o
}

// start boots the server from its disk.
func (s *server) start() {
	var inc [16]byte
	inc[0], inc[1] = byte(s.id), s.incarnation+1
	d, state, rec, found, err := disk.Open(disk.Options{FS: s.fs, Dir: "/data", Server: s.id, Incarnation: inc, SegmentBytes: 8 << 10, SnapshotsKept: 2})
	if err != nil {
		s.w.fail("server %d does not start: %v", s.id, err)
		return
	}
	s.life++
	s.up, s.disk = true, d
	s.persist, s.writing, s.inbox, s.awake = nil, false, nil, false
	s.arrived = make(map[zab.LinkID]*disk.Arrived)
	s.pending, s.syncs, s.touched = make(map[uint64]*client), make(map[uint64]*client), make(map[uint64]bool)
	s.nextRequest = s.life << 32
	s.snapshot, s.stopSnap, s.snapWanted, s.applied, s.serving = nil, nil, nil, 0, false
	state.Watches = tree.NewWatchRegistry()
	s.replica = replica.New(s.options(), rec, state)
	for _, o := range s.w.servers {
		if o != s {
			s.replica.AddGuest(o.id)
		}
	}
	s.w.trace("server %d starts: applied %s last %s replayed %d", s.id, rec.Applied, rec.Last, found.Replayed)
	s.w.check.restarted(s)
	s.tick(s.life)
}

// later schedules do for this life of the server.
func (s *server) later(us int64, do func()) {
	life := s.life
	s.w.sched.after(us, func() {
		if s.up && s.life == life {
			do()
		}
	})
}

// input queues do for the server's next turn.
func (s *server) input(do func()) {
	if !s.up {
		return
	}
	s.inbox = append(s.inbox, do)
	s.wake()
}

func (s *server) wake() {
	if s.awake {
		return
	}
	s.awake = true
	s.later(max(s.pausedUntil-s.w.sched.now, int64(s.w.net.IntN(20))), s.turn)
}

func (s *server) turn() {
	if s.pausedUntil > s.w.sched.now {
		s.later(s.pausedUntil-s.w.sched.now, s.turn)
		return
	}
	s.awake = false
	s.replica.Tick(s.millis(), s.wall())
	inbox := s.inbox
	s.inbox = nil
	for _, do := range inbox {
		do()
	}
	s.carryOut()
}

func (s *server) millis() zab.Millis { return zab.Millis(s.w.sched.now/1000) + 1 }

func (s *server) wall() int64 { return 1_700_000_000_000 + s.w.sched.now/1000 + s.clockOffset }

func (s *server) tick(life uint64) {
	if !s.up || s.life != life {
		return
	}
	s.wake()
	if len(s.touched) > 0 {
		s.touch()
	}
	s.w.sched.after(10_000, func() { s.tick(life) })
}

func (s *server) carryOut() {
	for {
		rd := s.replica.Ready()
		for i := range rd.Events {
			s.w.check.event(s, &rd.Events[i])
		}
		if len(rd.Persist) > 0 {
			s.persist = append(s.persist, rd.Persist...)
			s.write()
		}
		s.w.network.sendAll(s, &rd)
		for _, q := range rd.ReadLog {
			s.later(int64(s.w.disks.IntN(2000)), func() {
				raw, _ := s.disk.ReadLog(q.After, q.MaxBytes) // a trimmed log answers with nothing
				s.replica.LogRead(q.Link, q.After, raw)
				s.carryOut()
			})
		}
		for _, id := range rd.SendSnapshot {
			s.sendSnapshot(id)
		}
		if rd.Apply {
			before := s.replica.State().Zxid
			s.replica.Apply(sink{s})
			s.w.check.applied(s, before)
		}
		for _, g := range rd.Grants {
			s.granted(g)
		}
		if !rd.Apply {
			break
		}
	}
	s.noteServing()
	s.considerSnapshot()
}

func (s *server) noteServing() {
	serving := s.replica.Core().Serving()
	if s.serving && !serving {
		s.loseClients()
	}
	s.serving = serving
}

// write executes what is queued after a delay; a crash before then loses it or
// keeps an arbitrary part, as the simulated disk decides.
func (s *server) write() {
	if s.writing || len(s.persist) == 0 {
		return
	}
	s.writing = true
	s.later(s.w.diskDelay(), func() {
		ops := s.persist
		s.persist = nil
		if cut := s.w.disks.IntN(400); cut == 0 && len(ops) > 0 && s.w.mayFail() {
			// The power fails in the middle of the work.
			keep := s.w.disks.IntN(len(ops))
			_ = s.disk.Execute(ops[:keep], func(*zab.PersistOp, uint64) {})
			s.w.crash(s)
			return
		}
		err := s.disk.Execute(ops, func(op *zab.PersistOp, chain uint64) {
			if op.Kind == zab.PersistInstall {
				s.installed(op, chain)
				return
			}
			s.replica.Persisted(op.Seq, chain)
		})
		if err == nil {
			err = s.disk.Headroom()
		}
		if err != nil {
			s.w.fail("server %d: disk: %v", s.id, err)
			return
		}
		s.writing = false
		if base, trimmed, err := s.disk.TrimIfAsked(); err != nil {
			s.w.fail("server %d: trim: %v", s.id, err)
		} else if trimmed {
			s.replica.Rebased(base)
		}
		s.carryOut()
		s.write()
	})
}

func (s *server) installed(op *zab.PersistOp, chain uint64) {
	a := s.arrived[op.Link]
	delete(s.arrived, op.Link)
	a.State.Watches = s.replica.State().Watches
	s.replica.Persisted(op.Seq, chain)
	s.replica.Install(a.State)
	s.w.check.installed(s)
}

// considerSnapshot begins a snapshot now and then and writes it piece by piece
// while transactions go on.
func (s *server) considerSnapshot() {
	if s.snapshot != nil || s.applied < s.w.opt.SnapshotEvery && len(s.snapWanted) == 0 {
		return
	}
	s.applied = 0
	snap := s.disk.BeginSnapshot(s.replica.State())
	digest := s.replica.State().Tree.Digest()
	var err error
	next, stop := iter.Pull(func(yield func(bool) bool) {
		err = s.disk.WriteSnapshot(snap, func(take func()) bool {
			take()
			return yield(true)
		})
	})
	s.snapshot, s.stopSnap = next, stop
	s.later(500, func() { s.snapshotPiece(snap, digest, &err) })
}

func (s *server) snapshotPiece(snap *disk.Snapshot, digest uint64, err *error) {
	if _, more := s.snapshot(); more {
		s.later(500, func() { s.snapshotPiece(snap, digest, err) })
		return
	}
	s.disk.EndSnapshot(snap)
	s.snapshot, s.stopSnap = nil, nil
	if *err != nil {
		s.w.fail("server %d: snapshot: %v", s.id, *err)
		return
	}
	if written, e := disk.ReadState(s.fs, "/data/snap", fmt.Sprintf("snapshot.%016x", uint64(snap.Zxid()))); e != nil {
		s.w.fail("server %d: snapshot %s: %v", s.id, snap.Zxid(), e)
	} else if written.Tree.Digest() != digest {
		s.w.fail("server %d: snapshot %s is not the state as of its record (I16)", s.id, snap.Zxid())
	}
	s.disk.AskTrim()
	wanted := s.snapWanted
	s.snapWanted = nil
	for _, id := range wanted {
		s.sendSnapshot(id)
	}
	s.carryOut()
}

func (s *server) sendSnapshot(id zab.LinkID) {
	if z := s.disk.NewestSnapshot(); z == 0 || z < s.replica.Core().Base() {
		s.snapWanted = append(s.snapWanted, id)
		return
	}
	z, raw, err := s.disk.OpenSnapshot()
	if err != nil {
		s.w.fail("server %d: open snapshot: %v", s.id, err)
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
func (s *server) receiveSnapshot(id zab.LinkID, z zxid.Zxid, b []byte) {
	r, err := s.disk.Receive(z, int64(len(b)))
	if err != nil {
		s.w.fail("server %d: receive: %v", s.id, err)
		return
	}
	if _, err := r.WriteAt(b, 0); err != nil {
		s.w.fail("server %d: receive: %v", s.id, err)
		return
	}
	a, snap, err := s.disk.FinishReceiving(r)
	if err != nil {
		s.w.fail("server %d: install %s: %v", s.id, z, err)
		return
	}
	s.arrived[id] = a
	s.disk.Offer(id, a)
	s.replica.SnapshotReceived(id, snap)
}

// sink takes what applying brings about for the server's clients.
type sink struct{ s *server }

// WatchEvent implements tree.EventSink.
func (k sink) WatchEvent(tree.WatcherID, *tree.Event) {}

// Reply implements replica.Sink.
func (k sink) Reply(request uint64, z zxid.Zxid, txn *tree.Transaction, res *tree.Result) {
	if c := k.s.pending[request]; c != nil {
		delete(k.s.pending, request)
		c.answered(k.s, z, txn, res)
	}
}

// SessionMoved implements replica.Sink.
func (k sink) SessionMoved(session uint64, owner zxid.ServerID, _ uint64) {
	k.s.w.clientsLeave(k.s, session, owner)
}

// SessionClosed implements replica.Sink.
func (k sink) SessionClosed(session uint64) { k.s.w.sessionClosed(k.s, session) }
