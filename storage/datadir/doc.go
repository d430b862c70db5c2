// Package datadir owns a server's data directory as a whole: its lock, its
// identity and the few numbers that must never be forgotten.
//
//	lock      held while the process lives
//	identity  who this directory belongs to; written once, once more to bind the cluster
//	meta      promises and marks, in two slots
//	log/      the write-ahead log
//	snap/     snapshots
//
// The identity is written last when a directory is made, so a directory without
// one holds nothing that anyone heard of, or it lost its identity (amnesia),
// which is refused (N1, N4). A promise is durable only when both slots of meta
// were written and synced in turn: then one rotten slot forgets nothing.
//
// A Dir is used by one goroutine.
package datadir
