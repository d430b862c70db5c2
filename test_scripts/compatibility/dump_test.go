package compatibility

import (
	"slices"

	"github.com/zabkeeper/zabkeeper/wire"
)

// dump reads every node below the base, with the rights of the super user, and
// what the system nodes show.
func (e *execution) dump(slot int) {
	c := &e.clients[slot]
	if c.conn == nil {
		e.open(slot, c.session, c.password, c.ended, 30000)
	}
	e.becomeSuper(slot)
	for _, path := range []string{"/", "/zookeeper", "/zookeeper/quota"} {
		p := wire.PathWatchRequest{Path: []byte(path)}
		e.ask(slot, wire.OpGetChildren2, p.Append(nil), "dump "+path)
	}
	for _, path := range append(e.tree(slot, base), e.tree(slot, quotaBase)...) {
		watch, plain := wire.PathWatchRequest{Path: []byte(path)}, wire.PathRequest{Path: []byte(path)}
		e.ask(slot, wire.OpGetData, watch.Append(nil), "dump data "+path)
		e.ask(slot, wire.OpGetACL, plain.Append(nil), "dump acl "+path)
		e.ask(slot, wire.OpGetChildren2, watch.Append(nil), "dump children "+path)
	}
	whole := wire.PathRequest{Path: []byte("/")}
	e.ask(slot, wire.OpGetAllChildrenNumber, whole.Append(nil), "dump number of nodes")
}

func (e *execution) becomeSuper(slot int) {
	auth := wire.AuthPacket{Scheme: []byte("digest"), Auth: []byte(SuperPassword)}
	e.ask(slot, wire.OpAuth, auth.Append(nil), "auth super")
}

// ask sends one request of the dump and notes the reply.
func (e *execution) ask(slot int, op wire.OpCode, body []byte, text string) *Reply {
	c := &e.clients[slot]
	if c.conn == nil {
		return nil
	}
	c.pending = append(c.pending, &request{xid: 5, op: op, body: body, text: text})
	if err := c.conn.Request(5, op, body); err != nil {
		e.lost(slot, err)
		return nil
	}
	for len(c.pending) > 0 {
		if !e.read(slot) {
			return nil
		}
	}
	return &e.seen[len(e.seen)-1].reply
}

// tree returns path and every path below it, parents first.
func (e *execution) tree(slot int, path string) []string {
	noted := len(e.seen)
	p := wire.PathWatchRequest{Path: []byte(path)}
	reply := e.ask(slot, wire.OpGetChildren, p.Append(nil), "list")
	e.seen = e.seen[:min(noted, len(e.seen))]
	if reply == nil || reply.Err != wire.OK {
		return nil
	}
	r := wire.NewReader(reply.Body)
	var children []string
	for name := range r.Strings().All {
		children = append(children, string(name))
	}
	slices.Sort(children)
	all := []string{path}
	for _, name := range children {
		all = append(all, e.tree(slot, path+"/"+name)...)
	}
	return all
}

// clean deletes the base and everything below it.
func (e *execution) clean() {
	e.becomeSuper(controlSlot)
	all := append(e.tree(controlSlot, base), e.tree(controlSlot, quotaBase)...)
	slices.Reverse(all)
	for _, path := range all {
		p := wire.PathVersionRequest{Path: []byte(path), Version: -1}
		e.ask(controlSlot, wire.OpDelete, p.Append(nil), "clean")
	}
}
