package history

import (
	"cmp"
	"slices"
)

// checkLocks checks what a lock protects: a resource that is changed under a lock
// never sees an older token after a newer one, neither in the order of zxids nor
// in real time.
func checkLocks(r *record) error {
	byPart := map[*part][]*operation{}
	for _, o := range r.all {
		if o.kind == kindFence && o.ok() {
			byPart[o.part] = append(byPart[o.part], o)
		}
	}
	for _, o := range r.all { // not the map, whose order is any
		if uses := byPart[o.part]; o.kind == kindFence && uses != nil {
			if err := checkTokens(uses); err != nil {
				return err
			}
			delete(byPart, o.part)
		}
	}
	return nil
}

func checkTokens(uses []*operation) error {
	byReturn := slices.Clone(uses) // uses are in the order of invocation
	slices.SortFunc(byReturn, func(a, b *operation) int { return cmp.Compare(a.ret, b.ret) })
	var newest *operation
	for _, o := range uses {
		for len(byReturn) > 0 && byReturn[0].ret < o.invoke {
			if newest == nil || byReturn[0].token > newest.token {
				newest = byReturn[0]
			}
			byReturn = byReturn[1:]
		}
		if newest != nil && o.token < newest.token {
			return violation("an older holder of a lock came after a newer one", newest, o)
		}
	}
	byZxid := slices.Clone(uses)
	slices.SortFunc(byZxid, func(a, b *operation) int { return cmp.Compare(a.zxid, b.zxid) })
	for i, o := range byZxid[min(1, len(byZxid)):] {
		if last := byZxid[i]; o.token < last.token {
			return violation("an older holder of a lock has a newer zxid", last, o)
		}
	}
	return nil
}
