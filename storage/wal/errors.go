package wal

import (
	"errors"
	"fmt"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

var (
	// ErrCorrupt: a place that was durable once no longer reads. The error is
	// a *CorruptError.
	ErrCorrupt = errors.New("wal: corrupt")
	// ErrMissing: there is no log although there must be one.
	ErrMissing = errors.New("wal: no log")
	// ErrForeign: the log belongs to another cluster.
	ErrForeign = errors.New("wal: log of another cluster")
	// ErrFailed: an earlier write or sync failed; the process must end (W14).
	ErrFailed = errors.New("wal: failed earlier")
	// ErrGap: the record does not follow the last one.
	ErrGap = errors.New("wal: gap")
	// ErrChain: the record follows another history.
	ErrChain = errors.New("wal: chain mismatch")
	// ErrTrimmed: the position lies before the log's base.
	ErrTrimmed = errors.New("wal: trimmed")
	// ErrUnknown: the position is not in the log.
	ErrUnknown = errors.New("wal: unknown position")
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("wal: closed")
)

// CorruptError says which place of the log is damaged.
type CorruptError struct {
	File   string
	Offset int64
	After  zxid.Zxid // the last good record before the damage
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%v: %s at byte %d, after record %v: %s; keep the file for analysis, "+
		"restore this server from a leader's snapshot, do not delete records by hand",
		ErrCorrupt, e.File, e.Offset, e.After, e.Reason)
}

// Unwrap makes errors.Is(err, ErrCorrupt) true.
func (e *CorruptError) Unwrap() error { return ErrCorrupt }

func assert(cond bool, format string, args ...any) {
	if !cond {
		panic(fmt.Sprintf("wal: "+format, args...))
	}
}
