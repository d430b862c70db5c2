package election

import "github.com/zabkeeper/zabkeeper/zab/zxid"

// Kind says what a message on server_port means.
type Kind uint8

// The message kinds. Election, HigherID, LowerID and Coordinator are the bully
// algorithm's own; the others keep it quiet while a leader works.
const (
	Heartbeat   Kind = 1 // state of the sender, sent all the time
	Election    Kind = 2 // the sender stands
	HigherID    Kind = 3 // veto: the sender ranks higher and can reach a quorum
	LowerID     Kind = 4 // support
	LeaderIs    Kind = 5 // the sender has a live leader
	Coordinator Kind = 6 // the sender won and leads from now on
	Withdraw    Kind = 7 // the sender gave up a candidacy or leadership
)

// String returns the name that the message has in logs and documents.
func (k Kind) String() string {
	switch k {
	case Heartbeat:
		return "heartbeat"
	case Election:
		return "election"
	case HigherID:
		return "higher_id"
	case LowerID:
		return "lower_id"
	case LeaderIs:
		return "leader_is"
	case Coordinator:
		return "coordinator"
	case Withdraw:
		return "withdraw"
	}
	return "unknown"
}

// Rank orders servers: the last durable record's zxid, then the server number.
type Rank struct {
	Last   zxid.Zxid
	Server zxid.ServerID
}

// Above reports whether r is the higher rank.
func (r Rank) Above(o Rank) bool {
	if r.Last != o.Last {
		return r.Last > o.Last
	}
	return r.Server > o.Server
}

// Role is what a server is doing, as it tells the others.
type Role uint8

// The roles.
const (
	Looking Role = iota
	Following
	Leading
	Observing
)

// String returns the role's name in logs and status output.
func (r Role) String() string {
	switch r {
	case Looking:
		return "looking"
	case Following:
		return "following"
	case Leading:
		return "leading"
	case Observing:
		return "observing"
	}
	return "unknown"
}

// Message is one message between two servers. Fields that a kind does not use
// are zero and are not sent.
type Message struct {
	Kind Kind
	From zxid.ServerID
	// Last is the zxid of the sender's last durable record; with From it is
	// the sender's rank. Every kind carries it.
	Last  zxid.Zxid
	Round uint64 // Election and its answers: the candidate's round

	Role        Role
	Leader      zxid.ServerID // Heartbeat, LeaderIs: whom the sender follows, 0 for nobody
	LeaderEpoch zxid.Epoch
	Established bool // Heartbeat, LeaderIs: Leader holds a quorum's promises
	Live        bool // Heartbeat: the sender has contact with Leader
	Eligible    bool // Heartbeat: the sender may stand
	Connected   bool // Heartbeat: the sender hears a quorum
	Blank       bool // Heartbeat: the sender's log is empty and it is bound to no cluster
	Heard       []zxid.ServerID
}

// Rank returns the sender's rank.
func (m *Message) Rank() Rank { return Rank{m.Last, m.From} }
