package sim

import (
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
	life uint64 // changes with every start; what was scheduled for an earlier life is void

	// What outlives the process.
	clockBase   int64   // ms
	clockRate   float64 // how fast the monotonic clock runs
	wallOffset  int64   // ms
	incarnation byte
	joins       bool // lost what it founded alone: it comes back as one that joins
	damaged     bool // what its disk holds cannot be relied on
	gone        bool // stays down for good
	history     ledger
	power       powerCut
	failSyncs   bool
	slowDisk    int64 // most microseconds of a write; 0 for a quick one

	up          bool
	pausedUntil int64
	disk        *disk.Disk
	replica     *replica.Replica
	persist     []zab.PersistOp
	writing     bool // an Execute is under way
	sealed      bool // the log says that all of it is durable
	sealAt      int64
	sealedWith  zxid.Zxid // what was applied then
	noRoom      bool
	inbox       []func()
	awake       bool // a turn is scheduled
	arrived     map[zab.LinkID]*disk.Arrived
	snapshots   snapshots
	serving     bool
	inForce     []*zab.Configuration // as of the last turn
	pending     map[uint64]*client   // requests of local clients
	nextRequest uint64
	syncs       map[uint64]*client
	touched     map[uint64]bool
	touchedAt   map[uint64]int64 // when a session was last reported to this server's replica
}

func (s *server) options() replica.Options {
	o := replica.Options{ElectionTiming: election.DefaultTiming(), ExpiryGranule: 50, PauseMax: 250, Random: s.w.split(uint64(s.id)<<16 | s.life),
		Reconfig: reconfigOptions(),
		Settings: tree.SettingExtendedTypes,
		Zab: zab.Options{Self: s.id, Incarnation: zab.Incarnation(s.disk.Identity().Incarnation), Timing: zab.DefaultTiming(),
			HistoryBytes: 20_000, WindowBytes: windowBytes, WindowRecords: windowRecords, CounterLimit: s.w.par.counterLimit}}
	for i := range s.w.par.servers {
		if id := zxid.ServerID(i + 1); id != s.id || !s.joins {
			o.Zab.Table = append(o.Zab.Table, zab.Member{ID: id, Voter: true})
		}
	}
	return o
}

// What a leader may have under way to one follower.
const (
	windowBytes   = 10_000
	windowRecords = 200
)

// start boots the server from its disk.
func (s *server) start() {
	d, state, rec, found, err := disk.Open(s.diskOptions())
	if s.power.happened {
		s.dieInWrite()
		return
	}
	if err != nil {
		s.refused(err)
		return
	}
	s.life++
	s.up, s.disk = true, d
	s.persist, s.writing, s.inbox, s.awake, s.sealed = nil, false, nil, false, false
	s.arrived = make(map[zab.LinkID]*disk.Arrived)
	s.pending, s.syncs = make(map[uint64]*client), make(map[uint64]*client)
	s.touched, s.touchedAt = make(map[uint64]bool), make(map[uint64]int64)
	s.nextRequest = s.life << 32
	s.snapshots, s.serving, s.inForce, s.noRoom = snapshots{}, false, nil, false
	s.w.trace("server %d starts: applied %s last %s accepted %d replayed %d", s.id, rec.Applied, rec.Last, rec.Accepted, found.Replayed)
	s.w.check.restarted(s, state, &rec)
	state.Watches = tree.NewWatchRegistry()
	s.replica = replica.New(s.options(), rec, state)
	for _, o := range s.w.servers {
		if o != s {
			s.replica.AddGuest(o.id)
		}
	}
	s.tick(s.life)
}

func (s *server) diskOptions() disk.Options {
	var inc [16]byte
	inc[0], inc[1] = byte(s.id), s.incarnation+1
	return disk.Options{FS: vfs.Faulty{Base: s.fs, Hook: s.hook}, Dir: "/data", Server: s.id, Incarnation: inc, SegmentBytes: 8 << 10, SnapshotsKept: 2}
}

