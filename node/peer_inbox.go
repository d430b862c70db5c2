package node

import (
	"fmt"
	"slices"

	"github.com/zabkeeper/zabkeeper/election"
	"github.com/zabkeeper/zabkeeper/peer"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// peerInbox puts what the transport hears into the loop's inbox.
type peerInbox struct{ n *Node }

// ElectionMessage implements peer.Handler.
func (p peerInbox) ElectionMessage(m *election.Message) {
	if p.n.faults.dropping.Load() {
		return
	}
	p.n.inbox.post(func() { p.n.replica.ElectionMessage(m) })
}

// Refused implements peer.Handler.
func (p peerInbox) Refused(id zxid.ServerID) {
	p.n.inbox.post(func() { p.n.replica.PeerRefused(id) })
}

// PeerHello implements peer.Handler. A node table that is not everybody's is
// fatal as long as the cluster is not founded; after that the configuration in
// the log rules and the difference is only worth a warning (N6).
func (p peerInbox) PeerHello(h peer.Hello) {
	n := p.n
	if h.Cluster != [16]byte{} && len(n.opt.Members) == 1 && !n.opt.alone() {
		n.inbox.post(func() {
			if n.replica.Core().Blank() && n.opt.Joining.ID == 0 {
				n.fail(&TableError{Err: fmt.Errorf("server %d of cluster %x knows this server as one of its own, and the data directory %s is empty: "+
					"start it with --join to take a new copy from the cluster", h.Server, h.Cluster, n.opt.DataDir)})
			}
		})
	}
	if h.TableHash == n.opt.TableHash || h.TableHash == 0 || n.opt.TableDiffers == nil {
		return
	}
	n.inbox.post(func() {
		err := n.opt.TableDiffers(h.Server, h.TableText)
		if err == nil {
			return
		}
		if n.replica.Core().Configuration() != nil {
			n.warnOnce(h.Server, err)
			return
		}
		n.fail(&TableError{Err: err})
	})
}

// TableError ends a server whose node table differs from another's before the
// cluster was founded.
type TableError struct{ Err error }

// Error lists the differences.
func (e *TableError) Error() string { return e.Err.Error() }

// Unwrap returns the differences.
func (e *TableError) Unwrap() error { return e.Err }

func (n *Node) warnOnce(server zxid.ServerID, err error) {
	if n.loop.warned[server] {
		return
	}
	n.loop.warned[server] = true
	n.log.Warn().Err(err).Uint32("server", uint32(server)).Msg("the node tables differ; the configuration in the log rules")
}

// LinkUp implements peer.Handler.
func (p peerInbox) LinkUp(id zab.LinkID, server zxid.ServerID, inc zab.Incarnation) {
	p.n.inbox.post(func() { p.n.replica.LinkUp(id, server, inc) })
}

// LinkDown implements peer.Handler.
func (p peerInbox) LinkDown(id zab.LinkID, why error) {
	p.n.inbox.post(func() {
		p.n.log.Debug().Uint64("link", uint64(id)).AnErr("why", why).Msg("link down")
		p.n.faults.linkEnded(id)
		p.n.replica.LinkDown(id)
	})
}

// DialFailed implements peer.Handler.
func (p peerInbox) DialFailed(id zxid.ServerID, refused bool) {
	p.n.inbox.post(func() { p.n.replica.DialFailed(id, refused) })
}

// Messages implements peer.Handler.
func (p peerInbox) Messages(id zab.LinkID, m []*zab.Message) {
	p.n.inbox.add(input{link: id, msgs: slices.Clone(m)}) // the slice is the transport's
	p.n.takeTurn()
}

// SnapshotBegin implements peer.Handler.
func (p peerInbox) SnapshotBegin(id zab.LinkID, z zxid.Zxid, size int64) (peer.SnapshotSink, error) {
	r, err := p.n.disk.Receive(z, size)
	if err != nil {
		return nil, fmt.Errorf("node: receive snapshot %s: %w", z, err)
	}
	return &snapshotSink{n: p.n, id: id, r: r}, nil
}
