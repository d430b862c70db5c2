// Package wire is the byte form of ZooKeeper's client protocol: framing limits,
// jute primitives, operation and error codes, every record a client and a server
// exchange, path rules and four-letter words.
//
// Conventions.
//
//   - Encoders append: AppendX(dst, …) []byte or record.Append(dst) []byte. They
//     write the body of a record, never the frame length; BeginFrame and EndFrame
//     put that around one or many records.
//   - Decoders read in place through a Reader. Byte slices of a decoded record
//     alias the input; nil means null, an empty non-nil slice means empty. The
//     Reader's error is sticky, so a record is decoded whole and asked once.
//   - Vectors of strings and of ACL entries stay undecoded (Strings, ACLs): they
//     were checked to their last byte when the record was decoded, cost no
//     allocation, and are walked in place.
//   - Trailing bytes behind a record are ignored, missing ones are
//     ErrMarshalling, as ZooKeeper does.
//
// The package is pure: no I/O, no clock, no locks, standard library only.
package wire
