package zab

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// leadership is what a server knows while it leads.
type leadership struct {
	links    []*link // by server number; one per follower
	deadline Millis  // of establishment
	nextPing Millis
	pingSeq  uint64
	offers   uint64 // new_epoch messages sent, in all

	foundation  *Configuration // the cluster never ran: this epoch's record founds it
	promised    bool           // the leader's own promise is durable
	established bool
	answered    []zxid.ServerID // new_epoch of this epoch, at least once
	donor       LinkID          // Pull: where the history comes from; 0 when that link is gone
	donorLast   zxid.Zxid
	renewing    bool
	serving     bool // the epoch record is applied
	leaving     bool // the newest configuration does not count this leader (C8)
	reads       []pendingRead
	heard       map[Incarnation]Millis // when each data directory's server last answered, whatever became of the link
}

func (ld *leadership) link(id LinkID) *link {
	for _, l := range ld.links {
		if l.id == id {
			return l
		}
	}
	return nil
}

func (ld *leadership) peer(id zxid.ServerID) *link {
	for _, l := range ld.links {
		if l.peer == id {
			return l
		}
	}
	return nil
}

// dropLink forgets a follower's link. When a donor is gone, what came of its
// history stays, and the next tick judges again whose history is longest: the
// donor may come back on another link.
func (c *Core) dropLink(id LinkID) {
	c.lead.links = slices.DeleteFunc(c.lead.links, func(l *link) bool { return l.id == id })
	if c.phase == Pull && id == c.lead.donor {
		c.lead.donor, c.lead.donorLast = 0, c.last
	}
}

// acceptLink takes in a follower. A second link of one server replaces the
// first (D9), unless it comes from another data directory while the one that
// the configuration binds is at work: then somebody runs a server twice.
func (c *Core) acceptLink(l *link) {
	if old := c.lead.peer(l.peer); old != nil {
		if cfg := c.members.newest(); old.incarnation != l.incarnation && cfg != nil && cfg.binds(old.peer, old.incarnation) {
			c.event(Event{Kind: LinkRefused, Server: l.peer, Detail: "another data directory of this server number is connected"})
			c.closeLink(l.id)
			return
		}
		c.closeLink(old.id)
		c.dropLink(old.id)
	}
	i, _ := slices.BinarySearchFunc(c.lead.links, l.peer, func(l *link, id zxid.ServerID) int { return int(l.peer) - int(id) })
	c.lead.links = slices.Insert(c.lead.links, i, l)
	c.pingLink(l)
}

func (c *Core) stepLeader(l *link, m *Message) {
	switch m.Kind {
	case FollowerInfo:
		c.onFollowerInfo(l, m)
	case AckEpoch:
		c.onAckEpoch(l, m)
	case NackEpoch:
		l.accepted = max(l.accepted, m.Accepted)
		c.onStuckFollower(l)
	case Acknowledge:
		c.onAcknowledge(l, m.Zxid)
	case Pong:
		c.onPong(l, m)
	case ReadRequest:
		c.addRead(pendingRead{link: l.id, id: m.Seq})
	case Truncate, Proposal:
		if c.phase == Pull && l.id == c.lead.donor {
			c.adopt(l, m)
		}
	case Goodbye:
		c.closeLink(l.id)
		c.dropLink(l.id)
	case AskInfo, NewEpoch, HistoryPull, Commit, UpToDate, Ping, ReadGrant, HandOver, PassThrough:
	}
}

func (c *Core) onFollowerInfo(l *link, m *Message) {
	l.hasInfo, l.accepted, l.blank, l.table, l.last = true, m.Accepted, m.Blank, m.Table, m.Zxid
	l.answer, l.streaming = nil, false
	if c.epoch == 0 {
		c.maybeChooseEpoch()
		return
	}
	if c.lead.promised {
		c.offerEpoch(l)
	}
}

