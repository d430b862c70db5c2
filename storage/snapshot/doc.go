// Package snapshot keeps container files for snapshots; what is in them is up
// to the caller. A file "snapshot.<16 hex digits of its zxid>" is little-endian:
//
//	header   magic, version, length; cluster id, zxid, chain, spans, meta; crc32c
//	blocks   length u32 | crc32c u32 | that many bytes of one S2 stream
//	trailer  0 u32 | blocks u32 | file length u64 | body length u64 | body crc32c u32 | crc32c u32
//
// A block's checksum covers its number and its compressed bytes, so damage is
// found before anything is decoded. Version 1 had a stream of zstd there; it is
// read.
//
// A file under its final name is durable and was read back once (W9): Commit
// and Install write a temporary file, sync it, verify it, rename it and sync
// the directory. Whatever fails before leaves the directory as it was, but for
// a temporary file that RemoveTemporary cleans up at the next start.
package snapshot
