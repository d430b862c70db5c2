package zab

import (
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// link is one replication connection: a leader has one per follower, a follower
// has one to its leader.
type link struct {
	id          LinkID
	peer        zxid.ServerID
	incarnation Incarnation

	hasInfo  bool
	accepted zxid.Epoch
	blank    bool
	table    uint64
	last     zxid.Zxid
	answer   *Message // ack_epoch
	asked    uint64   // the new_epoch whose answer is awaited; 0 for none
	offered  uint64   // follower: the last new_epoch's Seq

	// The outgoing cursor. Everything up to sent is under way or there, and
	// everything up to matched is durable at the other end.
	streaming    bool
	sent         zxid.Zxid
	matched      zxid.Zxid
	reading      bool      // a LogRead is under way
	snapshotting bool      // a snapshot is under way
	limit        zxid.Zxid // donor: the cursor ends here; 0 for no end
	commitSent   zxid.Zxid
	upToDate     bool
	window       []sentBatch
	windowBytes  int
	windowCount  int

	lastPong Millis // when the ping was sent that the last pong answered
	pongSeq  uint64

	aligned bool // follower: what comes on this link continues this log
}

// sentBatch is what one proposal put under way.
type sentBatch struct {
	last  zxid.Zxid
	bytes int
	count int
}

// proposalBytesMax bounds the records of one message.
const proposalBytesMax = 1 << 20

// startSync decides how l's server gets the leader's history (A8) and opens the
// cursor that feeds history and live traffic alike (Y11).
func (c *Core) startSync(l *link) {
	a := l.answer
	how := c.openCursor(l, a.Spans, a.Zxid, a.Base)
	c.event(Event{Kind: SyncStarted, Server: l.peer, Zxid: l.sent, Detail: how})
}

// openCursor places l's cursor behind the last common record, after a Truncate
// where the other history goes further, or after a snapshot where the log does
// not reach back far enough. It returns ZooKeeper's word for what it did.
func (c *Core) openCursor(l *link, spans []record.Span, last, base zxid.Zxid) string {
	l.streaming, l.reading, l.snapshotting = true, false, false
	l.matched, l.commitSent, l.upToDate = 0, 0, false
	l.window, l.windowBytes, l.windowCount = l.window[:0], 0, 0
	cp, shared := commonPoint(spans, c.spans)
	fromStart := c.base == 0 && base == 0 // an empty common history is as good as any
	if (!shared && !fromStart) || cp < c.base || cp < base {
		l.snapshotting = true
		c.ready.SendSnapshot = append(c.ready.SendSnapshot, l.id)
		return "SNAP"
	}
	l.sent = cp
	how := "DIFF"
	if last != cp {
		c.send(l.id, Message{Kind: Truncate, Epoch: c.epoch, Zxid: cp})
		how = "TRUNC"
	}
	// A proposal without records tells the other side that its log is now a
	// prefix of this one: there may be nothing else to send, and it has an
	// acknowledgement to repeat that was lost with an earlier link.
	c.send(l.id, Message{Kind: Proposal, Epoch: c.epoch, Prev: cp, Commit: c.committed})
	l.aligned = true
	return how
}

// SnapshotSent reports that the snapshot of z is on its way on link id; the
// records behind z follow it.
func (c *Core) SnapshotSent(id LinkID, z zxid.Zxid) {
	if l := c.anyLink(id); l != nil && l.snapshotting {
		assert(z >= c.base, "zab: snapshot %s is older than the log, which begins behind %s", z, c.base)
		l.snapshotting, l.sent = false, z
	}
}

// Rebased reports that the log lost its oldest records and now begins behind z.
func (c *Core) Rebased(z zxid.Zxid) {
	if z > c.base && z <= c.delivered {
		c.base = z
	}
}

// LogRead answers Ready.ReadLog: raw records that follow the cursor of link id.
// Without any, what the cursor needs is gone from the log, and the link has to
// start over.
func (c *Core) LogRead(id LinkID, after zxid.Zxid, raw []byte) {
	l := c.anyLink(id)
	if l == nil || !l.reading || l.sent != after {
		return
	}
	l.reading = false
	records, err := record.DecodeAll(raw, nil)
	if err != nil || len(records) == 0 {
		c.closeLink(id)
		return
	}
	end := c.cursorEnd(l)
	for len(records) > 0 && records[len(records)-1].Zxid > end {
		records = records[:len(records)-1]
	}
	if len(records) > 0 {
		c.sendRecords(l, records)
	}
}

func (c *Core) anyLink(id LinkID) *link {
	if c.role == Leading {
		return c.lead.link(id)
	}
	if l := c.follow.link; l != nil && l.id == id {
		return l
	}
	return nil
}

// cursorEnd is the last record that may be sent on l now. Observers get what is
// committed (A13), a leader that adopts a history gets what was agreed. A voter
// that is being removed gets everything: its removal needs its majority too.
func (c *Core) cursorEnd(l *link) zxid.Zxid {
	if l.limit != 0 {
		return l.limit
	}
	if c.members.votes(l.peer) {
		return c.last
	}
	return c.committed
}

func (c *Core) pumpAll() {
	c.sendReads()
	for _, l := range c.lead.links {
		if l.streaming {
			c.pump(l)
		}
		if l.streaming && l.aligned && l.commitSent < c.committed && l.sent > 0 {
			l.commitSent = c.committed
			c.send(l.id, Message{Kind: Commit, Epoch: c.epoch, Zxid: c.committed})
		}
	}
}

// pump sends what the window allows. Records that are not in memory any more
// are asked for from the log, so a slow follower costs no memory (B9).
func (c *Core) pump(l *link) {
	if l.snapshotting {
		return
	}
	end := c.cursorEnd(l)
	for !l.reading && l.sent < end && l.windowBytes < c.opt.WindowBytes && l.windowCount < c.opt.WindowRecords {
		room := min(proposalBytesMax, c.opt.WindowBytes-l.windowBytes)
		if !c.tail.holds(l.sent) {
			l.reading = true
			c.ready.ReadLog = append(c.ready.ReadLog, LogRead{Link: l.id, After: l.sent, MaxBytes: room})
			return
		}
		records := c.tail.between(l.sent, end)
		bytes := 0
		for i, r := range records {
			if bytes += len(r.Raw); bytes > room && i > 0 {
				records = records[:i]
				break
			}
		}
		if len(records) == 0 {
			return
		}
		c.sendRecords(l, records)
	}
}

func (c *Core) sendRecords(l *link, records []record.Record) {
	b := sentBatch{last: records[len(records)-1].Zxid, count: len(records)}
	for _, r := range records {
		b.bytes += len(r.Raw)
	}
	c.send(l.id, Message{Kind: Proposal, Epoch: c.epoch, Prev: l.sent, Commit: c.committed, Runs: runs(records, nil)})
	l.sent, l.commitSent, l.aligned = b.last, c.committed, true
	l.window = append(l.window, b)
	l.windowBytes += b.bytes
	l.windowCount += b.count
}

// acked takes what z covers out of the window.
func (l *link) acked(z zxid.Zxid) {
	n := 0
	for n < len(l.window) && l.window[n].last <= z {
		l.windowBytes -= l.window[n].bytes
		l.windowCount -= l.window[n].count
		n++
	}
	if n > 0 {
		l.window = l.window[:copy(l.window, l.window[n:])]
	}
}