// refused deals with a server that does not start. Only what the run did to its
// disk excuses that.
func (s *server) refused(err error) {
	s.life++
	s.w.trace("server %d does not start: %v", s.id, err)
	switch {
	case s.damaged:
		r := s.w.split(uint64(s.id)<<20 | s.life)
		s.w.sched.after(1_000_000, func() { s.w.repair(s, r) })
		s.fs = s.fs.Crash(r)
	case s.failSyncs || noSpace(err):
		s.failSyncs = false
		s.fs = s.fs.Crash(s.w.disks)
		s.w.restartLater(s, 1_000_000)
	default:
		s.w.fail("server %d does not start: %v", s.id, err)
	}
}

// starts reports whether the server would start from its disk, without doing so.
func (s *server) starts() bool {
	o := s.diskOptions()
	o.FS = s.fs.Crash(s.w.disks)
	d, _, _, _, err := disk.Open(o)
	if err == nil {
		_ = d.Close(false)
	}
	return err == nil
}

// stop ends the process.
func (s *server) stop() {
	s.snapshots.stop()
	s.up, s.serving = false, false
	s.life++
	s.power.armed = false
	s.loseClients()
}

func (s *server) identity() [16]byte {
	if s.disk == nil {
		return [16]byte{}
	}
	return s.disk.Identity().Incarnation
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

func (s *server) pause(until int64) { s.pausedUntil = max(s.pausedUntil, until) }

// resume ends a pause now; a turn that waits for its end comes early.
func (s *server) resume() {
	if s.pausedUntil > s.w.sched.now {
		s.pausedUntil = 0
		s.later(0, s.turn)
	}
}

func (s *server) wake() {
	if s.awake {
		return
	}
	s.awake = true
	s.later(max(s.pausedUntil-s.w.sched.now, int64(s.w.net.IntN(20))+s.w.slowness[s.id-1]), s.turn)
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

// advised is what the dead election's stand-in says.
func (s *server) advised(lead bool, to zxid.ServerID) {
	core := s.replica.Core()
	if core.Role() != zab.Looking || !core.Voter() && lead {
		return
	}
	if lead {
		core.Lead()
	} else if to != s.id {
		core.Follow(to)
	}
}

func (s *server) millis() zab.Millis {
	return zab.Millis(s.clockBase + int64(float64(s.w.sched.now)*s.clockRate)/1000 + 1)
}

func (s *server) wall() int64 { return 1_700_000_000_000 + s.w.sched.now/1000 + s.wallOffset }

func (s *server) tick(life uint64) {
	if !s.up || s.life != life {
		return
	}
	s.wake()
	if len(s.touched) > 0 {
		s.touch()
	}
	s.seal()
	s.w.sched.after(10_000, func() { s.tick(life) })
}

func (s *server) carryOut() {
	for s.up {
		rd := s.replica.Ready()
		s.w.check.persists(s, rd.Persist)
		for i := range rd.Events {
			s.w.check.event(s, &rd.Events[i])
		}
		s.w.check.commits(s)
		if len(rd.Persist) > 0 {
			s.persist = append(s.persist, rd.Persist...)
			s.write()
		}
		s.w.network.sendAll(s, &rd)
		for _, q := range rd.ReadLog {
			s.readLog(q)
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
	if s.up {
		s.noteServing()
		s.w.check.turn(s)
		s.considerSnapshot()
	}
}

func (s *server) readLog(q zab.LogRead) {
	s.later(int64(s.w.disks.IntN(2000)), func() {
		raw, _ := s.disk.ReadLog(q.After, q.MaxBytes) // a trimmed or unreadable log answers with nothing
		s.replica.LogRead(q.Link, q.After, raw)
		s.carryOut()
	})
}

func (s *server) noteServing() {
	serving := s.replica.Core().Serving()
	if s.serving && !serving {
		s.loseClients()
	}
	s.serving = serving
}

// sink takes what applying brings about for the server's clients.
type sink struct{ s *server }

// WatchEvent implements tree.EventSink.
func (k sink) WatchEvent(w tree.WatcherID, ev *tree.Event) { k.s.w.watchFired(w, ev) }

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
