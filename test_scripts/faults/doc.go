// Package faults runs real zabkeeper processes on loopback and hurts them: kill
// -9 of one and of all, emptied and damaged data directories. Clients write
// meanwhile; afterwards everything that was answered must be there, in order, on
// every server, and the servers' own histories must agree.
//
// Processes are ended by their own pid. Every wait is for a condition, with a
// deadline that a slow machine can meet.
package faults
