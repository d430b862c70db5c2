package clienttest

import (
	"bytes"
	"slices"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

// handle does one request and reports whether the connection goes on.
func (c *conn) handle(body []byte) bool {
	var h wire.RequestHeader
	r := wire.NewReader(body)
	if h.Decode(&r); !r.OK() {
		return false
	}
	s := c.s
	s.mu.Lock()
	decide := s.decide
	s.mu.Unlock()
	seen := Request{Op: h.Op, Body: r.Rest()}
	if h.Op != wire.OpMulti && h.Op != wire.OpMultiRead && h.Op != wire.OpAuth && h.Op != wire.OpSetWatches && h.Op != wire.OpSetWatches2 {
		path := wire.NewReader(r.Rest())
		seen.Path = string(path.Buffer())
	}
	action := Answer
	if seen.Path != wire.PathExtensions { // asked by every client of every server, and by no program
		action = decide(seen)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if action == DropBefore {
		return false
	}
	c.mute = c.mute || action == Ignore // nothing more until the client gives up
	if c.mute {
		return true
	}
	answer, code := c.do(h.Op, &r)
	if action == DropAfter {
		// Nothing comes after an answer that was lost: no later event either.
		c.out = nil
		delete(s.conns, c)
		return false
	}
	zxid := s.tree.zxid
	if h.Op == wire.OpAuth {
		zxid = 0
	}
	frame := wire.ReplyHeader{Xid: h.Xid, Zxid: zxid, Err: code}.Append(wire.BeginFrame(nil))
	if code == wire.OK {
		frame = append(frame, answer...)
	}
	c.send(wire.EndFrame(frame, 0))
	return h.Op != wire.OpCloseSession && code != wire.ErrAuthFailed
}

func (c *conn) do(op wire.OpCode, r *wire.Reader) ([]byte, wire.ErrorCode) {
	switch op {
	case wire.OpPing:
		return nil, wire.OK
	case wire.OpCloseSession:
		c.s.endSession(c.session)
		return nil, wire.OK
	case wire.OpCreate, wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL, wire.OpSetData, wire.OpDelete, wire.OpCheck:
		return c.writeOp(op, r)
	case wire.OpMulti:
		return c.multi(r)
	case wire.OpMultiRead:
		return c.multiRead(r)
	case wire.OpSetACL:
		var req wire.SetACLRequest
		req.Decode(r)
		n := c.s.tree.nodes[string(req.Path)]
		if n == nil {
			return nil, wire.ErrNoNode
		}
		n.acl = wire.NewACLs(req.ACL.List()...)
		n.stat.Aversion++
		st := c.s.tree.stat(n, string(req.Path))
		return st.Append(nil), wire.OK
	case wire.OpSetWatches, wire.OpSetWatches2:
		var req wire.SetWatches
		if op == wire.OpSetWatches {
			req.Decode(r)
		} else {
			req.DecodePersistent(r)
		}
		c.setWatches(&req)
		return nil, r.Code()
	case wire.OpAddWatch, wire.OpRemoveWatches:
		return c.changeWatch(op, r)
	case wire.OpAuth:
		return c.auth(r)
	case wire.OpSASL:
		return c.sasl(r)
	case wire.OpWhoAmI:
		return (&wire.WhoAmIResponse{Clients: c.ids}).Append(nil), wire.OK
	}
	return c.readOp(op, r)
}

func (c *conn) changeWatch(op wire.OpCode, r *wire.Reader) ([]byte, wire.ErrorCode) {
	var req wire.PathModeRequest
	req.Decode(r)
	path := string(req.Path)
	switch {
	case op == wire.OpRemoveWatches:
		return nil, c.watches.remove(path, wire.WatcherType(req.Mode))
	case wire.AddWatchMode(req.Mode) == wire.WatchRecursive:
		c.watches.recursive[path] = true
	default:
		c.watches.persistent[path] = true
	}
	return (&wire.IntResponse{}).Append(nil), wire.OK
}

func (c *conn) auth(r *wire.Reader) ([]byte, wire.ErrorCode) {
	var req wire.AuthPacket
	req.Decode(r)
	if string(req.Scheme) != "digest" {
		return nil, wire.ErrAuthFailed
	}
	user, _, _ := bytes.Cut(req.Auth, []byte(":"))
	c.ids = append(c.ids, wire.ID{Scheme: "digest", ID: string(user)})
	return nil, wire.OK
}

func (c *conn) sasl(r *wire.Reader) ([]byte, wire.ErrorCode) {
	var token wire.SASLToken
	token.Decode(r)
	if c.login == nil {
		c.login = c.s.users.Begin()
	}
	answer, err := c.login.Respond(token.Token)
	if err != nil {
		return nil, wire.ErrAuthFailed
	}
	if user, ok := c.login.Name(); ok {
		c.ids = append(c.ids, wire.ID{Scheme: "sasl", ID: user})
	}
	return (&wire.SASLToken{Token: answer}).Append(nil), wire.OK
}

// writeOp does one write, alone or in a multi, and answers with its record.
func (c *conn) writeOp(op wire.OpCode, r *wire.Reader) ([]byte, wire.ErrorCode) {
	t := &c.s.tree
	switch op {
	case wire.OpSetData:
		var req wire.SetDataRequest
		req.Decode(r)
		path := string(req.Path)
		if code := t.set(path, req.Data, req.Version); code != wire.OK {
			return nil, code
		}
		c.s.fire(wire.EventNodeDataChanged, path)
		st := t.stat(t.nodes[path], path)
		return st.Append(nil), wire.OK
	case wire.OpDelete, wire.OpCheck:
		var req wire.PathVersionRequest
		req.Decode(r)
		path := string(req.Path)
		if op == wire.OpCheck {
			return nil, t.check(path, req.Version)
		}
		code := t.delete(path, req.Version)
		if code == wire.OK {
			c.s.fire(wire.EventNodeDeleted, path)
		}
		return nil, code
	}
	var req wire.CreateRequest
	if op == wire.OpCreateTTL {
		req.DecodeTTL(r)
	} else {
		req.Decode(r)
	}
	path, code := t.create(&req, c.session)
	if code != wire.OK {
		return nil, code
	}
	c.s.fire(wire.EventNodeCreated, path)
	res := wire.CreateResponse{Path: []byte(path), Stat: t.stat(t.nodes[path], path)}
	if op == wire.OpCreate {
		return res.Append(nil), wire.OK
	}
	return res.AppendStat(nil), wire.OK
}

func (c *conn) multi(r *wire.Reader) ([]byte, wire.ErrorCode) {
	before := c.s.tree.clone()
	c.s.holding = true
	m := wire.NewMultiReader(r.Rest())
	var out []byte
	var codes []wire.ErrorCode
	failed := false
	for op, more := m.Next(); more; op, more = m.Next() {
		if !wire.MultiAllowed(op) || op >= wire.OpLinearizable {
			c.s.holding, c.s.tree, c.s.held = false, before, nil
			return nil, wire.ErrMarshalling
		}
		answer, code := c.writeOp(op, &m.Reader)
		if failed {
			code = wire.ErrRuntimeInconsistency
		}
		failed = failed || code != wire.OK
		codes = append(codes, code)
		if op == wire.OpCreateContainer || op == wire.OpCreateTTL {
			op = wire.OpCreate2
		}
		out = append(wire.AppendMultiResult(out, op), answer...)
	}
	c.s.holding = false
	if failed {
		c.s.tree, c.s.held, out = before, nil, nil
		for _, code := range codes {
			out = wire.AppendMultiError(out, code)
		}
	}
	for _, e := range c.s.held {
		c.s.fire(e.Type, string(e.Path))
	}
	c.s.held = nil
	return wire.AppendMultiEnd(out), wire.OK
}

func (c *conn) multiRead(r *wire.Reader) ([]byte, wire.ErrorCode) {
	m := wire.NewMultiReader(r.Rest())
	var out []byte
	for op, more := m.Next(); more; op, more = m.Next() {
		if answer, code := c.readOp(op, &m.Reader); code == wire.OK {
			out = append(wire.AppendMultiResult(out, op), answer...)
		} else {
			out = wire.AppendMultiError(out, code)
		}
	}
	return wire.AppendMultiEnd(out), wire.OK
}

func (c *conn) readOp(op wire.OpCode, r *wire.Reader) ([]byte, wire.ErrorCode) {
	path, t := string(r.Buffer()), &c.s.tree
	n := t.nodes[path]
	switch op {
	case wire.OpSync:
		return wire.AppendString(nil, path), wire.OK
	case wire.OpGetEphemerals:
		paths := slices.DeleteFunc(t.ephemerals(c.session), func(p string) bool { return !strings.HasPrefix(p, path) })
		return wire.NewStrings(paths...).Append(nil), wire.OK
	}
	if n == nil {
		if op == wire.OpExists && r.Bool() {
			c.watches.data[path] = true
		}
		return nil, wire.ErrNoNode
	}
	st := t.stat(n, path)
	names := wire.NewStrings(t.children(path)...)
	switch op {
	case wire.OpGetACL:
		return (&wire.ACLResponse{ACL: n.acl, Stat: st}).Append(nil), wire.OK
	case wire.OpGetAllChildrenNumber:
		return (&wire.IntResponse{Value: t.below(path)}).Append(nil), wire.OK
	}
	if r.Bool() {
		if op == wire.OpGetChildren || op == wire.OpGetChildren2 {
			c.watches.child[path] = true
		} else {
			c.watches.data[path] = true
		}
	}
	switch op {
	case wire.OpGetData:
		return (&wire.DataResponse{Data: n.data, Stat: st}).Append(nil), wire.OK
	case wire.OpExists:
		return st.Append(nil), wire.OK
	case wire.OpGetChildren:
		return (&wire.StringsResponse{Names: names}).Append(nil), wire.OK
	case wire.OpGetChildren2:
		return (&wire.StringsResponse{Names: names, Stat: st}).AppendStat(nil), wire.OK
	}
	return nil, wire.ErrUnimplemented
}
