package tree

import (
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// Op says what a transaction does. Client operations keep ZooKeeper's numbers,
// those that ZooKeeper does not have got free ones.
type Op uint8

// The operations of transactions.
const (
	OpCreate          Op = 1
	OpDelete          Op = 2
	OpSetData         Op = 5
	OpSetACL          Op = 7
	OpMulti           Op = 14
	OpCreate2         Op = 15
	OpReconfig        Op = 16 // as received: for the leader to carry out; in the log: refused, body the error code
	OpCreateContainer Op = 19
	OpReap            Op = 20 // a leader's delete of an idle container or TTL node; body {path}
	OpCreateTTL       Op = 21
	OpDeleteRecursive Op = 30
	OpCreateParents   Op = 31
	OpCreateSession   Op = 100 // the new session's id is the zxid, or Session where a local one becomes global; body AppendSessionBody
	OpAttachSession   Op = 101 // moves Session to Origin; body AppendSessionBody
	OpCloseSession    Op = 102 // no body
	OpSetConfig       Op = 103 // replaces the text of /zookeeper/config; body is the text
)

// OpFor returns the transaction that carries out a client's write, or false when
// the operation is not a write.
func OpFor(op wire.OpCode) (Op, bool) {
	switch op {
	case wire.OpCreate, wire.OpDelete, wire.OpSetData, wire.OpSetACL, wire.OpMulti,
		wire.OpCreate2, wire.OpCreateContainer, wire.OpCreateTTL, wire.OpReconfig:
		return Op(op), true
	case wire.OpDeleteRecursive:
		return OpDeleteRecursive, true
	case wire.OpCreateParents:
		return OpCreateParents, true
	case wire.OpCloseSession:
		return OpCloseSession, true
	}
	return 0, false
}

// Settings are the leader's settings that change an outcome. They travel in the
// transaction because nothing local may influence an apply.
type Settings uint8

// The settings.
const (
	SettingEnforceQuota  Settings = 1 << iota // hard quotas refuse
	SettingSkipACL                            // no ACL check at all
	SettingExtendedTypes                      // TTL nodes may be created
	SettingSASL                               // sasl is a known ACL scheme
	SettingX509                               // x509 is a known ACL scheme
)

// SettingLocalSession is an origin's word that its client's session was local when
// the client asked. The leader's stamp leaves it in place.
const SettingLocalSession Settings = 1 << 6

// SettingOperator is an origin's word to its leader, in a transaction on its way
// there: the client runs on the server's own host and may change the membership.
const SettingOperator Settings = 1 << 7

// TimeMsMax is the latest time a transaction can carry.
const TimeMsMax = 1<<48 - 1

// Transaction is a client's operation as received, with what the servers add.
type Transaction struct {
	Op         Op
	Settings   Settings
	TimeMs     int64         // the leader's clock, ms since the Unix epoch
	Origin     zxid.ServerID // the server the client is attached to
	Request    uint64        // the origin's number for it, to find the waiting client
	Session    uint64        // 0 for the servers' own transactions, whose owner is not checked
	Identities Identities
	Body       []byte // for a client's operation its jute record, byte for byte
}

// AppendSessionBody appends the body of OpCreateSession and OpAttachSession. The
// nonce tells the connections of one server apart.
func AppendSessionBody(dst []byte, timeoutMs int32, password [wire.PasswordBytes]byte, nonce uint64) []byte {
	dst = wire.AppendInt(dst, timeoutMs)
	dst = append(dst, password[:]...)
	return wire.AppendLong(dst, int64(nonce))
}

type sessionBody struct {
	timeoutMs int32
	password  [wire.PasswordBytes]byte
	nonce     uint64
}

const sessionBodyBytes = 4 + wire.PasswordBytes + 8

func decodeSessionBody(b []byte) (s sessionBody, ok bool) {
	if len(b) < sessionBodyBytes {
		return s, false
	}
	r := wire.NewReader(b)
	s.timeoutMs = r.Int()
	copy(s.password[:], r.Rest())
	r = wire.NewReader(b[4+wire.PasswordBytes:])
	s.nonce = uint64(r.Long())
	return s, true
}

// String returns the operation's name in logs and histories.
func (op Op) String() string {
	switch op {
	case OpDeleteRecursive:
		return wire.OpDeleteRecursive.String()
	case OpCreateParents:
		return wire.OpCreateParents.String()
	case OpReap:
		return "reap"
	case OpCreateSession:
		return "createSession"
	case OpAttachSession:
		return "attachSession"
	case OpCloseSession:
		return "closeSession"
	case OpSetConfig:
		return "setConfig"
	default:
		return wire.OpCode(op).String()
	}
}
