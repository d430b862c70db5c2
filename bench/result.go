package bench

// Result is what a run found out. Its JSON is what `zabkeeper bench --json`
// prints; times in microseconds unless a name says otherwise.
type Result struct {
	Workload    Workload `json:"workload"`
	Servers     []string `json:"servers"`
	Connections int      `json:"connections"`
	InFlight    int      `json:"in_flight,omitempty"` // 0 in an open loop
	Rate        int      `json:"rate,omitempty"`      // asked for; 0 for a closed loop
	Nodes       int      `json:"nodes,omitempty"`
	ValueBytes  int      `json:"value_bytes"`
	Reads       float64  `json:"reads,omitempty"`

	Seconds      float64          `json:"seconds"` // measured
	Operations   int64            `json:"operations"`
	PerSecond    float64          `json:"per_second"`
	Latency      *Quantiles       `json:"latency_us,omitempty"`
	ReadLatency  *Quantiles       `json:"read_latency_us,omitempty"`  // where there are both
	WriteLatency *Quantiles       `json:"write_latency_us,omitempty"` // where there are both
	Errors       map[string]int64 `json:"errors,omitempty"`

	ClientCPU float64         `json:"client_cpu_us_per_operation,omitempty"`
	Use       *ServerUse      `json:"server_use,omitempty"`
	Sessions  *SessionsResult `json:"sessions,omitempty"`
	Watch     *WatchResult    `json:"watch,omitempty"`
	Failover  *FailoverResult `json:"failover,omitempty"`
	Timeline  *Timeline       `json:"timeline,omitempty"`
	Left      string          `json:"left,omitempty"` // the node below which Fill left its nodes
}

// Quantiles of a latency, in microseconds.
type Quantiles struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// ServerUse is what the server processes used during the measured time.
type ServerUse struct {
	PIDs                  []int     `json:"pids"`
	CPUSeconds            float64   `json:"cpu_seconds"`
	CPUPerOperation       float64   `json:"cpu_us_per_operation"`
	ResidentMB            []float64 `json:"resident_mb"` // at the end, one a process
	DiskBytes             int64     `json:"disk_bytes"`
	DiskBytesPerOperation float64   `json:"disk_bytes_per_operation"`
	Ended                 []int     `json:"ended,omitempty"` // processes that are gone; not counted
}

// WatchResult says more of a Watch run, whose operations are events and whose
// latency is from the change to the last event of a round.
type WatchResult struct {
	Rounds int        `json:"rounds"`
	Event  *Quantiles `json:"event_us,omitempty"` // from the change to each event
}

// SessionsResult says more of a Sessions run, whose operations are sessions
// opened and whose latency is that of opening one.
type SessionsResult struct {
	HeldSeconds      float64 `json:"held_seconds"`
	Lost             int64   `json:"lost"` // ended while they were kept alive
	HeldCPU          float64 `json:"held_cpu_us_per_session_second,omitempty"`
	KBPerSession     float64 `json:"resident_kb_per_session,omitempty"`
	ClosedPerSecond  float64 `json:"closed_per_second"`
	OpenedInParallel int     `json:"opened_in_parallel"`
}

// FailoverResult says more of a Failover run. An acknowledged write that a
// server does not have is lost, and the run has failed.
type FailoverResult struct {
	LongestGapMs   float64  `json:"longest_gap_ms"` // without an acknowledged write
	GapAtSeconds   float64  `json:"gap_at_seconds"` // from the start of the writes
	Reconnections  int64    `json:"reconnections"`
	ExpiredSession int64    `json:"expired_sessions"`
	Acknowledged   int64    `json:"acknowledged"`
	Unanswered     int64    `json:"unanswered"` // these may or may not have happened
	Lost           int64    `json:"lost"`       // over all servers
	Checked        []string `json:"checked"`    // servers on which every write was looked up
	Unchecked      []string `json:"unchecked,omitempty"`
}
