package sim

import (
	"math/rand/v2"
	"slices"

	"github.com/zabkeeper/zabkeeper/zab"
)

// patience is how many simulated seconds a healed cluster has to serve.
const patience = 60

// finish ends the faults and judges what is left.
func (w *World) finish() {
	if w.err != nil {
		return
	}
	w.trace("faults stop")
	w.faulty = false
	w.network.dead = [ports]bool{}
	w.heal()
	r := w.split(8)
	whole := w.servers
	if w.mode == Liveness {
		whole = w.breakOthers(r)
	}
	for _, s := range whole {
		s.resume()
		s.power, s.failSyncs = powerCut{}, false
	}
	if !w.awaitServing(whole, r) {
		return
	}
	done := 0
	for _, c := range w.clients {
		done += c.done
	}
	before := len(w.check.deposed)
	w.run(8_000_000)
	for _, id := range w.check.deposed[before:] {
		if w.mode == Liveness && slices.Contains(whole, w.servers[id-1]) {
			w.fail("server %d lost the lead although its quorum is whole: what is broken outside of it must not matter (E7)", id)
		}
	}
	for _, c := range w.clients {
		done -= c.done
	}
	if w.err == nil && done == 0 && len(w.clients) > 0 {
		w.fail("no client was answered in 8 s after the faults stopped")
	}
	w.drain(whole)
	if w.err == nil {
		w.check.finish(whole)
	}
	if w.err == nil {
		w.restartAll(whole, r)
	}
}

// awaitServing runs until everybody in whole serves.
func (w *World) awaitServing(whole []*server, r *rand.Rand) bool {
	for range patience {
		for _, s := range whole {
			if s.damaged {
				w.repair(s, r)
			}
			if !s.up {
				s.start()
			}
		}
		w.run(1_000_000)
		if w.err != nil {
			return false
		}
		healed := true
		for _, s := range whole {
			healed = healed && s.up && s.serving && !s.damaged
		}
		if healed {
			return true
		}
	}
	for _, s := range whole {
		if s.up && !s.serving {
			leader, epoch := s.replica.Core().Leader()
			w.trace("server %d does not serve: role %d, phase %q, leader %d of epoch %d", s.id, s.replica.Core().Role(), s.replica.Core().Phase(), leader, epoch)
		}
	}
	w.fail("not everybody serves %d s after the faults stopped", patience)
	return false
}

// breakOthers chooses a quorum of every configuration in force that stays whole
// and breaks what is outside of it for good. It returns the whole servers.
func (w *World) breakOthers(r *rand.Rand) []*server {
	w.run(3_000_000) // so that crashed servers are back and configurations settle
	outside := make(map[*server]bool)
	for _, i := range r.Perm(len(w.servers)) {
		s := w.servers[i]
		outside[s] = true
		if s.damaged {
			continue // nobody could replace its disk while others are broken for good
		}
		if r.IntN(4) == 0 || !w.quorumWithout(outside) {
			delete(outside, s)
		}
	}
	var whole []*server
	for _, s := range w.servers {
		if !outside[s] {
			whole = append(whole, s)
			continue
		}
		w.breakForGood(s, r)
	}
	return whole
}

// quorumWithout reports whether every configuration that is in force anywhere
// has a majority of bound, undamaged voters without those outside.
func (w *World) quorumWithout(outside map[*server]bool) bool {
	known := false
	for _, o := range w.servers {
		if !o.up {
			return false
		}
		for _, cfg := range o.replica.Core().InForce(nil) {
			known = true
			have := 0
			for _, m := range cfg.Members {
				p := w.servers[m.ID-1]
				if m.Voter && !outside[p] && !p.damaged && m.Incarnation == zab.Incarnation(p.identity()) {
					have++
				}
			}
			if have <= len(cfg.Voters())/2 {
				return false
			}
		}
	}
	return known
}

// breakForGood leaves a server in a bad state that never ends.
func (w *World) breakForGood(s *server, r *rand.Rand) {
	kind := r.IntN(5)
	w.trace("server %d is broken for good, kind %d", s.id, kind)
	switch kind {
	case 0: // down
		s.gone = true
		w.crash(s, r)
	case 1: // heard, and hears nobody
		for _, o := range w.servers {
			for p := range w.network.cut {
				w.network.cut[p][way{o.id, s.id}] = o != s
			}
		}
	case 2: // hears, and is not heard
		for _, o := range w.servers {
			for p := range w.network.cut {
				w.network.cut[p][way{s.id, o.id}] = o != s
			}
		}
	case 3: // only its election port is reached
		for _, o := range w.servers {
			w.network.cut[leaderPort][way{o.id, s.id}], w.network.cut[leaderPort][way{s.id, o.id}] = o != s, o != s
		}
	case 4: // stops and goes on
		w.pauseForEver(s, r)
	}
}

func (w *World) pauseForEver(s *server, r *rand.Rand) {
	s.pause(w.sched.now + r.Int64N(2_000_000))
	w.sched.after(2_500_000, func() {
		if w.err == nil {
			w.pauseForEver(s, r)
		}
	})
}

// drain lets what is under way come to an end without new operations.
func (w *World) drain(whole []*server) {
	for _, c := range w.clients {
		c.stopped = true
	}
	for range 30 {
		w.run(1_000_000)
		same := true
		for _, s := range whole {
			same = same && s.up && s.replica.State().Zxid == whole[0].replica.State().Zxid
		}
		if same {
			return
		}
	}
}

// restartAll cuts everybody's power once more; what a server finds on its disk
// is checked as at every start.
func (w *World) restartAll(whole []*server, r *rand.Rand) {
	for _, s := range whole {
		w.crash(s, r)
	}
	for _, s := range whole {
		if w.err == nil && !s.up {
			s.start()
		}
	}
}

// finish judges the run after the faults have stopped: everybody has the same
// state, and what was answered is in it.
func (k *checker) finish(whole []*server) {
	first := whole[0].replica.State()
	for _, s := range whole[1:] {
		if st := s.replica.State(); st.Zxid != first.Zxid || st.Tree.Digest() != first.Tree.Digest() {
			k.w.fail("at the end server %d is at %s, server %d at %s", s.id, st.Zxid, whole[0].id, first.Zxid)
		}
	}
	if first.Zxid < k.newestWrite {
		k.w.fail("at the end everybody is at %s, and %s was answered (I21)", first.Zxid, k.newestWrite)
	}
	ok, tried := 0, 0
	for _, c := range k.w.clients {
		ok += c.casOK
		tried += c.casTried
		if got, _ := whole[0].number(c.path()); c.made == len(c.paths()) && (got < c.acked || got > c.tried) {
			k.w.fail("client %d was answered %d and sent %d, the node holds %d (I21)", c.n, c.acked, c.tried, got)
		}
	}
	shared := int(k.w.sharedVersion(whole[0]))
	if shared < ok || shared > tried {
		k.w.fail("the shared counter is at %d; %d increments were answered, %d sent (I21)", shared, ok, tried)
	}
}
