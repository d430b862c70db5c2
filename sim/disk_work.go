package sim

import (
	"errors"
	"math/rand/v2"
	"path"
	"syscall"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/zab"
)

// powerCut ends a server in the middle of what it does to its disk.
type powerCut struct {
	armed    bool
	after    int // changing operations
	happened bool
	r        *rand.Rand
}

// cutPower lets the power fail at the server's n-th change of its disk from now.
func (s *server) cutPower(n int, r *rand.Rand) { s.power = powerCut{armed: true, after: n, r: r} }

// hook decides what happens to an operation on the disk.
func (s *server) hook(op vfs.Op, name string) error {
	if s.power.happened {
		return vfs.ErrPowerCut
	}
	if s.power.armed && op.Changes() {
		if s.power.after--; s.power.after <= 0 {
			s.w.trace("server %d: the power fails at operation %d on %s", s.id, op, name)
			s.power.happened = true
			return vfs.ErrPowerCut
		}
	}
	if s.failSyncs && op == vfs.OpSync {
		s.w.trace("server %d: the disk fails to sync %s", s.id, name)
		return syscall.EIO
	}
	return nil
}

// died reports whether the power failed in what was just done, and ends the
// process if so.
func (s *server) died() bool {
	if !s.power.happened {
		return false
	}
	s.dieInWrite()
	return true
}

func (s *server) dieInWrite() {
	r := s.power.r
	s.power = powerCut{}
	if s.up {
		s.w.crash(s, r)
		return
	}
	s.life++
	s.fs = s.fs.Crash(r)
	s.w.restartLater(s, r.Int64N(1_000_000))
}

func noSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) }

func (s *server) diskDelay() int64 {
	if s.slowDisk > 0 {
		return s.w.disks.Int64N(s.slowDisk)
	}
	return 50 + s.w.disks.Int64N(400)
}

// write executes what is queued after a delay.
func (s *server) write() {
	if s.writing || len(s.persist) == 0 {
		return
	}
	s.writing, s.sealed = true, false
	s.later(s.diskDelay(), func() {
		ops := s.persist
		s.persist = nil
		err := s.disk.Execute(ops, func(op *zab.PersistOp, chain uint64) {
			s.history.durableThrough(op.Seq)
			if op.Kind == zab.PersistInstall {
				s.installed(op, chain)
				return
			}
			s.replica.Persisted(op.Seq, chain)
		})
		switch {
		case s.died():
			return
		case err != nil:
			s.diskFailed(err)
			return
		}
		s.writing = false
		s.sealAt = s.w.sched.now + sealAfterUs
		s.housekeeping()
		s.carryOut()
		s.write()
	})
}

// sealAfterUs is how long the log is idle before it says that it is durable, as
// in the real server.
const sealAfterUs = 10_000

func (s *server) seal() {
	applied := s.replica.State().Zxid
	if s.sealed && s.sealedWith == applied || s.writing || s.w.sched.now < s.sealAt || s.pausedUntil > s.w.sched.now {
		return
	}
	if err := s.disk.Idle(applied); s.died() {
		return
	} else if err != nil {
		s.diskFailed(err)
		return
	}
	s.sealed, s.sealedWith = true, applied
}

// diskFailed ends a server whose disk failed (W14); a disk that was not made to
// fail must not.
func (s *server) diskFailed(err error) {
	s.w.trace("server %d: disk: %v", s.id, err)
	if !s.failSyncs && !noSpace(err) && !s.damaged {
		s.w.fail("server %d: disk: %v", s.id, err)
		return
	}
	s.failSyncs = false
	s.w.crash(s, s.w.disks)
}

// housekeeping prepares room and removes what is not needed, as the real
// server's log writer does.
func (s *server) housekeeping() {
	if err := s.disk.Headroom(); s.died() {
		return
	} else if err != nil {
		if !noSpace(err) {
			s.diskFailed(err)
			return
		}
		s.setRoom(false)
	} else {
		s.setRoom(true)
	}
	base, trimmed, err := s.disk.TrimIfAsked()
	switch {
	case s.died():
	case err != nil:
		s.w.trace("server %d: trim: %v", s.id, err)
		if !s.failSyncs && !s.damaged && !noSpace(err) {
			s.w.fail("server %d: trim: %v", s.id, err)
		}
	case trimmed:
		s.replica.Rebased(base)
	}
}

// setRoom tells the replica of a disk that is full, or is not any more, and looks
// again after a while, as the real server does.
func (s *server) setRoom(room bool) {
	if room != s.noRoom {
		return
	}
	s.noRoom = !room
	s.w.trace("server %d has room for its log: %v", s.id, room)
	s.replica.SetRoom(room)
	if !room {
		s.later(1_000_000, func() { s.lookForRoom() })
	}
}

func (s *server) lookForRoom() {
	err := s.disk.Headroom()
	switch {
	case s.died() || !s.noRoom:
	case err == nil:
		s.setRoom(true)
		s.carryOut()
	default:
		s.later(1_000_000, func() { s.lookForRoom() })
	}
}

// someFile draws a file of the data directory.
func (s *server) someFile(r *rand.Rand) (name string, size int64) {
	var names []string
	for _, dir := range []string{"/data", "/data/log", "/data/snap"} {
		list, err := s.fs.List(dir)
		if err != nil {
			continue
		}
		for _, n := range list {
			names = append(names, path.Join(dir, n))
		}
	}
	if len(names) == 0 {
		return "", 0
	}
	name = names[r.IntN(len(names))]
	size, err := s.fs.Stat(name)
	if err != nil {
		return "", 0
	}
	return name, size
}
