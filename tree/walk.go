package tree

import (
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

// next returns the node behind n in the order of the tree: first child, else the
// next sibling of n or of the nearest ancestor that has one.
func next(n *znode) *znode {
	if n.childCount() > 0 {
		return n.children().first()
	}
	return nextSkippingChildren(n)
}

func nextSkippingChildren(n *znode) *znode {
	for ; n.parent != nil; n = n.parent {
		if sibling := n.parent.children().after(n.name(), n.parent.prefix()); sibling != nil {
			return sibling
		}
	}
	return nil
}

// walker is next for a walk during which the tree does not change: it remembers
// where the node is among its siblings instead of searching for it.
type walker struct {
	siblings  *childList
	chunk, at int
}

func (w *walker) next(n *znode) *znode {
	if n.childCount() > 0 {
		*w = walker{siblings: n.children()}
		return n.children().first()
	}
	for ; n.parent != nil; n = n.parent {
		if siblings := n.parent.children(); w.siblings != siblings {
			chunk, at, found := siblings.locate(n.name(), n.parent.prefix())
			assert(found, "a node is not among its parent's children")
			*w = walker{siblings, chunk, at}
		}
		if w.at++; w.at == len(w.siblings.chunks[w.chunk]) {
			w.chunk, w.at = w.chunk+1, 0
		}
		if w.chunk < len(w.siblings.chunks) {
			return w.siblings.chunks[w.chunk][w.at]
		}
		w.siblings = nil
	}
	return nil
}

// nextInSubtree is next that ends with the subtree at path.
func nextInSubtree(n *znode, path string) *znode {
	if n = next(n); n == nil || path != pathRoot && !strings.HasPrefix(n.path(), path+"/") {
		return nil
	}
	return n
}

// nextAfterPath resumes a walk behind path, whether or not path still exists.
func (t *Tree) nextAfterPath(path string) *znode {
	if n := t.nodes.find(path); n != nil {
		return next(n)
	}
	for path != "" {
		name := wire.Base(path)
		path = wire.Parent(path)
		parent := t.nodes.find(path)
		if parent == nil {
			continue
		}
		if parent.childCount() > 0 {
			if sibling := parent.children().after(name, parent.prefix()); sibling != nil {
				return sibling
			}
		}
		return nextSkippingChildren(parent)
	}
	return nil
}
