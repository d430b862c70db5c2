package config

import (
	"slices"
	"time"
)

// setting ties a key to its place in a Config. The type of place is the type of
// the value; numbers and durations lie between least and most.
type setting struct {
	key         string
	place       any // *string, *bool, *int, *int64, *uint32, *float64, *time.Duration, *[]string, *map[string]string
	least, most int64
	choices     []string
}

const (
	hour   = int64(time.Hour)
	milli  = int64(time.Millisecond)
	minute = int64(time.Minute)
)

var (
	digestAlgorithms = []string{"SHA1", "SHA256", "SHA512"}
	logLevels        = []string{"trace", "debug", "info", "warn", "error"}
	logFormats       = []string{"auto", "console", "json"}
)

// settings lists every key of the TOML file. A key with a dot stands in the
// table named before it.
func (c *Config) settings() []setting {
	return slices.Concat(c.serverSettings(), c.clientSettings(), c.accessSettings(), c.timingSettings())
}

func (c *Config) serverSettings() []setting {
	return []setting{
		{key: "id", place: &c.ID, least: 1, most: ServerNumberMax},
		{key: "data", place: &c.Data},
		{key: "nodes", place: &c.Nodes},
		{key: "client_address", place: &c.ClientAddress},
		{key: "server_address", place: &c.ServerAddress},
		{key: "leader_address", place: &c.LeaderAddress},
		{key: "listen_on_all", place: &c.ListenOnAll},

		{key: "tick_time", place: &c.TickTime, least: milli, most: hour},
		{key: "min_session_timeout", place: &c.MinSessionTimeout, least: 0, most: 24 * hour},
		{key: "max_session_timeout", place: &c.MaxSessionTimeout, least: 0, most: 24 * hour},
		{key: "handshake_timeout", place: &c.HandshakeTimeout, least: milli, most: hour},
		{key: "max_client_connections", place: &c.MaxClientConnections, least: 0, most: 1 << 24},
		{key: "max_connections", place: &c.MaxConnections, least: 0, most: 1 << 24},
		{key: "frame_bytes_max", place: &c.FrameBytesMax, least: 1024, most: 15 << 20},
		{key: "reply_bytes_max", place: &c.ReplyBytesMax, least: 0, most: 1 << 30},
		{key: "global_outstanding_limit", place: &c.GlobalOutstandingLimit, least: 1, most: 1 << 24},
		{key: "max_requests_per_connection", place: &c.MaxRequestsPerConnection, least: 1, most: 1 << 15},

		{key: "snapshot_count", place: &c.SnapshotCount, least: 2, most: 1 << 31},
		{key: "snapshot_bytes", place: &c.SnapshotBytes, least: 1 << 20, most: 1 << 40},
		{key: "snapshots_kept", place: &c.SnapshotsKept, least: 1, most: 1000},
		{key: "segment_bytes", place: &c.SegmentBytes, least: 1 << 20, most: 1 << 32},

		{key: "reap_interval", place: &c.ReapInterval, least: 0, most: 24 * hour},
		{key: "reap_max", place: &c.ReapMax, least: 1, most: 1 << 24},
		{key: "never_used_interval", place: &c.NeverUsedInterval, least: 0, most: 1000 * 24 * hour},

		{key: "log.level", place: &c.Log.Level, choices: logLevels},
		{key: "log.format", place: &c.Log.Format, choices: logFormats},
	}
}

// accessSettings are about what clients may do, and who they are.
func (c *Config) accessSettings() []setting {
	return []setting{
		{key: "four_letter_words", place: &c.FourLetterWords},
		{key: "extended_types", place: &c.ExtendedTypes},
		{key: "enforce_quota", place: &c.EnforceQuota},
		{key: "skip_acl", place: &c.SkipACL},
		{key: "super_digest", place: &c.SuperDigest},
		{key: "reconfig_enabled", place: &c.ReconfigEnabled},
		{key: "voters_min", place: &c.VotersMin, least: 1, most: RowsMax},
		{key: "operators", place: &c.Operators},
		{key: "digest_algorithm", place: &c.DigestAlgorithm, choices: digestAlgorithms},
		{key: "enforce_auth", place: &c.EnforceAuth},
		{key: "ensemble_names", place: &c.EnsembleNames},

		{key: "sasl.enabled", place: &c.SASL.Enabled},
		{key: "sasl.users", place: &c.SASL.Users},
		{key: "sasl.jaas_file", place: &c.SASL.JAASFile},
		{key: "sasl.jaas_section", place: &c.SASL.JAASSection},
		{key: "sasl.super_users", place: &c.SASL.SuperUsers},
		{key: "sasl.super_password", place: &c.SASL.SuperPassword},
		{key: "sasl.allow_failed", place: &c.SASL.AllowFailed},
		{key: "sasl.keytab", place: &c.SASL.Keytab},
		{key: "sasl.principal", place: &c.SASL.Principal},
		{key: "sasl.remove_host", place: &c.SASL.RemoveHost},
		{key: "sasl.remove_realm", place: &c.SASL.RemoveRealm},

		{key: "x509.enabled", place: &c.X509.Enabled},
		{key: "x509.super_user", place: &c.X509.SuperUser},
	}
}

func (c *Config) timingSettings() []setting {
	t := &c.Timing
	return []setting{
		{key: "timing.heartbeat", place: &t.Heartbeat, least: milli, most: minute},
		{key: "timing.link_timeout", place: &t.LinkTimeout, least: milli, most: minute},
		{key: "timing.settle", place: &t.Settle, least: milli, most: minute},
		{key: "timing.standby", place: &t.Standby, least: milli, most: minute},
		{key: "timing.penalty_min", place: &t.PenaltyMin, least: milli, most: hour},
		{key: "timing.penalty_max", place: &t.PenaltyMax, least: milli, most: hour},
		{key: "timing.backoff_max", place: &t.BackoffMax, least: milli, most: hour},
		{key: "timing.ping", place: &t.Ping, least: milli, most: minute},
		{key: "timing.follow_timeout", place: &t.FollowTimeout, least: milli, most: hour},
		{key: "timing.quorum_timeout", place: &t.QuorumTimeout, least: milli, most: hour},
		{key: "timing.peer_timeout", place: &t.PeerTimeout, least: milli, most: hour},
		{key: "timing.establish_timeout", place: &t.EstablishTimeout, least: milli, most: hour},
		{key: "timing.progress_timeout", place: &t.ProgressTimeout, least: milli, most: hour},
	}
}
