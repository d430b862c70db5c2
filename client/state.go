package client

// State is where a session stands.
type State int

// The states. The last three are final.
const (
	StateConnecting State = iota
	StateConnected
	StateExpired
	StateAuthFailed
	StateClosed
)

// String returns the word that ZooKeeper's shell shows.
func (s State) String() string {
	return [...]string{"CONNECTING", "CONNECTED", "EXPIRED", "AUTH_FAILED", "CLOSED"}[s]
}

// StateChange is told to Options.OnState.
type StateChange struct {
	State State
	// Server is the address connected to, or the one that was lost or failed.
	Server string
	// Err says why a connection was lost or could not be made.
	Err error
}
