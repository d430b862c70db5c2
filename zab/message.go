package zab

import (
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Kind says what a message on leader_port means.
type Kind uint8

// The message kinds, with the direction: F from follower to leader, L from
// leader to follower. Kinds from PassThrough on belong to the layer above; the
// core neither reads nor makes them.
const (
	FollowerInfo Kind = 1  // F: Accepted, Zxid (last), Blank, ConfigZxid, Table
	AskInfo      Kind = 2  // L: asks for a fresh FollowerInfo on a live link (renewal)
	NewEpoch     Kind = 3  // L: Epoch, Seq
	AckEpoch     Kind = 4  // F: Epoch, Seq, Vote, Zxid, Spans, Base, ConfigZxid, Config
	NackEpoch    Kind = 5  // F: Accepted
	HistoryPull  Kind = 6  // L: Epoch, Zxid, Spans, Base; asks the donor for its history
	Truncate     Kind = 7  // both: Zxid, the last common record
	Proposal     Kind = 8  // both: Prev, Runs, Commit
	Acknowledge  Kind = 9  // F: Zxid, cumulative
	Commit       Kind = 10 // L: Zxid, cumulative
	UpToDate     Kind = 11 // L: Zxid, what must be applied before clients are served
	Ping         Kind = 12 // L: Seq, Time, Commit
	Pong         Kind = 13 // F: Seq, Time, Zxid (durable)
	ReadRequest  Kind = 14 // F: Seq
	ReadGrant    Kind = 15 // L: Seq, Zxid
	Goodbye      Kind = 16 // both: the sender ends this link on purpose
	HandOver     Kind = 17 // L: Epoch, Seq (the successor's number)

	PassThrough Kind = 64
)

// Message is one message on a replication link. Fields that its kind does not
// name are zero.
type Message struct {
	Kind       Kind
	Epoch      zxid.Epoch
	Zxid       zxid.Zxid
	Prev       zxid.Zxid
	Commit     zxid.Zxid
	Base       zxid.Zxid
	Accepted   zxid.Epoch
	Vote       bool
	Blank      bool
	Seq        uint64
	Time       Millis
	Table      uint64
	ConfigZxid zxid.Zxid
	Config     []byte
	Spans      []record.Span
	// Runs are encoded records, each run a concatenation. The bytes are shared
	// with the log and other followers and never change.
	Runs [][]byte
	// Payload is for the layer above.
	Payload []byte
}

// String returns the name that the message has in logs and documents.
func (k Kind) String() string {
	names := [...]string{"", "follower_info", "ask_info", "new_epoch", "ack_epoch", "nack_epoch", "history_pull",
		"sync_trunc", "transaction_proposal", "transaction_acknowledge", "transaction_commit", "up_to_date",
		"ping", "pong", "read_index", "read_index_ok", "goodbye", "handoff"}
	if k > 0 && int(k) < len(names) {
		return names[k]
	}
	return "pass_through"
}
