package config

import "time"

// LocalSessions are sessions that cost no transaction.
type LocalSessions struct {
	Enabled bool
	Upgrade bool // to a global one, for ephemeral nodes
}

// Throttle says when requests wait, and when they are refused instead.
type Throttle struct {
	Requests   int           // writes under way above which requests wait; 0 for no limit
	RefuseWait time.Duration // a request that waited longer is not carried out; 0 for never

	LargeThreshold int // bytes above which a request is a large one; 0 for never
	LargeBytesMax  int // of all large requests at a time
}

// ConnectionThrottle bounds the rate of new connections with a bucket of tokens.
type ConnectionThrottle struct {
	Tokens    int // at the most in the bucket; 0 for no limit
	FillTime  time.Duration
	FillCount int

	// While the bucket is empty, connections are refused at random, more and more
	// of them, one step each FreezeTime; 0 leaves that out.
	FreezeTime    time.Duration
	DropIncrease  float64
	DropDecrease  float64
	DecreaseRatio float64 // how much of the bucket may be empty for a step back

	WeightEnabled bool // tokens by what a connection costs
	GlobalWeight  int
	LocalWeight   int
	RenewWeight   int
}

func defaultThrottle() Throttle { return Throttle{LargeBytesMax: 100 << 20} }

func defaultConnectionThrottle() ConnectionThrottle {
	return ConnectionThrottle{FillTime: time.Millisecond, FillCount: 1, DropIncrease: 0.02, DropDecrease: 0.002,
		GlobalWeight: 3, LocalWeight: 1, RenewWeight: 2}
}

// clientSettings are about sessions, and about clients that ask for too much.
func (c *Config) clientSettings() []setting {
	t, n := &c.Throttle, &c.ConnectionThrottle
	return []setting{
		{key: "read_only_mode", place: &c.ReadOnlyMode},
		{key: "local_sessions.enabled", place: &c.LocalSessions.Enabled},
		{key: "local_sessions.upgrade", place: &c.LocalSessions.Upgrade},

		{key: "throttle.requests", place: &t.Requests, least: 0, most: 1 << 24},
		{key: "throttle.refuse_wait", place: &t.RefuseWait, least: 0, most: hour},
		{key: "throttle.large_threshold", place: &t.LargeThreshold, least: 0, most: 15 << 20},
		{key: "throttle.large_bytes_max", place: &t.LargeBytesMax, least: 1024, most: 1 << 40},

		{key: "connection_throttle.tokens", place: &n.Tokens, least: 0, most: 1 << 24},
		{key: "connection_throttle.fill_time", place: &n.FillTime, least: milli, most: hour},
		{key: "connection_throttle.fill_count", place: &n.FillCount, least: 1, most: 1 << 24},
		{key: "connection_throttle.freeze_time", place: &n.FreezeTime, least: 0, most: hour},
		{key: "connection_throttle.drop_increase", place: &n.DropIncrease, most: 1},
		{key: "connection_throttle.drop_decrease", place: &n.DropDecrease, most: 1},
		{key: "connection_throttle.decrease_ratio", place: &n.DecreaseRatio, most: 1},
		{key: "connection_throttle.weight_enabled", place: &n.WeightEnabled},
		{key: "connection_throttle.global_session_weight", place: &n.GlobalWeight, least: 1, most: 1 << 16},
		{key: "connection_throttle.local_session_weight", place: &n.LocalWeight, least: 1, most: 1 << 16},
		{key: "connection_throttle.renew_session_weight", place: &n.RenewWeight, least: 1, most: 1 << 16},
	}
}

// validateThrottle finds a bucket from which some connection can never be paid.
func (c *Config) validateThrottle(p *Problems) {
	n := &c.ConnectionThrottle
	if dearest := max(n.GlobalWeight, n.LocalWeight, n.RenewWeight); n.WeightEnabled && n.Tokens > 0 && n.Tokens < dearest {
		p.add("", 0, "connection_throttle.tokens", "fewer than the weight of one session: some clients could never connect",
			"make it as large as the largest weight")
	}
}
