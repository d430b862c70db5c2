// Package wal is the write-ahead log: records in the order of history, in
// segment files.
//
// A segment "log.<16 hex digits>" is named by its base, the zxid before its
// first record, so it can be prepared before that record exists. It begins with
// one sector of header, and frames follow. A frame is a header and whole
// records:
//
//	magic u32 | crc32c u32 | generation u64 | durable u64 | length u32 | count u32 | committed u64 | records
//
// The CRC covers the header behind itself and, not stored, the offset of the
// frame, so a misdirected write does not pass. The upper bit of length says that
// the records are compressed, as the records of one batch, which resemble each
// other, mostly are: an S2 block stands for them. It carries no checksum: the
// CRC and the chain of every record cover what it decompresses to, and count
// says how many there must be, so a block that rotted is an invalid frame like
// any other. A frame holds 64 KiB of records before compression, or a single
// longer one that is never compressed, which bounds what a reader decompresses
// at a time. Segments of version 1 have no compressed frames and get none; they
// are read and written on.
//
// durable is the offset up to which the segment was known to be durable when the
// frame was written, and committed a record known to be committed by then, so
// that a restart need not wait for a leader to apply what was decided long ago.
// A frame without records (a seal) is written when the log is idle and says just
// that. The generation is new for every segment ever made, so what a recycled
// file still holds of its earlier life is never taken for content.
//
// # What is durable when
//
// Append writes, Sync makes durable. A segment is only left behind after a
// Sync, and its successor's name is durable before the first record goes into
// it, so only the newest segment can have a tail in doubt. TruncateAfter,
// Rebase and TrimThrough are durable when they return; after a crash inside one
// of them, Open finds the state before or after it, or, for TruncateAfter and
// TrimThrough, one in between that is again a gapless log. After any failed
// write or sync every further change fails with ErrFailed (rule W14): the
// process has to end, and the next Open copies what was not known to be durable
// into a new file before it is used.
//
// # Recovery
//
// Open reads the whole log and takes the first invalid frame of the newest
// segment. If any later frame says that this place was durable once, it is
// corruption: Open fails and changes nothing. Otherwise it is the tail of a
// write that nobody heard of, and it is cut and reported. In an older segment,
// or after a clean shutdown, every invalid frame is corruption.
//
// # Concurrency
//
// One goroutine calls what changes the log: Append, Sync, Seal, Headroom,
// TruncateAfter, Rebase, TrimThrough, BindCluster, Close. Everything else may
// be called by any number of goroutines meanwhile.
package wal
