// Package zxid names the things that are ordered and compared everywhere:
// transaction ids, epochs and server numbers.
//
// A Zxid is an epoch in the high 32 bits and a counter in the low 32. Epochs
// are limited to 31 bits, so that a Zxid stays positive as an int64, which is
// how clients read it. (e, 0) is always the epoch record of epoch e; the
// transactions of that epoch are (e, 1), (e, 2) and so on. Comparing two Zxids
// as integers compares epochs first. That order says which of two records is
// newer; it does not say that a log which holds the newer one holds the older.
package zxid

import "fmt"

// ServerID is a server number from the node table; 0 means no server.
type ServerID uint32

// Epoch numbers the reign of one established leader; 0 means none yet.
type Epoch uint32

// EpochMax is the highest epoch that keeps a Zxid positive as an int64.
const EpochMax Epoch = 1<<31 - 1

// CounterMax is never assigned to a record (rule V3): a leader renews its
// epoch long before it gets there.
const CounterMax uint32 = 1<<32 - 1

// Zxid identifies one record of the replicated log. The zero value precedes
// every record.
type Zxid uint64

// New returns the Zxid with the given epoch and counter.
func New(e Epoch, counter uint32) Zxid { return Zxid(e)<<32 | Zxid(counter) }

// Epoch returns the epoch in which the record was proposed.
func (z Zxid) Epoch() Epoch { return Epoch(z >> 32) }

// Counter returns the record's position in its epoch.
func (z Zxid) Counter() uint32 { return uint32(z) }

// String writes z as ZooKeeper does: 0x and hexadecimal without padding.
func (z Zxid) String() string { return fmt.Sprintf("0x%x", uint64(z)) }

// Follows reports whether z may stand directly behind prev in a log: the next
// counter of the same epoch, or the epoch record of a later epoch.
func (z Zxid) Follows(prev Zxid) bool {
	if z.Epoch() == prev.Epoch() {
		return prev != 0 && z == prev+1
	}
	return z.Epoch() > prev.Epoch() && z.Counter() == 0
}
