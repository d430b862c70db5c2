package replica

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/zabkeeper/zabkeeper/election"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Message kinds that a follower's replica sends to its leader's, through the
// broadcast's links.
const (
	// TransactionRequest carries clients' transactions, each with a u32 length.
	TransactionRequest zab.Kind = zab.PassThrough
	// SessionTouch carries the sessions heard from lately, u64 each.
	SessionTouch zab.Kind = zab.PassThrough + 1
	// ElectionCall asks the leader to let an election decide anew.
	ElectionCall zab.Kind = zab.PassThrough + 2
)

// Options are fixed for the life of a Replica.
type Options struct {
	Zab            zab.Options
	ElectionTiming election.Timing
	Settings       tree.Settings
	// ExpiryGranule is how finely session deadlines are kept.
	ExpiryGranule zab.Millis
	// PauseMax is the gap between two ticks above which this server counts as
	// having slept (T_gap).
	PauseMax zab.Millis
	Reaping  Reaping
	Reconfig Reconfig
	Random   *rand.Rand
}

// Outbound is an election message to a peer.
type Outbound = election.Outbound

// Ready is what the caller carries out after a batch of inputs.
type Ready struct {
	zab.Ready
	Election []Outbound
	// Apply asks for a call of Replica.Apply.
	Apply bool
	// Advice is what the election decided, for the log.
	Advice []election.Suggestion
}

// Sink receives what applying brings about for this server's own clients.
type Sink interface {
	tree.EventSink
	// Reply hands over the result of the local client's request with this
	// number. The transaction and result are valid during the call.
	Reply(request uint64, z zxid.Zxid, txn *tree.Transaction, res *tree.Result)
	// SessionClosed reports that a session is gone, whoever ended it.
	SessionClosed(session uint64)
	// SessionMoved reports that a session was created or attached; owner is its
	// server now and request that server's number for the transaction.
	SessionMoved(session uint64, owner zxid.ServerID, request uint64)
}

// Replica is one server without I/O. It is not safe for concurrent use.
type Replica struct {
	opt    Options
	core   *zab.Core
	oracle *election.Core
	state  *State

	now  zab.Millis
	wall int64 // stamped last; never goes back while this server leads

	local   election.Local
	deliver []record.Record
	grants  []zab.Grant // read grants that wait to be applied up to
	expiry  *expiry     // nil unless serving as leader
	reaper  reaper
	out     Ready
	forward []byte   // clients' transactions on their way to the leader
	order   ordering // as leader
	stale   bool     // what local says of the membership has to be asked for again
	offered bool     // the core has something to say after a handover
	guests  []zxid.ServerID
	noRoom  bool // the disk has no room for another segment of the log
}

// New returns the Replica of a server that has recovered state and rec.
func New(o Options, rec zab.Recovered, state *State) *Replica {
	o.Zab.Random = o.Random
	r := &Replica{opt: o, state: state,
		core:   zab.New(o.Zab, rec),
		oracle: election.New(election.Options{Self: o.Zab.Self, Timing: o.ElectionTiming, Random: o.Random})}
	r.stale = true
	return r
}

// Core gives read access to the broadcast's status.
func (r *Replica) Core() *zab.Core { return r.core }

// State gives access to the replicated state, under the caller's lock.
func (r *Replica) State() *State { return r.state }

// Tick moves time forward. now is monotonic; wallMs is the wall clock in
// milliseconds since the Unix epoch, used for nothing but timestamps (T7).
func (r *Replica) Tick(now zab.Millis, wallMs int64) {
	gap := now - r.now
	paused := r.now > 0 && gap > r.opt.PauseMax
	r.now = now
	r.wall = max(r.wall, wallMs)
	// The broadcast judges first: a leader that slept too long must not
	// expire anybody, and a gap is nobody's silence.
	r.core.Tick(now)
	r.order.tick(r.core)
	r.oracle.Tick(election.Millis(now))
	if r.expiry != nil {
		if paused {
			r.expiry.shift(gap)
		}
		r.expire()
	}
	r.reap()
}

// ElectionMessage handles a message from server_port.
func (r *Replica) ElectionMessage(m *election.Message) { r.oracle.Step(m) }

// PeerRefused reports that id's host answered and its process did not.
func (r *Replica) PeerRefused(id zxid.ServerID) { r.oracle.Refused(id) }

// LinkUp reports a connection to leader_port, accepted or dialled.
func (r *Replica) LinkUp(id zab.LinkID, peer zxid.ServerID, inc zab.Incarnation) {
	r.core.LinkUp(id, peer, inc)
}

// LinkDown reports that a replication link has ended.
func (r *Replica) LinkDown(id zab.LinkID) { r.core.LinkDown(id) }

// DialFailed reports that a leader's port could not be reached.
func (r *Replica) DialFailed(id zxid.ServerID, refused bool) { r.core.DialFailed(id, refused) }

// Persisted reports disk work that is done; see zab.Core.
func (r *Replica) Persisted(seq, chain uint64) { r.core.Persisted(seq, chain) }

