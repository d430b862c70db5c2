// Package zab is atomic broadcast after ZooKeeper's Zab: a leader that holds a
// quorum's durable promises for an epoch brings everybody to one history and
// then proposes transactions, which are committed once a quorum has them on
// disk.
//
// The package is pure: no clock, goroutine, lock, file or socket. One Core is
// one server. Its caller
//
//  1. calls exactly one method at a time: Tick with the time, Lead or Follow on
//     the election's advice, LinkUp, LinkDown and DialFailed for connections to
//     leader_port, Step for messages, Persisted when disk work is done, LogRead,
//     SnapshotSent and SnapshotReceived for bulk transfers, Propose and
//     ReadIndex for clients;
//  2. then takes Ready and carries it out: the Persist operations strictly in
//     order by one writer, everything else in any order and at once.
//
// There is no "send after sync" list: a message that needs something durable is
// produced only when Persisted has been stepped in (rule S3), so the caller
// cannot get it wrong. Persist operations and a leader's proposals are the only
// outputs that rest on state that is not durable yet.
//
// # Phases
//
// A server is Looking, Leading or Following (observers follow without a vote).
// A leader goes through Discovery (collect follower_info, choose an epoch above
// every accepted one, collect promises), sometimes Pull (adopt the history of a
// promiser that has more), Synchronization (append the epoch record, bring
// followers to its own history) and Broadcast (the epoch record is committed).
//
// # Deviations from the published protocol
//
//   - The current epoch is not a file of its own. Each server appends the epoch
//     record (e,0) behind the initial history of leader e, and acknowledging it
//     is acknowledging NEWLEADER (rule A3).
//   - Followers send their epoch vector, from which the leader computes the last
//     common record (Fact 3). Nothing is decided by comparing last zxids.
//   - One cursor per follower feeds history and live traffic alike (Y11), and
//     acknowledge and commit are cumulative (B3, B6).
//   - A leader may lack history that its promisers have; it adopts it (D7).
//   - sync is confirmed by a quorum (ReadIndex).
//
// # Invariants
//
//	Z1  applied <= committed <= last, and nothing is delivered that is not
//	    durable here.
//	Z2  a log grows by records that follow its last one (zxid.Follows).
//	Z3  the accepted epoch never falls, and the leader it was promised to never
//	    changes for one epoch.
//	Z4  a leader commits only up to records of its own epoch (B5).
//	Z5  only servers that the configuration binds to their data directory are
//	    counted (N3, N4).
package zab
