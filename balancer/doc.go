// Package balancer is a TCP router for client connections in front of a cluster.
//
// It serves once the expected number of servers is up. A new client goes to the
// healthy server with the fewest connections through this router; a client that
// comes back with a session goes to the server its session was on, as long as
// that is healthy and not drained. From then on the router only moves bytes.
//
// Healthy is a server that says so: it answers the word srvr with its role, or
// isro with rw where srvr is not allowed. A bare TCP connect proves nothing: a
// server without a leader accepts connections too. A server that answers the word
// conf with another number than it has in the table is refused, since sessions
// would be routed to a stranger; where conf is not allowed the table is trusted.
//
// When a server ends, or stops answering probes, the connections to it are
// closed at once. The clients come back, through the router, to another server,
// with their sessions. Draining does the same gently: no new clients, and each
// connection is closed in a quiet moment.
//
// Goroutines: one accepts, two relay each connection, one probes each server;
// Balancer.mu guards everything they share. Connections are bounded by
// Options.ClientsMax, sessions remembered by sessionsMax.
package balancer
