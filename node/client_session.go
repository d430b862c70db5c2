package node

import (
	"crypto/rand"

	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// connect carries out the handshake. It returns false when the connection is to
// be closed.
func (c *clientConn) connect(in *inputBuffer) bool {
	var payload []byte
	for {
		p, need, ok := in.frame(c.n.opt.FrameBytesMax)
		if !ok {
			c.dismiss()
			return false
		}
		if p != nil {
			payload = p
			break
		}
		if in.fill(need) != nil {
			c.dismiss()
			return false
		}
	}
	var req wire.ConnectRequest
	r := wire.NewReader(payload)
	req.Decode(&r)
	mode := c.n.mode()
	local := mode == modeReadOnly || c.n.opt.LocalSessions.Enabled
	if !r.OK() || mode == modeClosed || !c.n.admitted(req.SessionID != 0, local) ||
		mode == modeReadOnly && !req.ReadOnly || zxid.Zxid(req.LastZxidSeen) > c.n.applied() {
		c.dismiss()
		return false
	}
	c.hasReadOnly = req.HasReadOnly
	if !c.connectLocal(&req, mode) {
		c.submitSession(&req)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.connected && !c.closing {
		c.resume.Wait()
	}
	return c.connected && !c.closing
}

// dismiss closes a connection without a word.
func (c *clientConn) dismiss() {
	c.mu.Lock()
	c.closeWhenWritten()
	c.mu.Unlock()
}

// submitSession asks for a new session, or for an old one to be attached here.
func (c *clientConn) submitSession(req *wire.ConnectRequest) {
	txn := tree.Transaction{Op: tree.OpCreateSession, Origin: c.n.opt.ID}
	timeout := c.n.clampTimeout(req.TimeoutMs)
	var password [wire.PasswordBytes]byte
	if req.SessionID == 0 {
		_, _ = rand.Read(password[:]) // never fails
	} else {
		txn.Op, txn.Session = tree.OpAttachSession, uint64(req.SessionID)
		copy(password[:], req.Password)
		if len(req.Password) != len(password) {
			password = [wire.PasswordBytes]byte{}
		}
	}
	txn.Body = tree.AppendSessionBody(nil, timeout, password, c.id)
	c.mu.Lock()
	c.sequence++
	txn.Request = c.id<<sequenceBits | c.sequence&(1<<sequenceBits-1)
	c.mu.Unlock()
	c.n.inbox.submit(appendSubmission(nil, &txn))
	c.n.inbox.signal() // clients come in crowds: the loop orders those that came together
}

// established is the loop's answer to submitSession, or to an upgrade. The tree is
// locked.
func (c *clientConn) established(res *tree.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.connected && res.Failed():
		c.closeWhenWritten() // the upgrade; what needed it fails as well
	case c.connected:
	case res.Failed():
		c.answerConnect(&wire.ConnectResponse{})
		c.closeWhenWritten()
	default:
		c.welcome(&res.Session)
	}
}

// welcome tells the client its session. c.mu is held.
func (c *clientConn) welcome(s *tree.Session) {
	c.session.Store(s.ID)
	c.timeoutMs, c.password, c.reader.Session = s.TimeoutMs, s.Password, s.ID
	c.connected = true
	c.answerConnect(&wire.ConnectResponse{TimeoutMs: s.TimeoutMs, SessionID: int64(s.ID), Password: s.Password, ReadOnly: c.readOnly})
}

func (c *clientConn) answerConnect(answer *wire.ConnectResponse) {
	answer.HasReadOnly = c.hasReadOnly
	c.grow()
	start := len(c.out)
	c.out = wire.EndFrame(answer.Append(wire.BeginFrame(c.out)), start)
	c.stats.sent++
	c.resume.Broadcast()
}
