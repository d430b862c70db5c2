package compatibility

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// observation is one thing that a client saw.
type observation struct {
	slot  int
	what  string // reply, event, connected, or in words what else happened
	reply Reply
	req   *request // of a reply
	resp  wire.ConnectResponse
	size  int // of a connect answer
}

// client is one slot while a program runs.
type client struct {
	conn     *RawConn
	session  int64
	password []byte
	seen     int64 // highest zxid on the session's connections
	ended    int64 // seen when the last connection ended
	pending  []*request
}

// execution runs one program on one server.
type execution struct {
	server  *Server
	restart bool // the server itself restarts in stepRestart; else only connections end
	clients [slots]client
	seen    []observation // by the step at hand
}

// run carries out a program and returns what was seen in every step.
func run(server *Server, restart bool, program []step) ([][]observation, error) {
	e := &execution{server: server, restart: restart}
	transcript := make([][]observation, 0, len(program))
	var err error
	for i := range program {
		e.seen = nil
		if err = e.step(&program[i]); err != nil {
			break
		}
		transcript = append(transcript, e.seen)
	}
	e.leave()
	return transcript, err
}

// leave removes everything that the program made, sessions included.
func (e *execution) leave() {
	for i := range e.clients {
		c := &e.clients[i]
		if c.conn == nil && c.session != 0 {
			e.open(i, c.session, c.password, 0, 20000)
		}
		if i == controlSlot && c.conn == nil {
			e.open(i, 0, make([]byte, 16), 0, 30000)
		}
		if i == controlSlot {
			e.clean()
		}
		if c.conn != nil {
			_ = c.conn.Request(1, wire.OpCloseSession, nil)
			for {
				if r, err := c.conn.ReadReply(); err != nil || r.Xid == 1 {
					break
				}
			}
			c.conn.Close()
		}
	}
}

func (e *execution) note(o observation) { e.seen = append(e.seen, o) }

func (e *execution) step(s *step) error {
	c := &e.clients[s.slot]
	switch s.kind {
	case stepConnect:
		e.hangUp(s.slot)
		e.open(s.slot, 0, make([]byte, 16), 0, s.timeoutMs)
	case stepReconnect:
		e.hangUp(s.slot)
		e.open(s.slot, c.session, c.password, c.ended, s.timeoutMs)
	case stepSteal:
		e.steal(s)
	case stepWrongPassword:
		e.hangUp(s.slot)
		wrong := slices.Clone(c.password)
		if len(wrong) > 0 {
			wrong[0] ^= 1
		}
		e.try(s.slot, &wire.ConnectRequest{TimeoutMs: s.timeoutMs, SessionID: c.session, Password: wrong, HasReadOnly: true})
	case stepFuture:
		e.hangUp(s.slot)
		e.try(s.slot, &wire.ConnectRequest{LastZxidSeen: 1 << 62, TimeoutMs: s.timeoutMs, SessionID: c.session, Password: c.password, HasReadOnly: true})
	case stepProbe:
		e.try(s.slot, &wire.ConnectRequest{TimeoutMs: s.timeoutMs, SessionID: s.session, Password: s.password, HasReadOnly: !s.short})
	case stepDrop:
		e.hangUp(s.slot)
	case stepExpire:
		e.hangUp(s.slot)
		if c.session != 0 {
			e.open(s.slot, c.session, c.password, c.ended, MinSessionMs)
			e.hangUp(s.slot)
			time.Sleep((MinSessionMs + 3*TickMs) * time.Millisecond)
		}
	case stepSend:
		e.send(s)
	case stepRestart:
		return e.restartServer(e.restart)
	case stepKill:
		return e.restartServer(true)
	case stepDump:
		e.dump(s.slot)
	}
	if slices.ContainsFunc(s.requests, func(r request) bool { return r.ends }) {
		e.awaitEnd(s.slot)
	}
	if s.writes() {
		for i := range e.clients {
			e.barrier(i)
		}
	} else {
		e.barrier(s.slot)
	}
	return nil
}

// awaitEnd waits a little for the server to close the connection, and then does
// so itself.
func (e *execution) awaitEnd(slot int) {
	c := &e.clients[slot]
	if c.conn == nil {
		return
	}
	_, err := c.conn.ReadReplyWithin(shortPatience)
	e.lost(slot, err)
}

// shortPatience is for what ZooKeeper may never do.
const shortPatience = 200 * time.Millisecond

// restartServer ends every connection and, if so asked, the server by kill -9.
func (e *execution) restartServer(really bool) error {
	for i := range e.clients {
		e.hangUp(i)
	}
	if really {
		e.server.Kill()
		return e.server.Start()
	}
	return nil
}

// hangUp closes the slot's connection from the client's side.
func (e *execution) hangUp(slot int) {
	c := &e.clients[slot]
	if c.conn != nil {
		c.conn.Close()
		c.conn, c.pending = nil, nil
	}
	c.ended = c.seen
}

