package node

import (
	"time"

	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// roleStatus is what the four-letter words tell of the server's part.
type roleStatus struct {
	mode   string // standalone, leader, follower, observer, looking, read-only
	phase  string
	leader zxid.ServerID
	epoch  zxid.Epoch
}

func (n *Node) noteRole(core *zab.Core) {
	s := roleStatus{mode: "looking", phase: core.Phase().String()}
	s.leader, s.epoch = core.Leader()
	switch core.Role() {
	case zab.Looking:
	case zab.Leading:
		s.mode = "leader"
		if n.opt.alone() {
			s.mode = "standalone"
		}
	case zab.Following:
		s.mode = "follower"
		if !core.Voter() {
			s.mode = "observer"
		}
	}
	if n.mode() == modeReadOnly {
		s.mode = "read-only"
	}
	if old := n.roleText.Load(); old != nil && old.mode == s.mode && old.phase == s.phase && old.leader == s.leader && old.epoch == s.epoch {
		return
	}
	n.roleText.Store(&s)
}

// report logs what the cores decided, one line per change in plain words.
func (n *Node) report(rd *replica.Ready) {
	for _, a := range rd.Advice {
		n.loop.why = a.Reason
		n.log.Info().Bool("lead", a.Lead).Uint32("follow", uint32(a.Follow)).Int("supporters", a.Supporters).
			Str("why", a.Reason).Msg("election decided")
	}
	for i := range rd.Events {
		n.reportEvent(&rd.Events[i])
	}
}

func (n *Node) reportEvent(e *zab.Event) {
	l := n.log.Info()
	if e.Server != 0 {
		l = l.Uint32("server", uint32(e.Server))
	}
	if e.Epoch != 0 {
		l = l.Uint32("epoch", uint32(e.Epoch))
	}
	if e.Zxid != 0 {
		l = l.Stringer("zxid", e.Zxid)
	}
	if e.Detail != "" {
		l = l.Str("why", e.Detail)
	}
	switch e.Kind {
	case zab.BecameLooking:
		n.loop.why = e.Detail
		n.counters.elections.Add(1)
		l.Msg("looking for a leader")
	case zab.BecameFollowing:
		l.Msg("following")
	case zab.BecameLeading:
		l.Msg("leading, not established yet")
	case zab.EpochChosen:
		l.Msg("epoch chosen above every accepted one of a quorum")
	case zab.HistoryAdopted:
		l.Msg("a follower has more history; adopting it")
	case zab.Established:
		l.Int("promised", e.Count).Msg("leadership established")
	case zab.ServingStarted:
		l.Msg("serving clients")
	case zab.LeaderFailed:
		l.Msg("leading failed; others go first for a while")
	case zab.FollowFailed:
		l.Msg("the leader's port does not answer")
	case zab.SyncStarted:
		if e.Detail == "SNAP" {
			n.counters.snaps.Add(1)
		} else {
			n.counters.diffs.Add(1)
		}
		l.Msg("bringing a follower up to date")
	case zab.LinkRefused:
		l.Msg("a follower was refused")
	case zab.MembersProposed:
		n.refreshPeers()
	case zab.LeadershipOffered:
		l.Msg("leadership is handed to a server without an election")
	case zab.MembersChanged:
		l.Int("members", len(n.replica.Core().Configuration().Members)).Msg("configuration committed")
		n.noteMembership()
		n.refreshPeers()
	case zab.RenewalStarted:
		l.Msg("renewing the epoch")
	case zab.TableDiffers:
		l.Msg("the node table of another server differs; the cluster is not founded before they agree")
	case zab.Halted:
		l.Msg("halted")
	}
}

// noRoomEvery is how often a full disk is mentioned.
const noRoomEvery = 10 * time.Second

// noRoom gives up leadership where the disk has no room for another segment
// (W15): somebody who can write should lead.
func (n *Node) noRoom(err error) {
	if at := monotonic(); n.loop.noRoomSaid == 0 || at-n.loop.noRoomSaid > noRoomEvery {
		n.loop.noRoomSaid = at
		n.log.Error().Err(err).Msg("no room for the next log segment; free space in the data directory")
	}
	if !n.opt.alone() {
		n.replica.SetRoom(false)
	}
}

// roomAgain lets the server lead again.
func (n *Node) roomAgain() {
	n.log.Info().Msg("there is room for the next log segment again")
	n.replica.SetRoom(true)
}
