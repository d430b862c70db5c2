// Package history puts load on real servers, records what every client saw, and
// checks the record against what ZooKeeper promises.
//
// Start starts clients that create, set, delete, compare-and-set, transfer,
// queue, lock, watch and lose their sessions, through three client libraries:
// the package's own connections, which see the zxid of every answer, this
// project's client, and a foreign one. An operation is recorded with the times
// of one monotonic clock between which it took effect; one whose answer was lost
// may have taken effect at any time since, or never. Stop ends the clients within
// bounded time.
//
// Check finds the first of these broken: linearizability of writes and synced
// reads, by model and partition (model_*.go); the order of zxids against real
// time; what a session may see (check_sight.go); locks with fencing tokens;
// sessions and their ephemeral nodes; watches; and the state that every server
// shows in the end. CheckAgainst compares with a server's own history.
//
// Partitions are left for fresh ones after some hundred operations, so that each
// stays small enough to be checked.
package history
