package config

import "time"

// Config is every setting of a server. The keys of a file are listed by
// settings, with their limits; sample.toml explains them.
type Config struct {
	ID   uint32 // this server's number in the node table
	Data string // the data directory
	// Nodes is the path of the node table; empty for a server on its own. Load
	// resolves it against the directory of the file.
	Nodes string
	// ClientAddress overrides where clients connect; its host may be empty for
	// all addresses. Empty: the client_port of this server's row.
	ClientAddress string
	// ServerAddress and LeaderAddress override where this server listens for the
	// others, where something stands between it and the address in its row.
	ServerAddress, LeaderAddress string
	// ListenOnAll binds server_port and leader_port on all addresses, for hosts
	// that do not own the address in their row.
	ListenOnAll bool

	TickTime             time.Duration
	MinSessionTimeout    time.Duration // 0: 2 ticks
	MaxSessionTimeout    time.Duration // 0: 20 ticks
	HandshakeTimeout     time.Duration
	MaxClientConnections int // of one address; 0 for no limit
	MaxConnections       int // of all clients; 0 for no limit
	FrameBytesMax        int
	ReplyBytesMax        int
	// GlobalOutstandingLimit is how many writes may be under way before clients
	// are held back.
	GlobalOutstandingLimit   int
	MaxRequestsPerConnection int

	SnapshotCount int   // transactions between snapshots
	SnapshotBytes int64 // log bytes between snapshots
	SnapshotsKept int
	SegmentBytes  int64

	ReapInterval      time.Duration // between removals of idle containers and outlived TTL nodes; 0 for never
	ReapMax           int           // removals a minute
	NeverUsedInterval time.Duration // removes containers that never had a child; 0 keeps them

	FourLetterWords []string // "*" for all
	ExtendedTypes   bool     // TTL nodes
	EnforceQuota    bool
	SkipACL         bool
	SuperDigest     string
	ReconfigEnabled bool
	VotersMin       int      // a reconfiguration leaves at least so many
	Operators       []string // addresses or networks whose clients may run the cluster
	DigestAlgorithm string

	// EnforceAuth lists authentication schemes: a client without an identity of
	// one of them may do nothing. Empty lets everybody in.
	EnforceAuth []string
	// EnsembleNames are what clients may call this ensemble with the scheme
	// ensemble; "*" is anything. Empty: the scheme is unknown.
	EnsembleNames []string

	// ReadOnlyMode serves clients that ask for it while there is no leader.
	ReadOnlyMode       bool
	LocalSessions      LocalSessions
	Throttle           Throttle
	ConnectionThrottle ConnectionThrottle

	SASL   SASL
	X509   X509
	Log    Log
	Timing Timing
}

// Log says what is logged and how.
type Log struct {
	Level  string // trace, debug, info, warn, error
	Format string // json, console, auto: console on a terminal
}

// Timing holds the waits of election and replication. All servers should have
// the same.
type Timing struct {
	Heartbeat        time.Duration
	LinkTimeout      time.Duration
	Settle           time.Duration
	Standby          time.Duration
	PenaltyMin       time.Duration
	PenaltyMax       time.Duration
	BackoffMax       time.Duration
	Ping             time.Duration
	FollowTimeout    time.Duration
	QuorumTimeout    time.Duration
	PeerTimeout      time.Duration
	EstablishTimeout time.Duration
	ProgressTimeout  time.Duration
}

// The defaults that other packages and documents refer to.
const (
	DefaultClientPort = 2181
	DefaultData       = "/var/lib/zabkeeper"
)

// Defaults returns the settings of a server without a file.
func Defaults() *Config {
	return &Config{
		ID:                       1,
		Data:                     DefaultData,
		TickTime:                 2 * time.Second,
		HandshakeTimeout:         10 * time.Second,
		MaxClientConnections:     60,
		FrameBytesMax:            0xfffff,
		GlobalOutstandingLimit:   20_000,
		MaxRequestsPerConnection: 8192,
		SnapshotCount:            400_000,
		SnapshotBytes:            64 << 20,
		SnapshotsKept:            3,
		SegmentBytes:             64 << 20,
		ReapInterval:             time.Minute,
		ReapMax:                  10_000,
		FourLetterWords:          []string{"srvr"},
		ExtendedTypes:            true,
		ReconfigEnabled:          true,
		VotersMin:                1,
		Operators:                []string{"127.0.0.0/8", "::1"},
		DigestAlgorithm:          "SHA1",
		Throttle:                 defaultThrottle(),
		ConnectionThrottle:       defaultConnectionThrottle(),
		SASL:                     SASL{JAASSection: defaultJAASSection},
		Log:                      Log{Level: "info", Format: "auto"},
		Timing: Timing{
			Heartbeat:        50 * time.Millisecond,
			LinkTimeout:      300 * time.Millisecond,
			Settle:           60 * time.Millisecond,
			Standby:          300 * time.Millisecond,
			PenaltyMin:       time.Second,
			PenaltyMax:       30 * time.Second,
			BackoffMax:       5 * time.Second,
			Ping:             50 * time.Millisecond,
			FollowTimeout:    600 * time.Millisecond,
			QuorumTimeout:    500 * time.Millisecond,
			PeerTimeout:      500 * time.Millisecond,
			EstablishTimeout: 2 * time.Second,
			ProgressTimeout:  5 * time.Second,
		},
	}
}

// Standalone returns the settings and the node table of a server on its own,
// for which no file is needed.
func Standalone(dataDir string) (*Config, *Table) {
	c := Defaults()
	c.Data = dataDir
	return c, &Table{Name: "(standalone)", Rows: []Row{{ID: c.ID, Host: "127.0.0.1", ClientPort: DefaultClientPort, Weight: 1}}}
}

// SessionTimeouts returns the limits of a session's timeout, with the defaults
// that depend on the tick.
func (c *Config) SessionTimeouts() (least, most time.Duration) {
	least, most = c.MinSessionTimeout, c.MaxSessionTimeout
	if least == 0 {
		least = 2 * c.TickTime
	}
	if most == 0 {
		most = 20 * c.TickTime
	}
	return least, most
}
