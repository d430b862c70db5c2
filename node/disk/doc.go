// Package disk joins the replica to its data directory: it brings back what the
// directory holds, and carries out persist operations in order. It has no
// goroutines and no clock, so that the simulator runs it over a simulated disk
// as the node runs it over a real one.
//
// One goroutine, the writer, calls Execute, Idle and TrimIfAsked. Snapshots are
// written by another. Offer and AskTrim may be called by anybody.
//
// After an error from Execute the process has to end: nothing that was not
// reported may be acknowledged, and a failed sync is never tried again (W14).
package disk
