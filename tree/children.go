package tree

import "slices"

// chunkMax bounds the memmove of one insert; a million children make a few
// thousand chunks.
const chunkMax = 256

// childList holds a node's children sorted by name, in chunks that are never
// empty: logarithmic search, eight bytes and a little slack a child. Callers pass
// the length of the path prefix that all children share.
type childList struct {
	chunks [][]*znode
	count  int
}

// locate returns where name is, or where it belongs.
func (l *childList) locate(name string, prefix int) (chunk, at int, found bool) {
	lo, hi := 0, len(l.chunks) // first chunk that starts behind name
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if l.chunks[mid][0].path()[prefix:] <= name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return 0, 0, false
	}
	c := l.chunks[lo-1]
	i, j := 0, len(c)
	for i < j {
		mid := int(uint(i+j) >> 1)
		if c[mid].path()[prefix:] < name {
			i = mid + 1
		} else {
			j = mid
		}
	}
	return lo - 1, i, i < len(c) && c[i].path()[prefix:] == name
}

func (l *childList) insert(n *znode, prefix int) {
	ci, i, found := l.locate(n.path()[prefix:], prefix)
	assert(!found, "a child is inserted twice")
	l.count++
	if len(l.chunks) == 0 {
		l.chunks = append(l.chunks, []*znode{n})
		return
	}
	c := l.chunks[ci]
	if len(c) < chunkMax {
		l.chunks[ci] = slices.Insert(c, i, n)
		return
	}
	if i == len(c) && ci == len(l.chunks)-1 { // names that ascend fill chunks whole
		l.chunks = append(l.chunks, []*znode{n})
		return
	}
	half := chunkMax / 2
	right := append(make([]*znode, 0, chunkMax), c[half:]...)
	clear(c[half:])
	left := c[:half]
	if i <= half {
		left = slices.Insert(left, i, n)
	} else {
		right = slices.Insert(right, i-half, n)
	}
	l.chunks[ci] = left
	l.chunks = slices.Insert(l.chunks, ci+1, right)
}

func (l *childList) remove(n *znode, prefix int) {
	ci, i, found := l.locate(n.path()[prefix:], prefix)
	assert(found, "a child is not in its parent's list")
	l.count--
	c := slices.Delete(l.chunks[ci], i, i+1)
	l.chunks[ci] = c
	switch {
	case len(c) == 0:
		l.chunks = slices.Delete(l.chunks, ci, ci+1)
	case len(c) < chunkMax/4 && ci+1 < len(l.chunks) && len(c)+len(l.chunks[ci+1]) <= chunkMax/2:
		l.chunks[ci] = append(c, l.chunks[ci+1]...)
		l.chunks = slices.Delete(l.chunks, ci+1, ci+2)
	}
}

// after returns the first child with a name behind the given one, or nil.
func (l *childList) after(name string, prefix int) *znode {
	ci, i, found := l.locate(name, prefix)
	if found {
		i++
	}
	if ci < len(l.chunks) && i == len(l.chunks[ci]) {
		ci, i = ci+1, 0
	}
	if ci >= len(l.chunks) {
		return nil
	}
	return l.chunks[ci][i]
}

func (l *childList) first() *znode { return l.chunks[0][0] }

// all walks the children in order; a nil list has none.
func (l *childList) all(yield func(*znode) bool) {
	if l == nil {
		return
	}
	for _, c := range l.chunks {
		for _, n := range c {
			if !yield(n) {
				return
			}
		}
	}
}
