package node

import (
	"encoding/binary"

	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
)

// appendBody appends what follows the header of a reply, or changes the header
// to an error.
func (c *clientConn) appendBody(r *request, start int) {
	switch r.op {
	case wire.OpPing, wire.OpCloseSession, wire.OpAuth:
	case wire.OpSync:
		c.appendSync(r, start)
	case wire.OpWhoAmI:
		c.out = appendWhoAmI(c.out, c.idList)
	case wire.OpSetReplyLimit:
		c.setReplyLimit(r, start)
	case wire.OpLinearizable:
		var inner wire.LinearizableRequest
		body := wire.NewReader(r.body)
		inner.Decode(&body)
		if !body.OK() || inner.Op.Class() != wire.ClassRead {
			c.failReply(start, wire.ErrMarshalling)
			return
		}
		c.appendRead(r, inner.Op, inner.Body, start)
	default:
		c.appendRead(r, r.op, r.body, start)
	}
}

// appendRead reads the tree. A watch is registered only with a reply that the
// client gets to see.
func (c *clientConn) appendRead(r *request, op wire.OpCode, body []byte, start int) {
	state := c.n.replica.State()
	out, res := state.Tree.Read(op, body, &c.reader, c.out)
	c.out = out
	if res.Err != wire.OK {
		c.failReply(start, res.Err)
	} else if limit := c.replyLimit(); limit > 0 && c.payloadBytes(start) > limit {
		code := wire.ErrReplyTooLarge
		if c.reader.ReplyBytesMax == 0 {
			code = wire.ErrMarshalling // one that a client of ZooKeeper knows
		}
		c.refuseReply(r, start, limit, code)
		return
	}
	if res.Watch != tree.WatchNone {
		c.n.watchLock.Lock()
		state.Watches.Add(tree.WatcherID(c.id), res.Watch, res.Path)
		c.n.watchLock.Unlock()
	}
}

// failReply makes the reply that began at start one with an error.
func (c *clientConn) failReply(start int, code wire.ErrorCode) {
	c.out = c.out[:start+wire.FrameHeaderBytes+wire.ReplyHeaderBytes]
	binary.BigEndian.PutUint32(c.out[start+16:], uint32(code))
}

// appendSync echoes the path, whatever it is.
func (c *clientConn) appendSync(r *request, start int) {
	var p wire.PathRequest
	body := wire.NewReader(r.body)
	if p.Decode(&body); !body.OK() {
		c.failReply(start, body.Code())
		return
	}
	c.out = p.Append(c.out)
}

// setReplyLimit takes note of the longest reply that this client takes.
func (c *clientConn) setReplyLimit(r *request, start int) {
	var limit wire.ReplyLimit
	body := wire.NewReader(r.body)
	switch limit.Decode(&body); {
	case !body.OK():
		c.failReply(start, wire.ErrMarshalling)
	case limit.Bytes != 0 && limit.Bytes < wire.ReplyLimitMin:
		c.failReply(start, wire.ErrBadArguments)
	default:
		c.reader.ReplyBytesMax = int(limit.Bytes)
		c.out = limit.Append(c.out)
	}
}

// replyLimit is the client's own limit, or the one for clients that named none.
func (c *clientConn) replyLimit() int {
	if c.reader.ReplyBytesMax > 0 {
		return c.reader.ReplyBytesMax
	}
	return c.n.opt.ReplyBytesMax
}

// payloadBytes is the length so far of the frame that began at start.
func (c *clientConn) payloadBytes(start int) int { return len(c.out) - start - wire.FrameHeaderBytes }

// limitWriteReply puts an error in the place of a reply that the client would
// drop the connection for. The write has happened, which the code says; a client
// that named no limit would take any code for a failure, and gets the reply.
func (c *clientConn) limitWriteReply(r *request, start int) {
	if limit := c.reader.ReplyBytesMax; limit > 0 && c.payloadBytes(start) > limit {
		c.refuseReply(r, start, limit, wire.ErrDoneReplyTooLarge)
	}
}

// refuseReply answers code, counts it, and says it once a connection.
func (c *clientConn) refuseReply(r *request, start, limit int, code wire.ErrorCode) {
	size := c.payloadBytes(start)
	c.failReply(start, code)
	if cap(c.out) > outBufferKeep && start == 0 {
		c.out = append(make([]byte, 0, 4096), c.out...) // do not hold what is not sent
	}
	c.n.counters.replyRefused.Add(1)
	if c.largeSaid {
		return
	}
	c.largeSaid = true
	op := r.op
	c.n.inbox.post(func() { // by the loop, which holds no lock then
		c.n.log.Warn().Str("client", c.nc.RemoteAddr().String()).Stringer("operation", op).Int("bytes", size).Int("limit", limit).
			Msg("a reply is longer than the client takes and was answered with an error; more of this connection are only counted")
	})
}
