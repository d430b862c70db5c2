package sim

import (
	"slices"
	"sort"

	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// entry is one record of a log. Its chain stands for the whole history up to it.
type entry struct {
	zxid  zxid.Zxid
	chain uint64
}

// entries are the records of a log in order. What a log drops at its beginning
// stays here.
type entries []entry

func (e entries) last() entry {
	if len(e) == 0 {
		return entry{}
	}
	return e[len(e)-1]
}

// at returns the record z, or false.
func (e entries) at(z zxid.Zxid) (entry, bool) {
	i := sort.Search(len(e), func(i int) bool { return e[i].zxid >= z })
	if i < len(e) && e[i].zxid == z {
		return e[i], true
	}
	return entry{}, false
}

// holds reports whether the history up to want is part of this one.
func (e entries) holds(want entry) bool {
	have, ok := e.at(want.zxid)
	return ok && have.chain == want.chain
}

// through returns the entries up to z.
func (e entries) through(z zxid.Zxid) entries {
	return e[:sort.Search(len(e), func(i int) bool { return e[i].zxid > z })]
}

// ledger is what a server's disk must hold, as far as the server was told that
// it does, and what it has been given to write beyond that.
type ledger struct {
	written  entries // everything given to the writer
	durable  entries // what it was reported to have made durable
	accepted zxid.Epoch
	promised zxid.ServerID
	queue    []zab.PersistOp
	// configurations are the records of written that carry one.
	configurations []zxid.Zxid
}

// queued takes in an operation that the writer is given.
func (l *ledger) queued(op *zab.PersistOp, installed entry) {
	l.queue = append(l.queue, *op)
	l.written = carriedOut(l.written, op, installed)
	if op.Kind == zab.PersistTruncate || op.Kind == zab.PersistInstall {
		l.configurations = slices.DeleteFunc(l.configurations, func(z zxid.Zxid) bool { return z > op.Zxid })
	}
	l.noteConfigurations(op.Records)
}

func (l *ledger) noteConfigurations(recs []record.Record) {
	for _, r := range recs {
		if r.Kind != record.Transaction && len(r.Body()) > 0 {
			l.configurations = append(l.configurations, r.Zxid)
		}
	}
}

func carriedOut(e entries, op *zab.PersistOp, installed entry) entries {
	switch op.Kind {
	case zab.PersistAppend:
		for _, r := range op.Records {
			e = append(e, entry{r.Zxid, r.Chain})
		}
	case zab.PersistTruncate:
		e = slices.Clip(e.through(op.Zxid))
	case zab.PersistInstall:
		if !e.holds(installed) {
			e = append(entries{}, installed)
		}
		e = slices.Clip(e.through(op.Zxid))
	case zab.PersistPromise, zab.PersistBarrier, zab.PersistMark:
	}
	return e
}

// durableThrough notes that the operations up to seq are reported as durable.
func (l *ledger) durableThrough(seq uint64) {
	for len(l.queue) > 0 && l.queue[0].Seq <= seq {
		op := &l.queue[0]
		installed, _ := l.written.at(op.Zxid)
		l.durable = carriedOut(l.durable, op, installed)
		if op.Kind == zab.PersistPromise {
			l.accepted, l.promised = op.Epoch, op.To
		}
		l.queue = l.queue[1:]
	}
}

// undoes returns the last record that work which was under way may have kept:
// a truncation or an installation may be done although nobody was told.
func (l *ledger) undoes() (zxid.Zxid, bool) {
	least, found := zxid.Zxid(0), false
	for i := range l.queue {
		if k := l.queue[i].Kind; k == zab.PersistTruncate || k == zab.PersistInstall {
			if !found || l.queue[i].Zxid < least {
				least, found = l.queue[i].Zxid, true
			}
		}
	}
	return least, found
}

// restarted makes the ledger that of a server that has just started with this
// applied state and this tail.
func (l *ledger) restarted(applied entry, rec *zab.Recovered) {
	kept := l.written.through(applied.zxid)
	if !kept.holds(applied) {
		kept = kept[:0]
		if applied.zxid != 0 {
			kept = entries{applied}
		}
	}
	l.durable = slices.Clone(kept)
	for _, r := range rec.Tail {
		l.durable = append(l.durable, entry{r.Zxid, r.Chain})
	}
	l.written = slices.Clone(l.durable)
	l.accepted, l.promised, l.queue = rec.Accepted, rec.PromisedTo, nil
	l.configurations = slices.DeleteFunc(l.configurations, func(z zxid.Zxid) bool { return z > applied.zxid })
	l.noteConfigurations(rec.Tail)
}
