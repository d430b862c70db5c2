package history

import (
	"cmp"
	"slices"
)

// checkOrder checks that zxids respect real time: what was answered before
// something was sent has a smaller zxid than it, and a synced read is not older
// than anything answered before it was sent. No two writes share a zxid.
func checkOrder(r *record) error {
	return checkOrderBy(r.all, func(o *operation) int64 { return o.zxid })
}

// checkOrderBy is checkOrder of operations, in the order of invocation, with the
// zxids that somebody knows; 0 stands for an unknown one.
func checkOrderBy(all []*operation, zxidOf func(*operation) int64) error {
	byZxid := map[int64]*operation{}
	var returned []*operation
	for _, o := range all {
		if z := zxidOf(o); o.kind.writes() && o.ok() && z != 0 {
			if other := byZxid[z]; other != nil {
				return violation("two writes have one zxid", other, o)
			}
			byZxid[z] = o
			returned = append(returned, o)
		}
	}
	slices.SortFunc(returned, func(a, b *operation) int { return cmp.Compare(a.ret, b.ret) })
	var newest *operation
	for _, o := range all {
		for len(returned) > 0 && returned[0].ret < o.invoke {
			if newest == nil || zxidOf(returned[0]) > zxidOf(newest) {
				newest = returned[0]
			}
			returned = returned[1:]
		}
		z := zxidOf(o)
		if newest == nil || z == 0 {
			continue
		}
		switch {
		case o.kind.writes() && o.ok() && z <= zxidOf(newest):
			return violation("a write has a smaller zxid than one that was answered before it was sent", newest, o)
		case (o.kind.writes() || o.synced && o.outcome != outcomeUnknown) && z < zxidOf(newest):
			return violation("an answer is older than a write that was answered before it was asked for", newest, o)
		}
	}
	return nil
}
