package node

import (
	"sync/atomic"
	"time"

	"github.com/zabkeeper/zabkeeper/node/disk"
	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/peer"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// tickEvery is the resolution of every timeout of the protocol.
const tickEvery = 10 * time.Millisecond

// loopState belongs to the loop's goroutine.
type loopState struct {
	conns      map[uint64]*clientConn // by connection number
	sessions   map[uint64]*clientConn // by session, attached here
	dirty      []*clientConn
	syncs      map[uint64]syncWaiter
	nextSync   uint64
	lastTick   time.Duration
	noRoomSaid time.Duration // when a full disk was mentioned last
	transport  atomic.Pointer[peer.Transport]
	snapshots  snapshotState
	receiving  map[zab.LinkID]*disk.Arrived
	send       map[zab.LinkID][]zab.Message
	sendOrder  []zab.LinkID
	warned     map[zxid.ServerID]bool                // whose node table differs
	rows       map[zxid.ServerID]wire.EnsembleServer // where members were last known to be
	member     bool                                  // of the configuration
	why        string                                // of the present role, in words
	removed    bool                                  // was a member and is none any more
	servedLast time.Duration                         // when there was a leader, or the start
	inputs     []input                               // of the round
	submits    []byte
}

type syncWaiter struct {
	conn     *clientConn
	sequence uint64
}

func (l *loopState) init() {
	l.conns = make(map[uint64]*clientConn)
	l.sessions = make(map[uint64]*clientConn)
	l.syncs = make(map[uint64]syncWaiter)
	l.receiving = make(map[zab.LinkID]*disk.Arrived)
	l.send = make(map[zab.LinkID][]zab.Message)
	l.warned = make(map[zxid.ServerID]bool)
	l.rows = make(map[zxid.ServerID]wire.EnsembleServer)
	l.servedLast = monotonic()
}

func (n *Node) handle(in *input) {
	if in.do != nil {
		in.do()
		return
	}
	for _, m := range in.msgs {
		if n.faults.enabled {
			n.faultyMessage(in.link, m)
			continue
		}
		n.replica.Message(in.link, m)
	}
}

func (n *Node) tick() {
	was := n.loop.lastTick
	n.loop.lastTick = monotonic()
	if gap := n.loop.lastTick - was; was > 0 && gap > pauseMaxMs*time.Millisecond {
		n.counters.pauses.observe(gap)
		n.log.Warn().Dur("ms", gap).Msg("this server was not running for a while: the machine is overloaded, or the process was stopped")
	}
	if n.faults.enabled {
		n.releaseHeld()
	}
	n.replica.Tick(zab.Millis(n.loop.lastTick/time.Millisecond), time.Now().UnixMilli())
}

// carryOut does what the replica asks for until it asks for nothing more.
func (n *Node) carryOut() {
	for {
		rd := n.replica.Ready()
		n.report(&rd)
		n.writer.enqueue(rd.Persist)
		n.sendAll(&rd)
		for _, q := range rd.ReadLog {
			n.wg.Go(func() { n.readLog(q) })
		}
		for _, id := range rd.SendSnapshot {
			n.sendSnapshot(id)
		}
		if rd.Apply {
			n.apply()
		}
		n.grant(rd.Grants)
		if !rd.Apply {
			break
		}
	}
	n.noteServing()
}

// sendAll hands messages to the transport, all of one link at once.
func (n *Node) sendAll(rd *replica.Ready) {
	t := n.loop.transport.Load()
	if t == nil {
		return
	}
	for i := range rd.Election {
		if !n.faults.now.Drop {
			t.SendElection(rd.Election[i].To, &rd.Election[i].M)
		}
	}
	l := &n.loop
	for _, o := range rd.Send {
		if len(l.send[o.Link]) == 0 {
			l.sendOrder = append(l.sendOrder, o.Link)
		}
		l.send[o.Link] = append(l.send[o.Link], o.M)
	}
	for _, id := range l.sendOrder {
		messages := l.send[id]
		if n.faults.enabled {
			messages = n.faultySend(id, messages)
		}
		if n.busy() {
			t.Send(id, messages)
		} else {
			t.SendNow(id, messages)
		}
		delete(l.send, id)
	}
	l.sendOrder = l.sendOrder[:0]
	for _, id := range rd.Close {
		t.CloseLink(id)
	}
	if rd.Dial != 0 {
		t.Dial(rd.Dial)
	}
}

// apply applies what is committed, with the tree locked, and then answers.
func (n *Node) apply() {
	n.tree.Lock()
	n.replica.Apply(applySink{n})
	z := n.replica.State().Zxid
	n.tree.Unlock()
	n.appliedZxid.Store(uint64(z))
	n.writer.applied(true)
	n.flushDirty()
	n.considerSnapshot()
}

// flushDirty sends what was answered: itself where that is quickly done, else
// through the flusher, so that the next batch need not wait.
func (n *Node) flushDirty() {
	dirty := n.loop.dirty
	switch {
	case len(dirty) == 0:
		return
	case len(dirty) <= flushAtOnce && !n.busy():
		for _, c := range dirty {
			c.flush()
		}
	default:
		n.flusher.add(dirty)
	}
	clear(dirty)
	n.loop.dirty = dirty[:0]
}

// flushAtOnce is how many connections the loop itself writes to.
const flushAtOnce = 4

// noteServing follows the replica into and out of service.
func (n *Node) noteServing() {
	n.enter(n.wantedMode())
	n.noteRole(n.replica.Core())
}

// startSync asks for the read grant of a client's sync.
func (n *Node) startSync(c *clientConn, sequence uint64) {
	n.loop.nextSync++
	n.loop.syncs[n.loop.nextSync] = syncWaiter{c, sequence}
	n.replica.Sync(n.loop.nextSync)
}

func (n *Node) grant(grants []zab.Grant) {
	if len(grants) == 0 {
		return
	}
	n.tree.RLock()
	for _, g := range grants {
		if w, ok := n.loop.syncs[g.ID]; ok {
			delete(n.loop.syncs, g.ID)
			w.conn.granted(w.sequence)
			n.markDirty(w.conn)
		}
	}
	n.tree.RUnlock()
	n.flushDirty()
}

// markDirty has c flushed after the present batch.
func (n *Node) markDirty(c *clientConn) {
	c.mu.Lock()
	mark := !c.dirty && !c.reading
	if mark {
		c.dirty = true
	}
	c.mu.Unlock()
	if mark {
		n.loop.dirty = append(n.loop.dirty, c)
	}
}

// forget drops a connection that has ended.
func (n *Node) forget(c *clientConn) {
	delete(n.loop.conns, c.id)
	if s := c.session.Load(); n.loop.sessions[s] == c {
		delete(n.loop.sessions, s)
	}
	n.tree.RLock()
	n.watchLock.Lock()
	n.replica.State().Watches.RemoveWatcher(tree.WatcherID(c.id))
	n.watchLock.Unlock()
	n.tree.RUnlock()
}

// applySink takes what applying brings about. Its methods run in the loop with
// the tree locked.
type applySink struct{ n *Node }

// WatchEvent implements tree.EventSink.
func (s applySink) WatchEvent(w tree.WatcherID, ev *tree.Event) {
	c := s.n.loop.conns[uint64(w)]
	if c == nil {
		return
	}
	c.mu.Lock()
	c.event(ev)
	c.mu.Unlock()
	s.n.markDirty(c)
}

// Reply implements replica.Sink.
func (s applySink) Reply(req uint64, z zxid.Zxid, txn *tree.Transaction, res *tree.Result) {
	if txn.Settings&tree.SettingLocalSession != 0 && txn.Op != tree.OpReconfig {
		s.n.locals.wrote(txn.Session, -1)
	}
	c := s.n.loop.conns[req>>sequenceBits]
	if c == nil {
		return
	}
	if txn.Op == tree.OpCreateSession || txn.Op == tree.OpAttachSession {
		c.established(res)
	} else {
		c.complete(req&(1<<sequenceBits-1), z, res)
	}
	s.n.markDirty(c)
}

// SessionMoved implements replica.Sink.
func (s applySink) SessionMoved(session uint64, owner zxid.ServerID, req uint64) {
	old := s.n.loop.sessions[session]
	var c *clientConn
	if owner == s.n.opt.ID {
		c = s.n.loop.conns[req>>sequenceBits]
	}
	if old != nil && old != c {
		old.dismiss()
	}
	if c == nil {
		delete(s.n.loop.sessions, session)
		return
	}
	s.n.loop.sessions[session] = c
}

// SessionClosed implements replica.Sink.
func (s applySink) SessionClosed(session uint64) {
	c := s.n.loop.sessions[session]
	if c == nil {
		return
	}
	delete(s.n.loop.sessions, session)
	c.dismiss()
	s.n.markDirty(c)
}

var processStart = time.Now()

// monotonic reads this process's clock.
func monotonic() time.Duration { return time.Since(processStart) }

// now is monotonic in nanoseconds, for latencies.
func now() int64 { return int64(monotonic()) }
