package tree

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// ErrTransaction is wrapped by every failure to decode a transaction.
var ErrTransaction = errors.New("tree: malformed transaction")

// Fixed offsets, so that a leader stamps in place what an origin encoded.
const (
	// Version 2 added operations, alone and in a multi. The layout did not
	// change, and logs of version 1 are read; but a server that knows no newer
	// one refuses what it would apply differently.
	transactionVersion    = 2
	transactionVersionMin = 1

	offsetVersion  = 0
	offsetSettings = 1
	offsetOp       = 2
	offsetTime     = 3
	offsetRest     = 9
)

// TransactionBytesMin is what StampTransaction needs of an encoded transaction.
const TransactionBytesMin = offsetRest

// AppendTransaction appends the encoded form of txn.
func AppendTransaction(dst []byte, txn *Transaction) []byte {
	assert(txn.TimeMs >= 0 && txn.TimeMs <= TimeMsMax, "time outside of 48 bits")
	dst = append(dst, transactionVersion, byte(txn.Settings), byte(txn.Op))
	dst = appendTime(dst, txn.TimeMs)
	dst = binary.AppendUvarint(dst, uint64(txn.Origin))
	dst = binary.AppendUvarint(dst, txn.Request)
	dst = binary.AppendUvarint(dst, txn.Session)
	dst = txn.Identities.append(dst)
	return append(dst, txn.Body...)
}

func appendTime(dst []byte, ms int64) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(ms))
	return binary.LittleEndian.AppendUint16(dst, uint16(ms>>32))
}

// TransactionOp returns the operation of an encoded transaction.
func TransactionOp(b []byte) Op {
	assert(len(b) >= offsetRest, "operation of %d bytes", len(b))
	return Op(b[offsetOp])
}

// StampTransaction sets settings and time of an encoded transaction. What the
// origin says of its client's session stays: nobody else knows.
func StampTransaction(b []byte, settings Settings, timeMs int64) {
	assert(len(b) >= offsetRest, "stamp on %d bytes", len(b))
	assert(timeMs >= 0 && timeMs <= TimeMsMax, "time outside of 48 bits")
	b[offsetSettings] = byte(settings&^SettingLocalSession) | b[offsetSettings]&byte(SettingLocalSession)
	appendTime(b[offsetTime:offsetTime], timeMs)
}

// DecodeTransaction reads txn in place; Identities and Body alias b.
func DecodeTransaction(b []byte, txn *Transaction) error {
	*txn = Transaction{}
	if len(b) < offsetRest || b[offsetVersion] < transactionVersionMin || b[offsetVersion] > transactionVersion {
		return fmt.Errorf("%w: %d bytes, version %d to %d wanted", ErrTransaction, len(b), transactionVersionMin, transactionVersion)
	}
	txn.Settings, txn.Op = Settings(b[offsetSettings]), Op(b[offsetOp])
	txn.TimeMs = int64(binary.LittleEndian.Uint32(b[offsetTime:])) |
		int64(binary.LittleEndian.Uint16(b[offsetTime+4:]))<<32
	rest := b[offsetRest:]
	var origin uint64
	for _, field := range [...]*uint64{&origin, &txn.Request, &txn.Session} {
		v, n := binary.Uvarint(rest)
		if n <= 0 {
			return fmt.Errorf("%w: numbers cut at %d of %d bytes", ErrTransaction, len(b)-len(rest), len(b))
		}
		*field, rest = v, rest[n:]
	}
	if origin > uint64(^zxid.ServerID(0)) {
		return fmt.Errorf("%w: origin %d is no server number", ErrTransaction, origin)
	}
	txn.Origin = zxid.ServerID(origin)
	ids, body, ok := splitIdentities(rest)
	if !ok {
		return fmt.Errorf("%w: identities cut at %d of %d bytes", ErrTransaction, len(b)-len(rest), len(b))
	}
	txn.Identities, txn.Body = ids, body
	return nil
}
