package wire

import "strconv"

// OpCode says what a request asks for. Numbers from 2000 up are operations that
// ZooKeeper does not have; see extension.go.
type OpCode int32

// The operations of ZooKeeper 3.9.
const (
	OpNotification         OpCode = 0
	OpCreate               OpCode = 1
	OpDelete               OpCode = 2
	OpExists               OpCode = 3
	OpGetData              OpCode = 4
	OpSetData              OpCode = 5
	OpGetACL               OpCode = 6
	OpSetACL               OpCode = 7
	OpGetChildren          OpCode = 8
	OpSync                 OpCode = 9
	OpPing                 OpCode = 11
	OpGetChildren2         OpCode = 12
	OpCheck                OpCode = 13
	OpMulti                OpCode = 14
	OpCreate2              OpCode = 15
	OpReconfig             OpCode = 16
	OpCheckWatches         OpCode = 17
	OpRemoveWatches        OpCode = 18
	OpCreateContainer      OpCode = 19
	OpDeleteContainer      OpCode = 20
	OpCreateTTL            OpCode = 21
	OpMultiRead            OpCode = 22
	OpAuth                 OpCode = 100
	OpSetWatches           OpCode = 101
	OpSASL                 OpCode = 102
	OpGetEphemerals        OpCode = 103
	OpGetAllChildrenNumber OpCode = 104
	OpSetWatches2          OpCode = 105
	OpAddWatch             OpCode = 106
	OpWhoAmI               OpCode = 107
	OpCreateSession        OpCode = -10
	OpCloseSession         OpCode = -11
	OpError                OpCode = -1
)

// OpClass says which way a request takes through a server.
type OpClass uint8

// The classes of operations.
const (
	ClassUnknown    OpClass = iota // refused with ErrUnimplemented and closed; internal operations included
	ClassRead                      // answered from the local tree
	ClassWrite                     // becomes a transaction
	ClassWatch                     // changes or asks the connection's watches only
	ClassConnection                // ping, authentication, whoAmI: answered by the connection
	ClassSync                      // waits for the leader, changes nothing
	ClassReconfig                  // becomes a configuration record
)

type opInfo struct {
	name  string
	class OpClass
}

// info is the one table of operations; a new one gets a line here and its
// record in a file of its own.
func (o OpCode) info() opInfo {
	switch o {
	case OpCreate:
		return opInfo{"create", ClassWrite}
	case OpDelete:
		return opInfo{"delete", ClassWrite}
	case OpExists:
		return opInfo{"exists", ClassRead}
	case OpGetData:
		return opInfo{"getData", ClassRead}
	case OpSetData:
		return opInfo{"setData", ClassWrite}
	case OpGetACL:
		return opInfo{"getACL", ClassRead}
	case OpSetACL:
		return opInfo{"setACL", ClassWrite}
	case OpGetChildren:
		return opInfo{"getChildren", ClassRead}
	case OpSync:
		return opInfo{"sync", ClassSync}
	case OpPing:
		return opInfo{"ping", ClassConnection}
	case OpGetChildren2:
		return opInfo{"getChildren2", ClassRead}
	case OpCheck:
		return opInfo{"check", ClassUnknown}
	case OpMulti:
		return opInfo{"multi", ClassWrite}
	case OpCreate2:
		return opInfo{"create2", ClassWrite}
	case OpReconfig:
		return opInfo{"reconfig", ClassReconfig}
	case OpCheckWatches:
		return opInfo{"checkWatches", ClassWatch}
	case OpRemoveWatches:
		return opInfo{"removeWatches", ClassWatch}
	case OpCreateContainer:
		return opInfo{"createContainer", ClassWrite}
	case OpDeleteContainer:
		return opInfo{"deleteContainer", ClassUnknown}
	case OpCreateTTL:
		return opInfo{"createTTL", ClassWrite}
	case OpMultiRead:
		return opInfo{"multiRead", ClassRead}
	default:
		return o.extendedInfo()
	}
}

func (o OpCode) extendedInfo() opInfo {
	switch o {
	case OpAuth:
		return opInfo{"auth", ClassConnection}
	case OpSetWatches:
		return opInfo{"setWatches", ClassWatch}
	case OpSASL:
		return opInfo{"sasl", ClassConnection}
	case OpGetEphemerals:
		return opInfo{"getEphemerals", ClassRead}
	case OpGetAllChildrenNumber:
		return opInfo{"getAllChildrenNumber", ClassRead}
	case OpSetWatches2:
		return opInfo{"setWatches2", ClassWatch}
	case OpAddWatch:
		return opInfo{"addWatch", ClassWatch}
	case OpWhoAmI:
		return opInfo{"whoAmI", ClassConnection}
	case OpCreateSession:
		return opInfo{"createSession", ClassUnknown}
	case OpCloseSession:
		return opInfo{"closeSession", ClassWrite}
	case OpNotification:
		return opInfo{"notification", ClassUnknown}
	case OpError:
		return opInfo{"error", ClassUnknown}
	}
	return o.extensionInfo()
}

// Class returns the way the operation takes; ClassUnknown when a client may not
// send it on its own.
func (o OpCode) Class() OpClass { return o.info().class }

// String returns ZooKeeper's name of the operation.
func (o OpCode) String() string {
	if name := o.info().name; name != "" {
		return name
	}
	return "op" + strconv.Itoa(int(o))
}
