package history

import (
	"cmp"
	"path"
	"slices"
	"sort"

	"github.com/zabkeeper/zabkeeper/wire"
)

// change is what a write that was answered did to a path.
type change struct {
	zxid    int64
	by      *operation
	present bool
}

// record is what happened, from several points of view.
type record struct {
	journals [][]*operation
	all      []*operation        // in the order of invocation
	data     map[string][]change // of a path, in the order of zxids
	children map[string][]change // likewise, of the children of a path
	// murky are the paths with writes, and mortal those with deletions, whose
	// zxid nobody knows; the same of children.
	murky, mortal, murkyChildren map[string]bool
	writers                      map[string]*operation // by path and value
}

func newRecord(journals [][]*operation) *record {
	h := History{journals: journals}
	r := &record{journals: journals, all: h.all(), data: map[string][]change{}, children: map[string][]change{},
		murky: map[string]bool{}, mortal: map[string]bool{}, murkyChildren: map[string]bool{}, writers: map[string]*operation{}}
	for _, o := range r.all {
		if o.kind.writes() {
			r.enter(o)
		}
	}
	for _, m := range []map[string][]change{r.data, r.children} {
		for _, list := range m {
			slices.SortFunc(list, func(a, b change) int { return cmp.Compare(a.zxid, b.zxid) })
		}
	}
	return r
}

// enter sorts in what a write did, or may have done.
func (r *record) enter(o *operation) {
	at, at2 := o.path, o.path2
	if o.kind == kindSequence {
		at = o.made
	}
	if o.kind == kindFence { // it only looks at path2
		at2 = ""
	}
	r.writers[at+"\x00"+o.value] = o
	if at2 != "" {
		r.writers[at2+"\x00"+o.value2] = o
	}
	if o.flags.Ephemeral() {
		r.mortal[at] = true
	}
	for _, p := range []string{at, at2} {
		if p == "" && o.kind != kindSequence {
			continue
		}
		r.enterAt(o, p)
	}
}

func (r *record) enterAt(o *operation, at string) {
	parent := path.Dir(o.path)
	moves := o.kind == kindCreate || o.kind == kindSequence || o.kind == kindDelete || o.kind == kindOpenBank
	switch {
	case o.outcome == outcomeRefused:
	case o.ok() && o.zxid != 0:
		r.data[at] = append(r.data[at], change{o.zxid, o, o.kind != kindDelete})
		if moves {
			r.children[parent] = append(r.children[parent], change{o.zxid, o, true})
		}
	default:
		r.murky[at] = true
		if o.kind == kindDelete {
			r.mortal[at] = true
		}
		if moves {
			r.murkyChildren[parent] = true
		}
	}
}

// upTo returns the changes of a list with zxids up to z.
func upTo(list []change, z int64) []change {
	return list[:sort.Search(len(list), func(i int) bool { return list[i].zxid > z })]
}

// between returns a change above low and not above high.
func between(list []change, low, high int64) (change, bool) {
	list = upTo(list, high)
	if n := len(list); n > 0 && list[n-1].zxid > low {
		return list[n-1], true
	}
	return change{}, false
}

// absent reports whether a read found nothing.
func (o *operation) absent() bool {
	switch o.kind {
	case kindGet, kindExists, kindChildren:
		return o.outcome == outcomeRefused && o.code == wire.ErrNoNode
	}
	return false
}

// sight is what one answer showed of one path.
type sight struct {
	path string
	node node
}

// sights returns what an answered read showed.
func (o *operation) sights() []sight {
	switch o.kind {
	case kindGet, kindExists, kindChildren:
		if o.ok() || o.absent() {
			return []sight{{o.path, o.got}}
		}
	case kindPair:
		if o.ok() {
			return []sight{{o.path, o.got}, {o.path2, o.got2}}
		}
	}
	return nil
}
