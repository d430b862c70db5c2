package config

// zooKey is a key of zoo.cfg that means one of our settings.
type zooKey struct {
	key  string // ours
	unit int64  // of a number: ZooKeeper's in ours; of a duration: in nanoseconds
	// off is written as 0 or less in zoo.cfg.
	off int64
	// zero is what any number below it means.
	zero bool
}

var zooKeys = map[string]zooKey{
	"tickTime":                                  {key: "tick_time", unit: milli},
	"minSessionTimeout":                         {key: "min_session_timeout", unit: milli},
	"maxSessionTimeout":                         {key: "max_session_timeout", unit: milli},
	"nio.sessionlessCnxnTimeout":                {key: "handshake_timeout", unit: milli},
	"maxClientCnxns":                            {key: "max_client_connections", unit: 1},
	"maxCnxns":                                  {key: "max_connections", unit: 1},
	"jute.maxbuffer":                            {key: "frame_bytes_max", unit: 1},
	"globalOutstandingLimit":                    {key: "global_outstanding_limit", unit: 1},
	"snapCount":                                 {key: "snapshot_count", unit: 1},
	"znode.container.checkIntervalMs":           {key: "reap_interval", unit: milli},
	"znode.container.maxNeverUsedIntervalMs":    {key: "never_used_interval", unit: milli},
	"znode.container.maxPerMinute":              {key: "reap_max", unit: 1},
	"snapSizeLimitInKb":                         {key: "snapshot_bytes", unit: 1024, off: 1 << 40},
	"txnLogSizeLimitInKb":                       {key: "segment_bytes", unit: 1024, off: 64 << 20},
	"autopurge.snapRetainCount":                 {key: "snapshots_kept", unit: 1},
	"extendedTypesEnabled":                      {key: "extended_types"},
	"enforceQuota":                              {key: "enforce_quota"},
	"skipACL":                                   {key: "skip_acl"},
	"quorumListenOnAllIPs":                      {key: "listen_on_all"},
	"reconfigEnabled":                           {key: "reconfig_enabled"},
	"DigestAuthenticationProvider.superDigest":  {key: "super_digest"},
	"DigestAuthenticationProvider.digestAlg":    {key: "digest_algorithm"},
	"X509AuthenticationProvider.superUser":      {key: "x509.super_user"},
	"SASLAuthenticationProvider.superPassword":  {key: "sasl.super_password"},
	"allowSaslFailedClients":                    {key: "sasl.allow_failed"},
	"sasl.serverconfig":                         {key: "sasl.jaas_section"},
	"kerberos.removeHostFromPrincipal":          {key: "sasl.remove_host"},
	"kerberos.removeRealmFromPrincipal":         {key: "sasl.remove_realm"},
	"localSessionsEnabled":                      {key: "local_sessions.enabled"},
	"localSessionsUpgradingEnabled":             {key: "local_sessions.upgrade"},
	"readonlymode.enabled":                      {key: "read_only_mode"},
	"requestThrottleLimit":                      {key: "throttle.requests", unit: 1},
	"request_throttle_max_requests":             {key: "throttle.requests", unit: 1},
	"throttled_op_wait_time":                    {key: "throttle.refuse_wait", unit: milli},
	"largeRequestThreshold":                     {key: "throttle.large_threshold", unit: 1, zero: true},
	"largeRequestMaxBytes":                      {key: "throttle.large_bytes_max", unit: 1},
	"connection_throttle_tokens":                {key: "connection_throttle.tokens", unit: 1},
	"connection_throttle_fill_time":             {key: "connection_throttle.fill_time", unit: milli},
	"connection_throttle_fill_count":            {key: "connection_throttle.fill_count", unit: 1},
	"connection_throttle_freeze_time":           {key: "connection_throttle.freeze_time", unit: milli},
	"connection_throttle_drop_increase":         {key: "connection_throttle.drop_increase"},
	"connection_throttle_drop_decrease":         {key: "connection_throttle.drop_decrease"},
	"connection_throttle_decrease_ratio":        {key: "connection_throttle.decrease_ratio"},
	"connection_throttle_weight_enabled":        {key: "connection_throttle.weight_enabled"},
	"connection_throttle_global_session_weight": {key: "connection_throttle.global_session_weight", unit: 1},
	"connection_throttle_local_session_weight":  {key: "connection_throttle.local_session_weight", unit: 1},
	"connection_throttle_renew_session_weight":  {key: "connection_throttle.renew_session_weight", unit: 1},
}