// LogRead answers Ready.ReadLog.
func (r *Replica) LogRead(id zab.LinkID, after zxid.Zxid, raw []byte) { r.core.LogRead(id, after, raw) }

// SnapshotSent reports that the snapshot of z is on its way.
func (r *Replica) SnapshotSent(id zab.LinkID, z zxid.Zxid) { r.core.SnapshotSent(id, z) }

// SnapshotReceived reports a complete, verified snapshot from the leader. It is
// false where the snapshot is not wanted any more, and nobody will ask for it.
func (r *Replica) SnapshotReceived(id zab.LinkID, s zab.Snapshot) bool {
	return r.core.SnapshotReceived(id, s)
}

// Rebased reports that the log now begins behind z.
func (r *Replica) Rebased(z zxid.Zxid) { r.core.Rebased(z) }

// Install replaces the replicated state by that of an installed snapshot. The
// caller holds the tree's lock, and has stepped in Persisted for the install.
func (r *Replica) Install(s *State) {
	kept := r.deliver[:0]
	for _, rec := range r.deliver {
		if rec.Zxid > s.Zxid {
			kept = append(kept, rec)
		}
	}
	r.deliver = kept
	r.state = s
}

// Leave makes the server give up its role and look for a leader again.
func (r *Replica) Leave(reason string) { r.core.Leave(reason) }

// Message handles a message from leader_port.
func (r *Replica) Message(id zab.LinkID, m *zab.Message) {
	switch m.Kind {
	case TransactionRequest:
		if r.core.IsFollower(id) {
			r.proposeAll(m.Payload)
		}
	case SessionTouch:
		if r.core.IsFollower(id) {
			r.touch(m.Payload)
		}
	case ElectionCall:
		if r.core.IsFollower(id) {
			r.core.Leave("an election was called")
		}
	default:
		r.core.Step(id, m)
	}
}

// Submit orders a local client's transaction, or passes it to the leader.
func (r *Replica) Submit(txn []byte) {
	if r.core.Role() == zab.Leading {
		r.propose(txn)
		return
	}
	if len(r.forward)+len(txn) > forwardBytesMax {
		r.sendForward()
	}
	r.forward = appendFramed(r.forward, txn)
}

// forwardBytesMax bounds one message of forwarded transactions, unless a single
// one is longer.
const forwardBytesMax = 1 << 20

func (r *Replica) sendForward() {
	if len(r.forward) > 0 {
		r.core.SendToLeader(zab.Message{Kind: TransactionRequest, Payload: r.forward})
		// The message keeps the bytes; the next one is likely to need as many.
		r.forward = make([]byte, 0, min(len(r.forward)+len(r.forward)/4, forwardBytesMax))
	}
}

// Sync asks for a read grant; it comes back in Ready.Grants once this server
// has applied what the grant covers.
func (r *Replica) Sync(id uint64) { r.core.ReadIndex(id) }

// Touch reports the local sessions that were heard from since the last call.
func (r *Replica) Touch(sessions []uint64) {
	if r.expiry != nil {
		for _, s := range sessions {
			r.expiry.touch(s, r.now)
		}
		return
	}
	var payload []byte
	for _, s := range sessions {
		payload = binary.LittleEndian.AppendUint64(payload, s)
	}
	r.core.SendToLeader(zab.Message{Kind: SessionTouch, Payload: payload})
}

func (r *Replica) touch(b []byte) {
	if r.expiry == nil {
		return
	}
	for ; len(b) >= 8; b = b[8:] {
		r.expiry.touch(binary.LittleEndian.Uint64(b), r.now)
	}
}

// expireMax bounds the sessions that one tick ends; the rest follow with the
// next ticks.
const expireMax = 1000

func (r *Replica) expire() {
	if !r.core.CanPropose() {
		return
	}
	for _, s := range r.expiry.due(r.now, expireMax) {
		r.expiry.remove(s)
		r.propose(tree.AppendTransaction(nil, &tree.Transaction{Op: tree.OpCloseSession, Session: s, Origin: 0}))
	}
}

// Ready returns what has come up since the last call.
func (r *Replica) Ready() Ready {
	r.sendForward()
	r.orderWaiting()
	r.consult()
	r.noteBatch()
	out := r.out
	r.out = Ready{}
	out.Grants = r.ripeGrants()
	out.Apply = len(r.deliver) > 0
	return out
}

// consult lets broadcast and election hear of each other until neither has
// anything to add.
func (r *Replica) consult() {
	for {
		zr := r.core.Ready()
		r.merge(zr)
		r.heed(zr.Events)
		r.refreshLocal()
		r.oracle.SetLocal(r.local)
		er := r.oracle.Ready()
		r.out.Election = append(r.out.Election, er.Send...)
		if er.Suggestion == nil {
			if r.offered {
				r.offered = false
				continue
			}
			return
		}
		r.out.Advice = append(r.out.Advice, *er.Suggestion)
		if er.Suggestion.Lead {
			r.core.Lead()
		} else {
			r.core.Leave(er.Suggestion.Reason) // where this server tries to lead
			r.core.Follow(er.Suggestion.Follow)
		}
	}
}

