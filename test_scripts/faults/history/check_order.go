package history

import (
	"cmp"
	"slices"
)

// checkOrder checks that zxids respect real time: what was answered before
// something was sent has a smaller zxid than it, and a synced read is not older
// than anything answered before it was sent. No two writes share a zxid.
func checkOrder(r *record) error {
	byZxid := map[int64]*operation{}
	var returned []*operation
	for _, o := range r.all {
		if o.kind.writes() && o.ok() && o.zxid != 0 {
			if other := byZxid[o.zxid]; other != nil {
				return violation("two writes have one zxid", other, o)
			}
			byZxid[o.zxid] = o
			returned = append(returned, o)
		}
	}
	slices.SortFunc(returned, func(a, b *operation) int { return cmp.Compare(a.ret, b.ret) })
	var newest *operation
	for _, o := range r.all { // in the order of invocation
		for len(returned) > 0 && returned[0].ret < o.invoke {
			if newest == nil || returned[0].zxid > newest.zxid {
				newest = returned[0]
			}
			returned = returned[1:]
		}
		if newest == nil || o.zxid == 0 || o.outcome == outcomeUnknown {
			continue
		}
		switch {
		case o.kind.writes() && o.ok() && o.zxid <= newest.zxid:
			return violation("a write has a smaller zxid than one that was answered before it was sent", newest, o)
		case (o.kind.writes() || o.synced) && o.zxid < newest.zxid:
			return violation("an answer is older than a write that was answered before it was asked for", newest, o)
		}
	}
	return nil
}