// isVoter reports whether id votes, whatever data directory it comes with.
func (c *Core) isVoter(id zxid.ServerID) bool {
	cfg := c.members.newest()
	if cfg == nil {
		cfg = &Configuration{Members: c.opt.Table}
	}
	return cfg.voter(id)
}

// counted reports whether l's server is a voter that the configuration binds.
func (l *link) counted(cfg *Configuration) bool { return cfg.binds(l.peer, l.incarnation) }

// countedSomewhere reports whether a configuration in force counts l's vote. In
// a cluster that is being founded everybody has the same, nothing.
func (c *Core) countedSomewhere(l *link) bool {
	force := c.members.inForce()
	for _, p := range force {
		if l.counted(p.c) {
			return true
		}
	}
	return len(force) == 0
}

// quorumOfLinks reports whether this server (where self holds) and the links
// for which has holds are a quorum of every configuration in force (D5). A
// cluster that never ran is founded by all voters of the table or not at all
// (N1), but an epoch of it needs only their majority once they have agreed.
func (c *Core) quorumOfLinks(self bool, has func(*link) bool) bool {
	force := c.members.inForce()
	if c.lead.foundation != nil {
		force = []placed{{c: c.lead.foundation}}
	}
	for _, p := range force {
		if !p.c.quorum(func(m *Member) bool {
			if m.ID == c.opt.Self {
				return self && c.bound(p.c)
			}
			l := c.lead.peer(m.ID)
			return l != nil && l.counted(p.c) && has(l)
		}) {
			return false
		}
	}
	return len(force) > 0
}

// maybeChooseEpoch is D3: an epoch above everything that a quorum accepted.
func (c *Core) maybeChooseEpoch() {
	if c.phase != Discovery || c.epoch != 0 {
		return
	}
	c.lead.foundation = nil
	if c.Blank() {
		if !c.mayFound() {
			return
		}
		c.lead.foundation = c.foundation()
	}
	if !c.quorumOfLinks(true, func(l *link) bool { return l.hasInfo }) {
		return
	}
	c.epoch = c.highestAccepted() + 1
	assert(c.epoch <= zxid.EpochMax, "zab: epochs are used up")
	c.accepted, c.promisedTo, c.lead.promised = c.epoch, c.opt.Self, false
	c.addPersist(PersistOp{Kind: PersistPromise, Epoch: c.epoch, To: c.opt.Self}, persistOp{epoch: c.epoch})
	c.lead.answered = nil
	c.progress()
	c.event(Event{Kind: EpochChosen, Epoch: c.epoch})
}

// learnerAheadMax is how far the epoch that a server without a vote accepted may
// be above the voters' and still steer the choice: a server that was removed
// while it tried to lead must be able to follow again, and nobody may burn
// epochs (V4).
const learnerAheadMax = 1 << 10

func (c *Core) highestAccepted() zxid.Epoch {
	e := max(c.accepted, c.last.Epoch())
	for _, l := range c.lead.links {
		if l.hasInfo && c.isVoter(l.peer) {
			e = max(e, l.accepted)
		}
	}
	voters := e
	for _, l := range c.lead.links {
		if l.accepted <= voters+learnerAheadMax { // remembered, where a renewal has only just asked
			e = max(e, l.accepted)
		}
	}
	return e
}

// mayFound is N1: every voter of the table is here, has nothing, and has the
// same table.
func (c *Core) mayFound() bool {
	for _, m := range c.opt.Table {
		if !m.Voter || m.ID == c.opt.Self {
			continue
		}
		l := c.lead.peer(m.ID)
		if l == nil || !l.hasInfo || !l.blank {
			return false
		}
		if l.table != c.opt.TableHash {
			c.event(Event{Kind: TableDiffers, Server: m.ID})
			return false
		}
	}
	return true
}

