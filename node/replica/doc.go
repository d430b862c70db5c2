// Package replica is one whole server without I/O: election, broadcast, the
// replicated state and session expiry, wired together. The node package runs it
// on real disks and sockets, the simulator on simulated ones; both run this
// code and no copy of it.
//
// A caller owns one Replica and calls one method at a time: Tick with the two
// clocks, inputs from server_port (ElectionMessage, PeerRefused), from
// leader_port (LinkUp, LinkDown, DialFailed, Message), from the disk
// (Persisted, LogRead, SnapshotSent, SnapshotReceived), and from local clients
// (Submit, Sync, Touch). After any number of inputs it takes Ready and carries
// it out, and if Ready says that there is something to apply it calls Apply
// with the tree locked against readers.
//
// The same inputs give the same outputs. Nothing here reads a clock, draws from
// a global generator, starts a goroutine or touches a file.
package replica
