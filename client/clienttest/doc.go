// Package clienttest is a ZooKeeper server in memory, for tests of programs
// that use package client. It keeps one tree, grants every session, answers in
// order, fires watches, and loses connections, answers and sessions on demand.
// It has none of zabkeeper's extensions, like a ZooKeeper. The question for them
// is answered without asking the function of Decide.
// It checks no ACLs, and a session expires only when a test says so.
//
// Server.Dial is an Options.Dialer over in-memory pipes, so that a whole test
// can run in a testing/synctest bubble; Server.Listen is for real sockets.
package clienttest
