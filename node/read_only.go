package node

import (
	"time"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// readOnlyAfter is how long a server looks for a leader before it serves
// read-only clients.
func (o *Options) readOnlyAfter() time.Duration {
	return max(2*time.Second, time.Duration(o.TickMs)*time.Millisecond)
}

// servesReadOnly reports whether clients that can do without writes are to be let
// in: there has been no leader for a while, and this server has something to show
// and is a member of its cluster still.
func (n *Node) servesReadOnly() bool {
	core := n.replica.Core()
	if !n.opt.ReadOnly || n.loop.removed || core.Blank() || n.replica.State().Zxid == 0 {
		return false
	}
	cfg := core.Configuration()
	if cfg == nil || cfg.Member(n.opt.ID) == nil {
		return false
	}
	return monotonic()-n.loop.servedLast >= n.opt.readOnlyAfter()
}

// wantedMode is what this server should do for clients now. It belongs to the
// loop.
func (n *Node) wantedMode() sessionMode {
	switch {
	case n.serves():
		n.loop.servedLast = monotonic()
		return modeReadWrite
	case n.servesReadOnly():
		return modeReadOnly
	}
	return modeClosed
}

// mode is what this server does for clients.
func (n *Node) mode() sessionMode { return sessionMode(n.serving.Load()) }

// enter takes the server into a mode. Connections made in another one end: their
// clients come back and are told what they may do here.
func (n *Node) enter(mode sessionMode) {
	was := n.mode()
	if was == mode {
		return
	}
	if was != modeClosed {
		n.serving.Store(uint32(modeClosed))
		n.locals.begin(modeClosed)
		n.loop.syncs = make(map[uint64]syncWaiter)
		if n.loop.removed {
			n.clients.dismissServed()
		} else {
			n.clients.closeServed()
		}
	}
	if mode == modeReadOnly {
		n.log.Warn().Stringer("zxid", zxid.Zxid(n.appliedZxid.Load())).Msg("no leader for a while: serving read-only clients")
	}
	n.locals.begin(mode)
	n.serving.Store(uint32(mode))
}