func (r *Replica) merge(z zab.Ready) {
	o := &r.out.Ready
	o.Persist = append(o.Persist, z.Persist...)
	o.Send = append(o.Send, z.Send...)
	o.Close = append(o.Close, z.Close...)
	o.ReadLog = append(o.ReadLog, z.ReadLog...)
	o.SendSnapshot = append(o.SendSnapshot, z.SendSnapshot...)
	o.Events = append(o.Events, z.Events...)
	if z.Dial != 0 {
		o.Dial = z.Dial
	}
	r.deliver = append(r.deliver, z.Deliver...)
	r.grants = append(r.grants, z.Grants...)
}

// heed passes on what the broadcast's events mean for the election and for
// sessions.
func (r *Replica) heed(events []zab.Event) {
	for _, e := range events {
		switch e.Kind {
		case zab.LeaderFailed:
			r.oracle.LeaderFailed()
		case zab.Established:
			r.oracle.LeaderEstablished()
			r.stale = true
		case zab.FollowFailed:
			r.oracle.FollowFailed(e.Server)
		case zab.BecameLooking:
			r.expiry, r.forward, r.grants = nil, nil, nil
			r.order = ordering{}
			r.stale = true
		case zab.SyncStarted, zab.BecameFollowing, zab.BecameLeading, zab.EpochChosen, zab.HistoryAdopted,
			zab.LinkRefused, zab.RenewalStarted, zab.TableDiffers, zab.Halted:
		case zab.MembersProposed, zab.MembersChanged:
			r.stale = true
		case zab.LeadershipOffered:
			r.takeOver(e.Server)
		case zab.ServingStarted:
			if e.Server != 0 {
				r.oracle.Followed(e.Server)
			}
		}
	}
}

// startExpiry gives every session its full timeout anew (A18). It runs once the
// epoch record is applied, so the table is complete.
func (r *Replica) startExpiry() {
	r.expiry = newExpiry(r.opt.ExpiryGranule, r.now)
	r.reaper = reaper{next: r.now + r.opt.Reaping.Interval} // clients that lost the old leader come back first
	r.state.Tree.ForEachSession(func(s tree.Session) bool {
		r.expiry.add(s.ID, zab.Millis(s.TimeoutMs), r.now)
		return true
	})
}

func (r *Replica) refreshLocal() {
	l := &r.local
	l.Role = electionRole(r.core)
	l.Last = r.core.Durable()
	l.Leader, l.LeaderEpoch = r.core.Leader()
	l.Established = r.core.Established()
	l.Live = r.core.Role() != zab.Looking
	l.Blank = r.core.Blank()
	l.Eligible = r.core.Eligible() && !r.noRoom
	if r.stale {
		r.stale = false
		l.Quorums, l.Peers = r.core.Quorums(nil), r.peers()
	}
}

func electionRole(c *zab.Core) election.Role {
	switch c.Role() {
	case zab.Looking:
		return election.Looking
	case zab.Leading:
		return election.Leading
	case zab.Following:
		if !c.Voter() {
			return election.Observing
		}
		return election.Following
	}
	return election.Looking
}

// ripeGrants returns the grants that this server has applied far enough for.
func (r *Replica) ripeGrants() []zab.Grant {
	if len(r.deliver) > 0 {
		return nil // Apply comes first; the next Ready has them
	}
	var out []zab.Grant
	r.grants = slices.DeleteFunc(r.grants, func(g zab.Grant) bool {
		if g.Zxid > r.state.Zxid {
			return false
		}
		out = append(out, g)
		return true
	})
	return out
}

// Apply applies what is committed. The caller holds the tree's lock.
func (r *Replica) Apply(sink Sink) {
	for i, rec := range r.deliver {
		if i%tree.ForesightMost == 0 {
			r.state.foresee(r.deliver[i:])
		}
		txn, res := r.state.Apply(rec, sink)
		if txn == nil {
			continue
		}
		// The reply comes first: it may be the last thing that a client hears
		// before its session's end closes its connection.
		if txn.Origin == r.opt.Zab.Self {
			sink.Reply(txn.Request, rec.Zxid, txn, res)
		}
		r.follow(txn, res, sink)
	}
	clear(r.deliver)
	r.deliver = r.deliver[:0]
	if r.expiry == nil && r.core.Role() == zab.Leading && r.core.Serving() {
		r.startExpiry()
	}
}

// follow keeps deadlines and connections in step with the session table.
func (r *Replica) follow(txn *tree.Transaction, res *tree.Result, sink Sink) {
	if res.Failed() {
		return
	}
	switch txn.Op {
	case tree.OpCreateSession, tree.OpAttachSession:
		if r.expiry != nil {
			r.expiry.add(res.Session.ID, zab.Millis(res.Session.TimeoutMs), r.now)
		}
		sink.SessionMoved(res.Session.ID, txn.Origin, txn.Request)
	case tree.OpCloseSession:
		if r.expiry != nil {
			r.expiry.remove(res.Session.ID)
		}
		sink.SessionClosed(res.Session.ID)
	default:
	}
}
