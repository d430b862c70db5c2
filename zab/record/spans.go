package record

import "github.com/zabkeeper/zabkeeper/zab/zxid"

// ExtendSpans returns the epoch vector of a history to which record z was
// added. It may change spans in place.
func ExtendSpans(spans []Span, z zxid.Zxid) []Span {
	if n := len(spans); n > 0 && spans[n-1].Epoch == z.Epoch() {
		spans[n-1].Last = z.Counter()
		return spans
	}
	return append(spans, Span{Epoch: z.Epoch(), Last: z.Counter()})
}

// CutSpans returns the epoch vector of the history up to and including z,
// which must be part of it. It may change spans in place.
func CutSpans(spans []Span, z zxid.Zxid) []Span {
	n := len(spans)
	for n > 0 && spans[n-1].Epoch > z.Epoch() {
		n--
	}
	spans = spans[:n]
	if n > 0 && spans[n-1].Epoch == z.Epoch() {
		spans[n-1].Last = min(spans[n-1].Last, z.Counter())
	}
	return spans
}
