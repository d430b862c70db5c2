// Package tree is the replicated state of one server: znodes, sessions, ACLs and
// quotas, changed only by transactions and read by clients in between.
//
// Contract.
//
//   - Apply is deterministic: the same transactions in the same order give the
//     same state, the same results and the same Digest on every server. Nothing
//     local takes part; clock, identities and settings travel in the transaction.
//   - Apply never fails to apply: it answers with a result or an error code, and
//     an error changes nothing but LastApplied. It is safe for any bytes.
//   - CheckForm judges what can be judged without state, so that a server answers
//     it before proposing.
//   - Locking is the caller's. Apply, BeginImage and Image.Close need the tree
//     for themselves. Read, WatchRequest and Image.Next may run at the same time
//     as other reads, never at the same time as Apply; WatchRequest and the
//     methods of WatchRegistry exclude each other besides.
//   - An Image is the exact state at one zxid, written while transactions go on:
//     Apply hands the old form of a node to the image before it changes it.
//
// The package is pure: no clock, no goroutine, no lock, no I/O.
package tree
