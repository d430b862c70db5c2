package node

import (
	"github.com/zabkeeper/zabkeeper/node/disk"
	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/zab"
)

// pauseMaxMs is the gap between two turns of the loop above which this server
// counts as having slept (T5).
const pauseMaxMs = 250

// foundAlone gives the servers of a cluster, which dial at least twice a second,
// the time to say that a server with an empty directory belongs to them.
const foundAlone = 1000

// recover opens the data directory and builds the replica from it.
func (n *Node) recover() error {
	d, state, rec, found, err := disk.Open(disk.Options{FS: n.opt.FS, Dir: n.opt.DataDir, Server: n.opt.ID, Incarnation: newIncarnation(),
		SegmentBytes: n.opt.SegmentBytes, SnapshotsKept: n.opt.SnapshotsKept})
	if err != nil {
		return err
	}
	n.disk = d
	if found.Damaged != nil {
		n.log.Error().Err(found.Damaged).Str("instead", found.Instead).Msg("a snapshot is damaged; an older one and the log are used")
	}
	if t := found.Torn; t != nil {
		n.log.Warn().Str("file", t.File).Int64("offset", t.Offset).Stringer("after", t.After).Str("why", t.Reason).
			Bool("doubtful", t.Doubtful).Msg("the end of the log was torn by a crash and is cut off")
	}
	n.log.Info().Stringer("applied", state.Zxid).Stringer("last", rec.Last).Int("replayed", found.Replayed).Int("undecided", found.Undecided).
		Int("znodes", state.Tree.NodeCount()).Uint64("boot", found.Boot).Msg("recovered")
	state.Watches = tree.NewWatchRegistry()
	n.replica = replica.New(n.replicaOptions(), rec, state)
	n.appliedZxid.Store(uint64(state.Zxid))
	cfg := n.replica.Core().Configuration()
	n.loop.member = cfg != nil && cfg.Member(n.opt.ID) != nil
	n.loop.removed = cfg != nil && !n.loop.member && n.opt.Joining.ID == 0
	n.noteRole(n.replica.Core())
	return nil
}

func (n *Node) replicaOptions() replica.Options {
	o := replica.Options{ElectionTiming: n.opt.ElectionTiming, Settings: n.opt.Settings, Random: n.random,
		ExpiryGranule: zab.Millis(max(10, min(n.opt.TickMs/4, 500))), PauseMax: pauseMaxMs, Reaping: n.opt.Reaping,
		Zab: zab.Options{Self: n.opt.ID, Incarnation: zab.Incarnation(n.disk.Identity().Incarnation), TableHash: n.opt.TableHash,
			Timing: n.opt.Timing, HistoryBytes: zab.DefaultHistoryBytes, WindowBytes: zab.DefaultWindowBytes,
			WindowRecords: zab.DefaultWindowRecords, CounterLimit: n.opt.CounterLimit}}
	o.Reconfig = n.opt.Reconfig
	o.Reconfig.Standalone = n.opt.alone()
	if !n.opt.alone() {
		o.Zab.FoundAlone = foundAlone
	}
	for _, m := range n.opt.Members {
		o.Zab.Table = append(o.Zab.Table, zab.Member{ID: m.ID, Voter: m.Voter, Address: m.Row})
	}
	return o
}