// promiseDurable continues once the leader's own promise is on disk. Only then
// may others hear of the epoch: a leader that forgot it would use it again.
func (c *Core) promiseDurable() {
	if c.lead.promised {
		return
	}
	c.lead.promised = true
	for _, l := range c.lead.links {
		if l.hasInfo {
			c.offerEpoch(l)
		}
	}
	c.evaluate()
}

// offerEpoch asks l's server for its promise and its history. Nothing is sent to
// it before the answer, so the answer tells what it has when its stream begins.
func (c *Core) offerEpoch(l *link) {
	c.lead.offers++
	l.asked, l.answer, l.streaming = c.lead.offers, nil, false
	c.send(l.id, Message{Kind: NewEpoch, Epoch: c.epoch, Seq: l.asked})
}

// onAckEpoch takes the answer to the last offer, once. An answer to an earlier
// one, or a second to this one, describes a log that has been written to since:
// to synchronize from it would truncate what is committed.
func (c *Core) onAckEpoch(l *link, m *Message) {
	if m.Epoch != c.epoch || c.epoch == 0 || l.asked == 0 || m.Seq != l.asked {
		return
	}
	l.asked = 0
	answer := *m
	l.answer = &answer
	l.last = m.Zxid
	// A follower that comes again and again is no progress.
	if !slices.Contains(c.lead.answered, l.peer) {
		c.lead.answered = append(c.lead.answered, l.peer)
		c.progress()
	}
	if c.lead.established && c.phase >= Synchronization {
		c.startSync(l)
		return
	}
	c.evaluate()
}

// evaluate looks at the answers to new_epoch and restarts discovery (D8),
// adopts a longer history (D7), or establishes (D5).
func (c *Core) evaluate() {
	if c.phase != Discovery || c.epoch == 0 || !c.lead.promised {
		return
	}
	if c.mustRestartDiscovery() {
		return
	}
	votes := func(l *link) bool { return l.answer != nil && l.answer.Vote }
	if !c.quorumOfLinks(true, votes) {
		return
	}
	var best *link
	for _, l := range c.lead.links {
		// A voter that the newest configuration removes counts as long as the one
		// before is in force: it may hold what was committed since.
		if !votes(l) || !c.countedSomewhere(l) {
			continue
		}
		if l.answer.Zxid > c.last && (best == nil || l.answer.Zxid > best.answer.Zxid) {
			best = l
		}
	}
	if best != nil {
		c.pullFrom(best)
		return
	}
	c.establish()
}

// mustRestartDiscovery is D8: an answer shows that the chosen epoch was used
// already, or that the membership is not what this leader thought.
func (c *Core) mustRestartDiscovery() bool {
	restart := false
	for _, l := range c.lead.links {
		a := l.answer
		if a == nil {
			continue
		}
		if c.learnFrom(a) {
			restart = true
		}
		if a.Zxid.Epoch() >= c.epoch {
			l.accepted = max(l.accepted, a.Zxid.Epoch())
			restart = true
		}
	}
	if !restart {
		return false
	}
	for _, l := range c.lead.links {
		l.answer = nil
		if l.hasInfo {
			l.accepted = max(l.accepted, c.epoch)
		}
	}
	c.epoch, c.lead.promised = 0, false
	c.maybeChooseEpoch()
	return true
}

// pullFrom adopts the history of a promiser that has more than the leader (D7).
// The donor cannot change meanwhile: it promised this epoch.
func (c *Core) pullFrom(l *link) {
	c.enter(Pull)
	c.lead.donor, c.lead.donorLast = l.id, l.answer.Zxid
	c.event(Event{Kind: HistoryAdopted, Server: l.peer, Zxid: l.answer.Zxid})
	c.send(l.id, Message{Kind: HistoryPull, Epoch: c.epoch, Zxid: c.last, Spans: slices.Clone(c.spans), Base: c.base})
}

