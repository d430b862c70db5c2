package client

// State is where a session stands.
type State int

// The states. The last three are final.
const (
	StateConnecting State = iota
	StateConnected
	// StateConnectedReadOnly is a connection to a server without a leader: only
	// reads work. See Options.ReadOnly.
	StateConnectedReadOnly
	StateExpired
	StateAuthFailed
	StateClosed
)

// String returns the word that ZooKeeper's shell shows.
func (s State) String() string {
	return [...]string{"CONNECTING", "CONNECTED", "CONNECTEDREADONLY", "EXPIRED", "AUTH_FAILED", "CLOSED"}[s]
}

// StateChange is told to Options.OnState.
type StateChange struct {
	State State
	// Server is the address connected to, or the one that was lost or failed.
	Server string
	// Err says why a connection was lost or could not be made.
	Err error
}
