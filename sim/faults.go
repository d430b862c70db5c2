package sim

import (
	"math/rand/v2"
	"strings"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
)

// do carries out a planned fault; r is its own chance.
func (w *World) do(f Fault, r *rand.Rand) {
	s := w.servers[f.Server]
	switch f.Kind {
	case "crash":
		w.crash(s, r)
	case "crash leader", "pause leader":
		for _, s := range w.servers {
			if s.up && s.serving && s.replica.Core().IsLeader() {
				if f.Kind == "crash leader" {
					w.crash(s, r)
				} else {
					s.pause(w.sched.now + r.Int64N(8_000_000))
				}
				break
			}
		}
	case "kill":
		w.kill(s, r)
	case "crash all":
		if r.IntN(3) == 0 {
			for _, s := range w.servers {
				w.crash(s, r)
			}
		}
	case "crash in a write":
		s.cutPower(1+r.IntN(40), r)
	case "crash in a start":
		w.crash(s, r)
		s.cutPower(1+r.IntN(30), r)
	case "pause":
		s.pause(w.sched.now + r.Int64N(5_000_000))
	case "partition":
		w.network.partition(r)
	case "heal":
		w.heal()
	case "reset":
		w.network.breakOne(r, 0)
	case "half-open":
		w.network.breakOne(r, r.Int64N(10_000_000))
	case "clog":
		w.network.clog(s, w.servers[r.IntN(len(w.servers))], w.sched.now+r.Int64N(5_000_000))
	case "flap":
		w.network.flap(s, w.sched.now+r.Int64N(6_000_000))
	case "loss":
		w.network.lossPct, w.network.delayMax = r.IntN(30), 1000+r.Int64N(60_000)
	default:
		w.doLocal(f.Kind, s, r)
	}
}

// doLocal carries out a fault of one machine, or of what people do to it.
func (w *World) doLocal(kind string, s *server, r *rand.Rand) {
	switch kind {
	case "slow disk":
		s.slowDisk = 1000 + r.Int64N(1_000_000)
	case "failed sync":
		s.failSyncs = true
	case "full disk":
		s.fs.SetCapacity(s.fs.Used() + r.Int64N(16<<10))
		w.sched.after(1_000_000+r.Int64N(8_000_000), func() { s.fs.SetCapacity(1 << 40) })
	case "rot":
		w.rot(s, r)
	case "wipe":
		w.wipe(s, r)
	case "swapped directories":
		w.swapDirectories(s, w.servers[r.IntN(len(w.servers))], r)
	case "clock":
		s.wallOffset += r.Int64N(7_200_000) - 3_600_000
	case "members":
		w.reconfigure(s, r)
	case "hand over":
		s.input(func() { s.replica.HandOver("fault") })
	case "call election":
		s.input(func() { s.replica.CallElection() })
	default:
		w.fail("there is no fault %q", kind)
	}
}

// heal ends what lasts: cuts, loss, slow and full disks.
func (w *World) heal() {
	w.network.heal()
	w.network.lossPct, w.network.delayMax = 0, 1000
	for _, s := range w.servers {
		s.slowDisk = 0
		s.fs.SetCapacity(1 << 40)
	}
}

// crash ends a process; what its disk did not make durable is lost as the disk
// decides. It comes back after a while.
func (w *World) crash(s *server, r *rand.Rand) {
	if !s.up {
		return
	}
	w.crashed++
	w.trace("server %d crashes", s.id)
	s.stop()
	s.fs = s.fs.Crash(r)
	w.network.crashed(s)
	w.restartLater(s, r.Int64N(3_000_000))
}

// kill ends a process whose machine goes on: what it wrote is in the cache, and
// what it did not sync may still be lost later.
func (w *World) kill(s *server, r *rand.Rand) {
	if !s.up {
		return
	}
	w.crashed++
	w.trace("server %d is killed", s.id)
	s.stop()
	s.fs.Kill()
	w.network.crashed(s)
	w.restartLater(s, r.Int64N(1_000_000))
}

func (w *World) restartLater(s *server, us int64) {
	down := s.life
	w.sched.after(us, func() {
		if w.err == nil && !s.up && s.life == down && !s.gone {
			s.start()
		}
	})
}

// maySpare reports whether the cluster can count without what s has stored: the
// model allows a minority of data directories to be lost at a time, and the
// next only when the last victim is bound again.
func (w *World) maySpare(s *server) bool {
	for _, o := range w.servers {
		if o == s {
			continue
		}
		if !o.up || o.damaged || o.replica.Core().Configuration() == nil {
			return false
		}
		for _, cfg := range o.replica.Core().InForce(nil) {
			others := 0
			for _, m := range cfg.Members {
				p := w.servers[m.ID-1]
				if !m.Voter || p == s {
					continue
				}
				if m.Incarnation != p.identity() {
					return false
				}
				others++
			}
			if others <= len(cfg.Voters())/2 {
				return false
			}
		}
	}
	return len(w.servers) > 1
}

// wipe empties a data directory: a disk was replaced.
func (w *World) wipe(s *server, r *rand.Rand) {
	if !w.maySpare(s) {
		return
	}
	w.crash(s, r)
	w.replaceDirectory(s)
}

// replaceDirectory is what an operator does with a directory that cannot be
// trusted: the server comes back without one and joins.
func (w *World) replaceDirectory(s *server) {
	w.trace("server %d loses its data directory", s.id)
	w.check.lost(s)
	s.fs = vfs.NewMemory()
	s.incarnation++
	s.damaged = false
	s.joins = w.par.servers == 1
}

// rot flips bits of something that was durable once.
func (w *World) rot(s *server, r *rand.Rand) {
	if s.writing || len(s.persist) > 0 || !s.sealed || !w.maySpare(s) {
		return // the last write is as good as torn until it is sealed
	}
	name, size := s.someFile(r)
	if size == 0 {
		return
	}
	s.damaged = true
	flips := 1 // one place can always be told from a torn write
	if strings.HasPrefix(name, "/data/snap/") {
		flips += r.IntN(3)
	}
	for range flips {
		at := r.Int64N(size)
		w.trace("server %d: byte %d of %s rots", s.id, at, name)
		if err := s.fs.Corrupt(name, at); err != nil {
			w.fail("corrupt: %v", err)
		}
	}
	if r.IntN(2) == 0 {
		w.crash(s, r)
	}
	w.sched.after(3_000_000+r.Int64N(5_000_000), func() { w.repair(s, r) })
}

// repair replaces the directory of a damaged server as soon as the others can
// count without it.
func (w *World) repair(s *server, r *rand.Rand) {
	if w.err != nil || !s.damaged {
		return
	}
	if !w.maySpare(s) {
		w.sched.after(1_000_000, func() { w.repair(s, r) })
		return
	}
	w.crash(s, r)
	w.replaceDirectory(s)
	w.restartLater(s, 1000)
}

// swapDirectories starts two servers on each other's directories; both have to
// refuse. Then the operator puts it right.
func (w *World) swapDirectories(a, b *server, r *rand.Rand) {
	if a == b || a.damaged || b.damaged || !a.up || !b.up {
		return
	}
	w.crash(a, r)
	w.crash(b, r)
	a.fs, b.fs = b.fs, a.fs
	for _, s := range []*server{a, b} {
		if s.starts() {
			w.fail("server %d starts with the directory of another", s.id)
		}
	}
	a.fs, b.fs = b.fs, a.fs
}
