package tree

import "github.com/zabkeeper/zabkeeper/zab/zxid"

// Image writes the tree as it was when BeginImage was called, piece by piece,
// while transactions go on (R1). Every node is written once: by the walk, or just
// before Apply changes or deletes it. What Apply wrote waits in pending, which is
// at most the size of the tree and is taken by the next call of Next.
type Image struct {
	tree    *Tree
	header  imageHeader
	pending []byte
	emitted uint64
	cursor  string // the walk has passed this path; "" before the root
	done    bool
}

// BeginImage starts an image of the state at LastApplied. One at a time.
func (t *Tree) BeginImage() *Image {
	assert(t.image == nil, "an image is already being taken")
	img := &Image{tree: t, header: imageHeader{
		lastApplied: t.lastApplied, nodes: uint64(t.nodes.len()),
		sessions: uint64(len(t.sessions)), acls: uint32(len(t.acls.byRaw)), digest: t.digest,
	}}
	img.pending = appendImageHeader(nil, img.header)
	for _, a := range t.acls.byID {
		if a != nil {
			img.pending = appendImageACL(img.pending, a)
		}
	}
	for _, id := range t.sessionIDs() {
		img.pending = appendImageSession(img.pending, &t.sessions[id].Session)
	}
	t.mark++ // no node has this mark: each is part of the image until it is written
	t.image = img
	return img
}

// Zxid returns the record whose state the image is.
func (img *Image) Zxid() zxid.Zxid { return img.header.lastApplied }

// Nodes returns how many nodes the image has, for progress.
func (img *Image) Nodes() uint64 { return img.header.nodes }

// Digest returns the digest of the state the image is of.
func (img *Image) Digest() uint64 { return img.header.digest }

// imageTouch writes n to a running image in its old form, if it is still owed.
func (t *Tree) imageTouch(n *znode) {
	if t.image != nil && n.mark != t.mark {
		t.image.pending = t.image.emit(t.image.pending, n)
	}
}

func (img *Image) emit(dst []byte, n *znode) []byte {
	n.mark = img.tree.mark
	img.emitted++
	return appendImageNode(dst, n)
}

// Next appends the next piece of the image to dst, after looking at no more than
// maxNodes nodes, and reports whether the image is complete. It may run beside
// readers, not beside Apply.
func (img *Image) Next(dst []byte, maxNodes int) ([]byte, bool) {
	assert(!img.done, "image is complete or closed")
	dst = append(dst, img.pending...)
	img.pending = img.pending[:0]
	n := img.tree.root
	if img.cursor != "" {
		n = img.tree.nextAfterPath(img.cursor)
	}
	var w walker
	for ; n != nil && maxNodes > 0; maxNodes-- {
		if n.mark != img.tree.mark {
			dst = img.emit(dst, n)
		}
		img.cursor = n.path()
		n = w.next(n)
	}
	if n != nil {
		return dst, false
	}
	assert(img.emitted == img.header.nodes, "image wrote %d of %d nodes", img.emitted, img.header.nodes)
	img.Close()
	return appendImageEnd(dst, img.emitted), true
}

// Close gives an image up; after the last piece it does nothing.
func (img *Image) Close() {
	if !img.done {
		img.done = true
		img.pending = nil
		img.tree.image = nil
	}
}
