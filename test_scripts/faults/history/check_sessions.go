package history

import "time"

// checkSessions checks the bond between sessions and ephemeral nodes, in synced
// reads: a node is gone once its client was told that the session has ended, and
// there while the session lives.
func checkSessions(r *record) error {
	ended := map[int64]*operation{} // by session: the notice
	alive := map[int64]*operation{} // the last request that was answered as that of a living session
	created, deleted := map[string]*operation{}, map[string]time.Duration{}
	for _, o := range r.all {
		switch {
		case o.kind == kindExpired || o.kind == kindClosed:
			ended[o.session] = o
		case o.kind.answerable() && (o.ok() || o.absent()):
			alive[o.session] = o // in the order of invocation
		}
		switch {
		case o.kind == kindCreate && o.flags.Ephemeral() && o.ok():
			created[o.path] = o
		case o.kind == kindDelete && o.possible():
			if _, known := deleted[o.path]; !known {
				deleted[o.path] = o.invoke
			}
		}
	}
	for _, o := range r.all {
		if !o.synced || o.kind != kindGet {
			continue
		}
		if end := ended[o.got.owner]; o.ok() && o.got.owner != 0 && end != nil && end.ret < o.invoke {
			return violation("an ephemeral node is there after its client was told that the session has ended", end, o)
		}
		made := created[o.path]
		if made == nil || !o.absent() || made.ret >= o.invoke {
			continue
		}
		if at, known := deleted[o.path]; known && at < o.ret {
			continue
		}
		if last := alive[made.session]; last != nil && last.invoke > o.ret {
			return violation("an ephemeral node is gone and its session lives on", made, o, last)
		}
	}
	return nil
}
