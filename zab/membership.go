package zab

import "github.com/zabkeeper/zabkeeper/zab/zxid"

// placed is a configuration and the record that carries it.
type placed struct {
	at zxid.Zxid
	c  *Configuration
}

// membership is what one server knows of configurations: those that its own
// log carries and that it does not know to be committed here, in order, and the
// newest that is committed anywhere.
type membership struct {
	inLog     []placed
	committed placed
}

// learn notes a committed configuration, wherever it was heard of.
func (ms *membership) learn(p placed) {
	if p.c != nil && p.at >= ms.committed.at {
		ms.committed = p
	}
}

func (ms *membership) appended(p placed) { ms.inLog = append(ms.inLog, p) }

func (ms *membership) truncated(last zxid.Zxid) {
	for len(ms.inLog) > 0 && ms.inLog[len(ms.inLog)-1].at > last {
		ms.inLog = ms.inLog[:len(ms.inLog)-1]
	}
}

// commit notes that everything in the log up to z is committed. It returns the
// newest configuration that this covers, if it covers one.
func (ms *membership) commit(z zxid.Zxid) (placed, bool) {
	n := 0
	for n < len(ms.inLog) && ms.inLog[n].at <= z {
		n++
	}
	if n == 0 {
		return placed{}, false
	}
	newest := ms.inLog[n-1]
	ms.inLog = ms.inLog[n:]
	ms.learn(newest)
	return newest, true
}

// later returns the configurations in the log behind the committed one.
func (ms *membership) later() []placed {
	i := 0
	for i < len(ms.inLog) && ms.inLog[i].at <= ms.committed.at {
		i++
	}
	return ms.inLog[i:]
}

// inForce returns the configurations that must each give a majority: the
// newest committed one and a later one in the log (C6). Of two later ones the
// earlier is certainly committed (C1).
func (ms *membership) inForce() []placed {
	base := ms.committed
	later := ms.later()
	if n := len(later); n >= 2 {
		base, later = later[n-2], later[n-1:]
	}
	var out []placed
	if base.c != nil {
		out = append(out, base)
	}
	return append(out, later...)
}

// votes reports whether id is a voter of a configuration in force.
func (ms *membership) votes(id zxid.ServerID) bool {
	return ms.any(func(cfg *Configuration) bool { return cfg.voter(id) })
}

// any reports whether holds is true of a configuration in force. It is asked with
// every batch, so it allocates nothing.
func (ms *membership) any(holds func(*Configuration) bool) bool {
	later := ms.later()
	if n := len(later); n > 0 && holds(later[n-1].c) {
		return true
	} else if n > 1 {
		return holds(later[n-2].c)
	}
	return ms.committed.c != nil && holds(ms.committed.c)
}

// newest returns the configuration that the log will have once everything in
// it is committed; nil before the first one.
func (ms *membership) newest() *Configuration {
	if later := ms.later(); len(later) > 0 {
		return later[len(later)-1].c
	}
	return ms.committed.c
}

// pending reports whether a configuration is in the log that is not known to
// be committed.
func (ms *membership) pending() bool { return len(ms.later()) > 0 }
