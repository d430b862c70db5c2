package zab

import (
	"sort"

	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// history is the newest part of the log in memory: everything that is not
// delivered yet, and some of what is, so that a follower which is a little
// behind is served without reading the disk. Records are contiguous.
type history struct {
	records []record.Record
	head    int
	after   zxid.Zxid // the record before the first one held
	bytes   int
}

func (h *history) reset(after zxid.Zxid) {
	clear(h.records)
	h.records, h.head, h.after, h.bytes = h.records[:0], 0, after, 0
}

func (h *history) append(r record.Record) {
	if h.head > 4096 && h.head*2 > len(h.records) {
		n := copy(h.records, h.records[h.head:])
		clear(h.records[n:])
		h.records, h.head = h.records[:n], 0
	}
	h.records = append(h.records, r)
	h.bytes += len(r.Raw)
}

// index returns the position of the first record behind z.
func (h *history) index(z zxid.Zxid) int {
	n := len(h.records) - h.head
	return h.head + sort.Search(n, func(i int) bool { return h.records[h.head+i].Zxid > z })
}

// holds reports whether the record behind z, if there is one, is held.
func (h *history) holds(z zxid.Zxid) bool { return z >= h.after }

func (h *history) truncate(last zxid.Zxid) {
	i := h.index(last)
	for _, r := range h.records[i:] {
		h.bytes -= len(r.Raw)
	}
	clear(h.records[i:])
	h.records = h.records[:i]
	if last < h.after {
		h.after = last
	}
}

// trim drops the oldest records up to z while more than bytesMax are held.
func (h *history) trim(z zxid.Zxid, bytesMax int) {
	for h.bytes > bytesMax && h.head < len(h.records) && h.records[h.head].Zxid <= z {
		r := &h.records[h.head]
		h.bytes -= len(r.Raw)
		h.after = r.Zxid
		*r = record.Record{}
		h.head++
	}
}

// between returns the records behind after, up to and including last.
func (h *history) between(after, last zxid.Zxid) []record.Record {
	return h.records[h.index(after):h.index(last)]
}

// runs joins records that lie side by side in memory.
func runs(records []record.Record, dst [][]byte) [][]byte {
	for _, r := range records {
		if n := len(dst); n > 0 {
			last := dst[n-1]
			if k := len(last); cap(last) >= k+len(r.Raw) && &last[:k+1][k] == &r.Raw[0] {
				dst[n-1] = last[:k+len(r.Raw)]
				continue
			}
		}
		dst = append(dst, r.Raw)
	}
	return dst
}

// commonPoint returns the last record that two histories share, computed from
// their epoch vectors (Fact 3). Without a shared epoch it returns 0, false.
func commonPoint(a, b []record.Span) (zxid.Zxid, bool) {
	i, j := len(a)-1, len(b)-1
	for i >= 0 && j >= 0 {
		switch {
		case a[i].Epoch > b[j].Epoch:
			i--
		case a[i].Epoch < b[j].Epoch:
			j--
		default:
			return zxid.New(a[i].Epoch, min(a[i].Last, b[j].Last)), true
		}
	}
	return 0, false
}
