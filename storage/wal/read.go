package wal

import (
	"fmt"

	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// locate finds the segment that holds the record behind z and keeps it open
// until release. It returns nil when z is the last record.
func (l *Log) locate(z zxid.Zxid) (s *segment, from, end int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if base := l.segs[0].base; z < base {
		return nil, 0, 0, fmt.Errorf("%w: %v, the log begins behind %v", ErrTrimmed, z, base)
	}
	if !l.holds(z) {
		return nil, 0, 0, fmt.Errorf("%w: %v, the log ends with %v", ErrUnknown, z, l.last)
	}
	if z == l.last {
		return nil, 0, 0, nil
	}
	s = l.segs[l.segmentOf(z)]
	if s.dead {
		return nil, 0, 0, ErrClosed
	}
	s.readers++
	return s, s.seek(z), s.end, nil
}

// holds reports whether z is the base or a record of the log.
func (l *Log) holds(z zxid.Zxid) bool {
	base := l.segs[0].base
	if z <= base {
		return z == base
	}
	for _, span := range l.spans {
		if span.Epoch == z.Epoch() {
			return z.Counter() <= span.Last
		}
	}
	return false
}

// segmentOf returns the place in segs of the newest segment whose base is at
// most z.
func (l *Log) segmentOf(z zxid.Zxid) int {
	i := len(l.segs) - 1
	for i > 0 && l.segs[i].base > z {
		i--
	}
	return i
}

func (l *Log) release(s *segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.readers--
	if s.dead && s.readers == 0 {
		_ = s.f.Close() // nothing was written through it that still counts
	}
}

// Read appends to dst the encoded records behind after, as many as fit into
// maxBytes but at least one if there is one. It sees records that are not yet
// durable.
func (l *Log) Read(after zxid.Zxid, maxBytes int, dst []byte) ([]byte, error) {
	start := len(dst)
	for {
		s, from, end, err := l.locate(after)
		if err != nil && len(dst) > start {
			return dst, nil // the log was cut meanwhile; what was read was there
		}
		if err != nil || s == nil {
			return dst, err
		}
		full, began := false, after
		err = s.walk(s.cursor(from, end), after, func(r record.Record) (bool, error) {
			if len(dst) > start && len(dst)-start+len(r.Raw) > maxBytes {
				full = true
				return false, nil
			}
			dst, after = append(dst, r.Raw...), r.Zxid
			return true, nil
		})
		l.release(s)
		assert(err != nil || full || after > began, "%s ends without the record behind %v", s.name, began)
		if err != nil || full || len(dst)-start >= maxBytes {
			return dst, err
		}
	}
}

// ForEach calls fn for every record behind after. A record is valid during the
// call only.
func (l *Log) ForEach(after zxid.Zxid, fn func(record.Record) error) error {
	for {
		s, from, end, err := l.locate(after)
		if err != nil || s == nil {
			return err
		}
		began := after
		err = s.walk(s.cursor(from, end), after, func(r record.Record) (bool, error) {
			after = r.Zxid
			return true, fn(r)
		})
		l.release(s)
		assert(err != nil || after > began, "%s ends without the record behind %v", s.name, began)
		if err != nil {
			return err
		}
	}
}