func (c *Core) adopt(l *link, m *Message) {
	c.progress()
	switch m.Kind {
	case Truncate:
		c.truncateTo(m.Zxid)
	case Proposal:
		if !c.appendProposal(m) {
			c.becomeLooking(fmt.Sprintf("history of server %d has a gap at %s", l.peer, m.Prev))
		}
	default:
	}
}

// pulled continues with discovery once the donor's history, or what came of it
// before its link ended, is durable here.
// D5 is judged again, because the history may carry a configuration (C7).
func (c *Core) pulled() {
	if c.last == c.lead.donorLast && c.durable == c.last {
		c.enter(Discovery)
		c.evaluate()
	}
}

// establish appends the epoch record and starts to bring followers in.
func (c *Core) establish() {
	if c.lead.foundation == nil && !c.boundSomewhere() {
		c.becomeLooking("the history that was adopted removes this server")
		return
	}
	var body []byte
	if c.lead.foundation != nil {
		body = AppendConfiguration(nil, c.lead.foundation)
	}
	c.enter(Synchronization)
	c.lead.established, c.lead.leaving = true, c.lead.foundation == nil && c.leaving()
	c.lead.foundation = nil
	for _, l := range c.lead.links {
		if l.answer != nil && l.answer.Vote {
			c.lead.heard[l.incarnation] = c.now // it has just promised
		}
	}
	c.propose(zxid.New(c.epoch, 0), record.Epoch, func(dst []byte) []byte { return append(dst, body...) })
	c.progress()
	n := 1
	for _, l := range c.lead.links {
		if l.answer != nil {
			n++
			c.startSync(l)
		}
	}
	c.event(Event{Kind: Established, Epoch: c.epoch, Zxid: c.last, Count: n})
}

// foundation is the configuration of a new cluster. Its id is derived from the
// data directories that found it, so no two clusters share one.
func (c *Core) foundation() *Configuration {
	cfg := &Configuration{Members: slices.Clone(c.opt.Table)}
	h := sha256.New()
	for i := range cfg.Members {
		m := &cfg.Members[i]
		if m.ID == c.opt.Self {
			m.Incarnation = c.opt.Incarnation
		} else if l := c.lead.peer(m.ID); l != nil {
			m.Incarnation = l.incarnation
		}
		h.Write(m.Incarnation[:])
	}
	copy(cfg.Cluster[:], h.Sum(nil))
	return cfg
}

// progress pushes the deadline of an establishment that moves (Y12).
func (c *Core) progress() {
	c.lead.deadline = max(c.lead.deadline, c.now+c.opt.Timing.Progress)
}

// onStuckFollower is D10: a server that promised a failed leader a higher epoch
// can never take part in this one. Renewing the epoch frees it.
func (c *Core) onStuckFollower(l *link) {
	if l.accepted < c.epoch || !c.isVoter(l.peer) && l.accepted > c.epoch+learnerAheadMax {
		return
	}
	if c.phase == Broadcast {
		c.renew()
		return
	}
	if c.phase == Discovery && c.epoch != 0 {
		c.epoch, c.lead.promised = 0, false
		for _, o := range c.lead.links {
			o.answer = nil
		}
		c.maybeChooseEpoch()
	}
}

// renew starts a new epoch without leaving (A17): for a counter near its end
// and for stuck followers. Requests wait meanwhile.
func (c *Core) renew() {
	if c.phase != Broadcast || c.lead.renewing || c.members.pending() {
		return
	}
	c.lead.renewing, c.lead.established = true, false
	c.enter(Discovery)
	c.epoch, c.lead.promised = 0, false
	c.lead.deadline = c.now + c.opt.Timing.Progress
	for _, l := range c.lead.links {
		l.hasInfo, l.answer, l.streaming, l.matched, l.upToDate = false, nil, false, 0, false
		c.send(l.id, Message{Kind: AskInfo})
	}
	c.event(Event{Kind: RenewalStarted, Zxid: c.last})
	c.maybeChooseEpoch()
}
