package tree

import "github.com/zabkeeper/zabkeeper/wire"

// extensionsNode answers reads of wire.PathExtensions. It is in no tree: it has
// no parent, counts nowhere, and everyone may read it. Nothing changes it.
var extensionsNode = func() *znode {
	n := &znode{}
	setText(n, wire.PathExtensions, wire.AppendExtensions(nil))
	return n
}()

// node finds what a reader can see at path.
func (t *Tree) node(path []byte) *znode {
	if n := t.nodes.findBytes(path); n != nil {
		return n
	}
	if string(path) == wire.PathExtensions {
		return extensionsNode
	}
	return nil
}

func appendExtensionsACL(dst []byte) []byte {
	stat := extensionsNode.stat()
	return stat.Append(wire.NewACLs(wire.WorldAnyone(wire.PermRead)).Append(dst))
}