// open attaches the slot to a session, 0 for a new one.
func (e *execution) open(slot int, session int64, password []byte, seen int64, timeoutMs int32) {
	conn, resp, ok := e.handshake(slot, &wire.ConnectRequest{LastZxidSeen: seen, TimeoutMs: timeoutMs, SessionID: session,
		Password: password, HasReadOnly: true})
	if !ok || resp.SessionID == 0 {
		return
	}
	c := &e.clients[slot]
	if session == 0 {
		c.seen, c.ended = 0, 0
	}
	c.conn, c.session, c.password = conn, resp.SessionID, resp.Password[:]
}

// handshake returns a connection that was answered.
func (e *execution) handshake(slot int, req *wire.ConnectRequest) (*RawConn, wire.ConnectResponse, bool) {
	var resp wire.ConnectResponse
	conn, err := Dial(e.server.Address)
	if err != nil {
		e.note(observation{slot: slot, what: "no connection"})
		return nil, resp, false
	}
	if err = conn.Send(req.Append(nil)); err == nil {
		var b []byte
		if b, err = conn.ReadFrame(); err == nil {
			r := wire.NewReader(b)
			resp.Decode(&r)
			e.note(observation{slot: slot, what: "connected", resp: resp, size: len(b)})
			if resp.SessionID != 0 {
				return conn, resp, true
			}
			_, err = conn.ReadFrame()
		}
	}
	e.note(observation{slot: slot, what: "connect " + ending(err)})
	conn.Close()
	return nil, resp, false
}

// try is a handshake whose connection is not used, and whose session is closed.
func (e *execution) try(slot int, req *wire.ConnectRequest) {
	conn, _, ok := e.handshake(slot, req)
	if !ok {
		return
	}
	_ = conn.Request(1, wire.OpCloseSession, nil)
	if r, err := conn.ReadReply(); err == nil {
		e.note(observation{slot: slot, what: "reply", reply: r, req: &request{op: wire.OpCloseSession}})
	}
	_, err := conn.ReadFrame()
	e.note(observation{slot: slot, what: ending(err)})
	conn.Close()
}

// steal attaches the session to a second connection; the first one ends.
func (e *execution) steal(s *step) {
	c := &e.clients[s.slot]
	old := c.conn
	c.conn = nil
	c.ended = c.seen
	e.open(s.slot, c.session, c.password, c.ended, s.timeoutMs)
	if old == nil {
		return
	}
	if c.conn != nil {
		_, err := old.ReadFrame()
		e.note(observation{slot: s.slot, what: "old connection " + ending(err)})
	}
	old.Close()
}

// ending says how a connection ended.
func ending(err error) string {
	switch {
	case err == nil:
		return "answered unexpectedly"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return "closed"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "silent"
	}
	return err.Error()
}

// send writes the step's requests at once and reads their replies.
func (e *execution) send(s *step) {
	c := &e.clients[s.slot]
	if c.conn == nil {
		e.note(observation{slot: s.slot, what: "not connected"})
		return
	}
	var out []byte
	for i := range s.requests {
		r := &s.requests[i]
		body := r.body
		if r.relative == relativeSeen && len(body) >= 8 {
			body = slices.Clone(body)
			binary.BigEndian.PutUint64(body, uint64(c.ended))
		}
		out = AppendRequest(out, r.xid, r.op, body)
		c.pending = append(c.pending, r)
	}
	if err := c.conn.Write(out); err != nil {
		e.lost(s.slot, err)
		return
	}
	for len(c.pending) > 0 && e.read(s.slot) {
	}
}

// barrier makes sure that everything that the last step caused for a client has
// come: a ping is answered behind it.
func (e *execution) barrier(slot int) {
	c := &e.clients[slot]
	if c.conn == nil {
		return
	}
	c.pending = append(c.pending, &pingRequest)
	if err := c.conn.Request(wire.XidPing, wire.OpPing, nil); err != nil {
		e.lost(slot, err)
		return
	}
	for len(c.pending) > 0 && e.read(slot) {
	}
}

var pingRequest = request{xid: wire.XidPing, op: wire.OpPing, text: "barrier"}

// read takes one reply or event.
func (e *execution) read(slot int) bool {
	c := &e.clients[slot]
	patience := Patience
	if c.pending[0].tags&tagUnanswered != 0 {
		patience = shortPatience
	}
	r, err := c.conn.ReadReplyWithin(patience)
	if err != nil {
		e.lost(slot, err)
		return false
	}
	c.seen = max(c.seen, r.Zxid)
	if r.Xid == wire.XidEvent {
		e.note(observation{slot: slot, what: "event", reply: r})
		return true
	}
	req := c.pending[0]
	c.pending = c.pending[1:]
	if req != &pingRequest || r.Xid != wire.XidPing || r.Err != wire.OK {
		e.note(observation{slot: slot, what: "reply", reply: r, req: req})
	}
	return true
}

// lost notes that a connection has ended.
func (e *execution) lost(slot int, err error) {
	e.note(observation{slot: slot, what: ending(err)})
	e.hangUp(slot)
}
