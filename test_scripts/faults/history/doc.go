// Package history puts load on real servers, records what every client saw, and
// checks the record: against models of what ZooKeeper promises, and against the
// state that every server shows in the end.
package history
