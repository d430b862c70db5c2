package zab

import (
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// PersistKind says what a persist operation does.
type PersistKind uint8

// The persist operations. Their writer executes them strictly in order and
// reports the last one of what one sync covers.
const (
	PersistAppend   PersistKind = iota // append Records
	PersistTruncate                    // drop every record behind Zxid, durably, before anything else is written (W3)
	PersistPromise                     // Epoch promised to server To: both slots (W2)
	PersistBarrier                     // nothing; all before it must be durable
	PersistMark                        // the configuration in record Zxid is committed, and says which cluster this is
	PersistInstall                     // the snapshot received on Link replaces log and state (Y9)
)

// PersistOp is one piece of disk work.
type PersistOp struct {
	Seq       uint64
	Kind      PersistKind
	Records   []record.Record
	Zxid      zxid.Zxid
	Committed zxid.Zxid // PersistAppend: the commit point when it was made, a hint for recovery
	Epoch     zxid.Epoch
	To        zxid.ServerID
	Link      LinkID
	Cluster   [16]byte // PersistMark: whose configuration it is
}

// Outbound is one message to send on a link, in order with the link's others.
type Outbound struct {
	Link LinkID
	M    Message
}

// LogRead asks for the records behind After, at most MaxBytes of them, because
// they are not in memory any more. The answer is Core.LogRead.
type LogRead struct {
	Link     LinkID
	After    zxid.Zxid
	MaxBytes int
}

// Grant answers a ReadIndex: once Zxid is applied here, a read is at least as
// fresh as everything that was committed when it was asked for.
type Grant struct {
	ID   uint64
	Zxid zxid.Zxid
}

// EventKind says what an Event reports.
type EventKind uint8

// The events, for logs, counters, the election and traces.
const (
	BecameLooking EventKind = iota
	BecameFollowing
	BecameLeading
	EpochChosen
	HistoryAdopted
	Established
	ServingStarted // leader: its epoch record is committed; follower: it is up to date
	LeaderFailed   // a leader gave up before it was established, or lost its quorum
	FollowFailed   // the leader's port did not answer
	SyncStarted
	LinkRefused
	MembersProposed // a configuration is in the log
	MembersChanged  // a configuration is committed
	LeadershipOffered
	RenewalStarted
	TableDiffers
	Halted
)

// String returns the event's name for traces.
func (k EventKind) String() string {
	names := [...]string{"looks for a leader", "follows", "leads", "chose its epoch", "adopts a history", "is established", "serves",
		"failed to lead", "could not follow", "synchronizes a follower", "refused a link", "proposes members", "has new members",
		"is offered the lead", "renews the epoch", "sees another table", "halts"}
	if int(k) < len(names) {
		return names[k]
	}
	return "does something unknown"
}

// Event is something worth telling a person.
type Event struct {
	Kind   EventKind
	Server zxid.ServerID
	Epoch  zxid.Epoch
	Zxid   zxid.Zxid
	Count  int
	Detail string
}

// Ready is everything that the caller has to carry out. Its slices are valid
// until the next call of Ready.
type Ready struct {
	Persist []PersistOp
	Send    []Outbound
	Dial    zxid.ServerID // connect to this server's leader_port; 0 for nobody
	Close   []LinkID
	ReadLog []LogRead
	// SendSnapshot asks for the newest snapshot to be sent on these links.
	SendSnapshot []LinkID
	Deliver      []record.Record
	Grants       []Grant
	Events       []Event
}

// Ready returns what has come up since the last call.
func (c *Core) Ready() Ready {
	c.flushAppends()
	if c.role == Leading {
		c.pumpAll()
	} else if l := c.follow.link; l != nil && l.streaming {
		c.pump(l)
	}
	r := c.ready
	c.ready, c.handedOut = c.handedOut.emptied(), r
	return r
}

// emptied returns the space of r for another Ready.
func (r *Ready) emptied() Ready {
	return Ready{Persist: emptied(r.Persist), Send: emptied(r.Send), Close: emptied(r.Close), ReadLog: emptied(r.ReadLog),
		SendSnapshot: emptied(r.SendSnapshot), Deliver: emptied(r.Deliver), Grants: emptied(r.Grants), Events: emptied(r.Events)}
}

// spaceMax bounds what one large Ready leaves allocated for the next ones.
const spaceMax = 4096

// emptied returns s without elements and what they point to, or nothing if it
// has become large.
func emptied[T any](s []T) []T {
	if cap(s) > spaceMax {
		return nil
	}
	clear(s)
	return s[:0]
}

// persistOp is what the core has to remember about a PersistOp.
type persistOp struct {
	seq   uint64
	kind  PersistKind
	zxid  zxid.Zxid
	epoch zxid.Epoch
	link  LinkID
	// records is the space of an append's records, to be used again.
	records []record.Record
}

type persistQueue struct {
	next uint64
	ops  []persistOp
}

func (q *persistQueue) complete(seq uint64) (persistOp, bool) {
	if len(q.ops) == 0 || q.ops[0].seq > seq {
		return persistOp{}, false
	}
	op := q.ops[0]
	q.ops = q.ops[1:]
	return op, true
}

// clamp keeps appends that are still under way from making anything behind z
// durable again, once the log was cut there.
func (q *persistQueue) clamp(z zxid.Zxid) {
	for i := range q.ops {
		if q.ops[i].kind == PersistAppend || q.ops[i].kind == PersistTruncate {
			q.ops[i].zxid = min(q.ops[i].zxid, z)
		}
	}
}

func (c *Core) addPersist(op PersistOp, remember persistOp) {
	if op.Kind != PersistAppend {
		c.flushAppends() // order is the whole contract
	}
	c.persist.next++
	op.Seq = c.persist.next
	remember.seq, remember.kind = op.Seq, op.Kind
	c.persist.ops = append(c.persist.ops, remember)
	c.ready.Persist = append(c.ready.Persist, op)
}

// flushAppends turns the records that were added since the last Ready into one
// persist operation.
func (c *Core) flushAppends() {
	if len(c.appended) == 0 {
		return
	}
	records := c.appended
	c.appended, c.spare = c.spare, nil
	c.addPersist(PersistOp{Kind: PersistAppend, Records: records, Committed: c.committed},
		persistOp{zxid: records[len(records)-1].Zxid, records: records})
}

func (c *Core) send(id LinkID, m Message) {
	c.ready.Send = append(c.ready.Send, Outbound{id, m})
}

func (c *Core) closeLink(id LinkID) { c.ready.Close = append(c.ready.Close, id) }

func (c *Core) event(e Event) { c.ready.Events = append(c.ready.Events, e) }
