package tree

import (
	"bytes"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

// pageBytesMax bounds a page whatever the client takes: what a client with
// ZooKeeper's own limit takes.
const pageBytesMax = wire.FrameBytesMax

// from walks the children from the first one whose name is not before the given
// one, until yield says no.
func (l *childList) from(name string, prefix int, yield func(*znode) bool) {
	if l == nil {
		return
	}
	ci, i, _ := l.locate(name, prefix)
	for ; ci < len(l.chunks); ci, i = ci+1, 0 {
		for _, n := range l.chunks[ci][i:] {
			if !yield(n) {
				return
			}
		}
	}
}

// appendPage answers OpListPage. A page has at least one child if there is one,
// and costs no more than a search and what it shows, however many there are.
func (t *Tree) appendPage(req *wire.ListPageRequest, who *Reader, dst []byte) ([]byte, wire.ErrorCode) {
	if req.Path == nil || req.Limit < 0 || req.Flags&^wire.PageStats != 0 {
		return dst, wire.ErrBadArguments
	}
	n, code := t.readable(req.Path, who)
	if code != wire.OK {
		return dst, code
	}
	room := pageBytesMax
	if who.ReplyBytesMax > 0 {
		room = min(room, who.ReplyBytesMax)
	}
	room -= wire.ReplyHeaderBytes + 4 + 1 + wire.StatBytes
	start, count, more := len(dst), int32(0), false
	dst = wire.AppendInt(dst, 0)
	first, pathPrefix := req.After, n.prefix()
	if bytes.Compare(req.Prefix, first) > 0 {
		first = req.Prefix
	}
	after, prefix := string(req.After), string(req.Prefix)
	n.children().from(string(first), pathPrefix, func(child *znode) bool {
		name := child.path()[pathPrefix:]
		if name == after {
			return true
		}
		if !strings.HasPrefix(name, prefix) {
			return false
		}
		before := len(dst)
		if more = req.Limit > 0 && count == req.Limit; more {
			return false
		}
		dst = t.appendPageEntry(dst, child, name, req.Flags, who)
		if more = count > 0 && len(dst)-start-4 > room; more {
			dst = dst[:before]
			return false
		}
		count++
		return true
	})
	wire.AppendInt(dst[start:start], count)
	stat := n.stat()
	return stat.Append(wire.AppendBool(dst, more)), wire.OK
}

func (t *Tree) appendPageEntry(dst []byte, child *znode, name string, flags int32, who *Reader) []byte {
	known := flags&wire.PageStats != 0 && t.acls.byID[child.acl].allows(wire.PermRead, who.Identities, who.Settings)
	dst = wire.AppendBool(wire.AppendString(dst, name), known)
	if known {
		stat := child.stat()
		dst = stat.Append(dst)
	}
	return dst
}
