// Package peer carries messages between servers: election messages to
// server_port, and on leader_port everything of replication including
// snapshots.
//
// # Connections
//
// Server i dials j's server_port and only sends there; what j has to say comes
// on j's own connection. A follower dials its leader's leader_port, and both
// talk on that link. Every connection begins with a hello in both directions
// (rule N2): wrong magic, version, port, cluster or server number is refused.
// The dialler hears why, and both report the hello to their Handler.
//
// # Wire
//
// A frame is u32 length | u32 CRC-32C | payload, big-endian. A payload is one or
// more msgpack arrays back to back. A frame that is too long, has another
// checksum or does not decode ends its connection; nothing is skipped.
//
//	hello        [magic, version, cluster, server, incarnation, boot, table hash, table text, port, refusal]
//	election     [type, server number, epoch, counter, round, role, leader, leader's epoch, flags, [heard...]]
//	replication  [type, bytes or nil, epoch, counter, originator, leader's epoch, ...]
//
// In replication, bytes are a proposal's records, an ack_epoch's configuration,
// or the payload of the layer above; epoch and counter are the message's zxid;
// the originator is the sender. What follows, by type:
//
//	follower_info         accepted, blank, table, config zxid
//	ack_epoch             vote, base, config zxid, [epoch, last, ...]
//	nack_epoch            accepted
//	history_pull          base, [epoch, last, ...]
//	transaction_proposal  prev, commit (epoch and counter are the first record's)
//	ping                  seq, time, commit
//	pong                  seq, time
//	read_index(_ok)       seq
//	pass_through          seq (epoch is the leader's, counter 0)
//	snapshot begin 48     size          chunk 49  offset
//	snapshot end 50       crc32c        acknowledge 51  bytes written, finished
//
// Elements behind the known ones are skipped, messages of unknown types are
// dropped and counted.
//
// # Order
//
// Messages of one link arrive in the order in which they were sent, except that
// pings and pongs overtake everything (rule T2). A snapshot keeps its place: what
// was sent behind it is delivered after its sink has finished. Nothing survives
// the end of a link. Election messages of one sender arrive in order or not at
// all; nothing that waited for a peer that was away is delivered late.
//
// # Bounds
//
// No call of a Transport blocks. A link whose queue exceeds 64 MiB is closed,
// an election queue drops its oldest heartbeat, a snapshot is at most 2 MiB
// ahead of the receiver's disk. Dials to different peers never wait for each
// other (F28) and resolve names every time (F29).
package peer
