// Package node is the server process: it joins the pure replica to disk,
// sockets and clocks.
//
// # Who owns what
//
//	goroutine           owns
//	loop                the replica, and all decisions; applies to the tree (see turn)
//	log writer          the write-ahead log, promises, truncation, installs
//	snapshot writer     at most one snapshot being written
//	log readers         one per follower that reads old records, short-lived
//	accept              the listener
//	one per client      reading, decoding, local reads of one connection
//	flusher             writing what the loop answered, for many connections
//	drainer             writing to one client that does not keep up, short-lived
//	peer transport      sockets to other servers; calls back into the inbox
//
// The loop takes everything that waits in its inbox, steps the replica, and
// carries out what comes of it: one write and one sync for all records, one
// frame per peer, one flush per connection. With little under way a round of the
// loop runs on the goroutine that brought its cause, and sends what comes of it
// itself; that spares the wake-ups of others on the way of a write.
//
// # Locks, in the order in which they may be taken
//
//  0. turn: who is the loop.
//  1. clientTable.mu: who is connected; or Node.tree (read or write): the
//     replicated state. Never both.
//  2. clientConn.mu: a connection's queue and output.
//  3. Node.watchLock: the watch registry, where the tree is only read-locked.
//
// The inbox, counters, the local sessions, the bucket of connections and the
// flusher's queue have locks of their own under which nothing else is taken. No
// lock but the turn is held while a disk or socket is used, and the turn only for
// what a socket takes without waiting.
package node
