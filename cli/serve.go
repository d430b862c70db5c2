package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/zabkeeper/zabkeeper/config"
	"github.com/zabkeeper/zabkeeper/election"
	"github.com/zabkeeper/zabkeeper/node"
	"github.com/zabkeeper/zabkeeper/node/auth"
	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/sasl"
	"github.com/zabkeeper/zabkeeper/sasl/kerberos"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// serveFlags are what the command line says; each is a key of the settings too.
type serveFlags struct {
	id     uint32
	nodes  string
	data   string
	config string
	zoocfg string
	listen string
	level  string
	join   string
	host   string
	ports  []int
	faults string
	mode   string
}

func newServeCommand(env *environment) *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run a server",
		Long: `Run a server of the cluster that a node table describes, or one on its own.

  zabkeeper serve --id 1 --nodes nodes.txt --data /var/lib/zabkeeper
  zabkeeper serve --config server.toml
  zabkeeper serve --zoocfg zoo.cfg          an unchanged ZooKeeper configuration
  zabkeeper serve --join 10.0.0.1:2181      a new server for a running cluster
  zabkeeper serve                           one server on its own, on loopback`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.join == "" && (f.host != "" || len(f.ports) > 0) {
				return errors.New("--host and --ports go with --join")
			}
			return serve(c.Context(), f, env.stdout)
		},
	}
	c.Flags().Uint32Var(&f.id, "id", 0, "this server's number in the node table")
	c.Flags().StringVar(&f.nodes, "nodes", "", "the node table")
	c.Flags().StringVar(&f.data, "data", "", "the data directory")
	c.Flags().StringVar(&f.config, "config", "", "settings in TOML")
	c.Flags().StringVar(&f.zoocfg, "zoocfg", "", "a zoo.cfg in place of node table and settings")
	c.Flags().StringVar(&f.listen, "client-address", "", "where clients connect, HOST:PORT (default: the server's row)")
	c.Flags().StringVar(&f.join, "join", "", "follow the cluster of these servers, HOST:PORT[,HOST:PORT...], until 'zabkeeper node add' makes this one a member")
	c.Flags().StringVar(&f.host, "host", "", "with --join: the address of this server for others (default: the one that reaches the cluster)")
	c.Flags().IntSliceVar(&f.ports, "ports", nil, "with --join: server_port,leader_port,client_port (default: the cluster's, or free ones)")
	c.Flags().StringVar(&f.faults, "faults", "", "go wrong on purpose, for tests: none, drop, or propose:10s,acknowledge:20s,commit:30s; 'zabkeeper fault' changes it")
	c.Flags().StringVar(&f.mode, "mode", "", "likewise in short: p:10::a:20::c:30 in seconds, or d:0")
	c.MarkFlagsMutuallyExclusive("faults", "mode")
	c.Flags().StringVar(&f.level, "log-level", "", "trace, debug, info, warn or error")
	return c
}

// serve runs a server until it is told to end.
func serve(ctx context.Context, f serveFlags, stdout io.Writer) error {
	c, t, warnings, err := settings(ctx, f)
	if err != nil {
		return exit(statusUsage, err)
	}
	out := newBackgroundWriter(stdout)
	defer out.Close()
	log, err := newLogger(c, stdout, out)
	if err != nil {
		return exit(statusUsage, err)
	}
	for _, w := range warnings {
		log.Warn().Msg(w.String())
	}
	o := nodeOptions(c, t, log)
	if f.join != "" {
		asJoining(&o)
	}
	if spec := f.faults + f.mode; spec != "" {
		faults, err := node.ParseFaults(spec)
		if err != nil {
			return exit(statusUsage, err)
		}
		o.Faults = &faults
	}
	if o.Auth, err = authOptions(c); err != nil {
		return exit(statusUsage, err)
	}
	if err := ensureParent(o.DataDir); err != nil {
		return exit(statusFailed, err)
	}
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	log.Info().Str("version", version).Str("data", o.DataDir).Str("clients", o.ClientAddress).Int("servers", len(o.Members)).Msg("starting")
	relaxCollector()
	n, err := node.Open(o)
	if err != nil {
		return exit(statusFailed, fmt.Errorf("the server does not start: %w", err))
	}
	go paceCollector(n.Done())
	select {
	case <-ctx.Done():
		log.Info().Msg("ending")
	case <-n.Done():
	}
	err = n.Close()
	var table *node.TableError
	if errors.As(err, &table) {
		return exit(statusUsage, err)
	}
	if err != nil {
		return exit(statusFailed, fmt.Errorf("the server ended: %w", err))
	}
	return nil
}

// settings brings together files and flags; flags win.
func settings(ctx context.Context, f serveFlags) (*config.Config, *config.Table, []config.Problem, error) {
	if f.zoocfg != "" {
		if f.nodes != "" || f.config != "" {
			return nil, nil, nil, errors.New("--zoocfg stands in place of --nodes and --config: give one or the others")
		}
		c, t, warnings, err := config.LoadZooCfg(f.zoocfg)
		if err != nil {
			return nil, nil, warnings, err
		}
		f.override(c)
		if problems := t.Unsupported(); problems != nil {
			return nil, nil, warnings, problems
		}
		return c, t, warnings, nil
	}
	c := config.Defaults()
	c.Data = ""
	if f.config != "" {
		var err error
		if c, err = config.Load(f.config); err != nil {
			return nil, nil, nil, err
		}
	}
	f.override(c)
	if f.join != "" {
		t, err := join(ctx, f, c)
		if err != nil {
			return nil, nil, nil, err
		}
		if problems := c.Validate(t); problems != nil {
			return nil, nil, nil, problems
		}
		return c, t, nil, nil
	}
	if c.Nodes == "" {
		return standalone(c, f)
	}
	t, err := config.LoadTable(c.Nodes)
	if err != nil {
		return nil, nil, nil, err
	}
	if f.id == 0 && f.config == "" {
		return nil, nil, nil, fmt.Errorf("--id is missing: which server of %s is this?", c.Nodes)
	}
	if c.Data == "" {
		c.Data = filepath.Join(config.DefaultData, strconv.Itoa(int(c.ID)))
	}
	if problems := append(c.Validate(t), t.Unsupported()...); problems != nil {
		return nil, nil, nil, problems
	}
	return c, t, t.Warnings, nil
}

func (f serveFlags) override(c *config.Config) {
	if f.id != 0 {
		c.ID = f.id
	}
	if f.nodes != "" {
		c.Nodes = f.nodes
	}
	if f.data != "" {
		c.Data = f.data
	}
	if f.listen != "" {
		c.ClientAddress = f.listen
	}
	if f.level != "" {
		c.Log.Level = f.level
	}
}

// standalone is a server without a node table: it needs no file at all.
func standalone(c *config.Config, f serveFlags) (*config.Config, *config.Table, []config.Problem, error) {
	if f.id > 1 {
		return nil, nil, nil, fmt.Errorf("--id %d needs a node table: add --nodes FILE", f.id)
	}
	if c.Data == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, nil, nil, fmt.Errorf("--data is missing, and there is no home directory to put it in: %w", err)
		}
		c.Data = filepath.Join(home, ".zabkeeper")
	}
	_, t := config.Standalone(c.Data)
	t.Rows[0].ID = c.ID
	if problems := c.Validate(nil); problems != nil {
		return nil, nil, nil, problems
	}
	return c, t, nil, nil
}

// ensureParent makes the directory above the data directory; the data directory
// itself is made with all care when it is opened.
func ensureParent(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// newLogger logs to out, which ends at the stream given.
func newLogger(c *config.Config, stream io.Writer, out io.Writer) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(c.Log.Level)
	if err != nil {
		return zerolog.Logger{}, fmt.Errorf("log level %q: use trace, debug, info, warn or error", c.Log.Level)
	}
	console := c.Log.Format == "console"
	if f, ok := stream.(*os.File); ok && c.Log.Format == "auto" {
		console = term.IsTerminal(int(f.Fd()))
	}
	if console {
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly}
	}
	zerolog.TimeFieldFormat = time.RFC3339Nano
	return zerolog.New(out).Level(level).With().Timestamp().Uint32("id", c.ID).Logger(), nil
}

// nodeOptions turns settings and table into what the node takes.
func nodeOptions(c *config.Config, t *config.Table, log zerolog.Logger) node.Options {
	least, most := c.SessionTimeouts()
	ms := func(d time.Duration) int32 { return int32(d / time.Millisecond) }
	o := node.Options{ID: zxid.ServerID(c.ID), DataDir: c.Data, TableHash: t.Hash(), TableText: t.Text(), ClientAddress: c.ClientAddress,
		Settings: treeSettings(c), TickMs: ms(c.TickTime), MinSessionMs: ms(least), MaxSessionMs: ms(most), HandshakeTimeout: c.HandshakeTimeout,
		FrameBytesMax: c.FrameBytesMax, ReplyBytesMax: c.ReplyBytesMax, ClientsPerHost: c.MaxClientConnections, ClientsMax: c.MaxConnections,
		Reaping:           replica.Reaping{Interval: zab.Millis(c.ReapInterval / time.Millisecond), PerMinute: c.ReapMax, NeverUsedMs: c.NeverUsedInterval.Milliseconds()},
		RequestsPerClient: c.MaxRequestsPerConnection, OutstandingMax: c.GlobalOutstandingLimit,
		LocalSessions: node.LocalSessions{Enabled: c.LocalSessions.Enabled, Upgrade: c.LocalSessions.Upgrade}, ReadOnly: c.ReadOnlyMode,
		Throttle: node.Throttle{Requests: c.Throttle.Requests, RefuseWait: c.Throttle.RefuseWait,
			LargeThreshold: c.Throttle.LargeThreshold, LargeBytesMax: c.Throttle.LargeBytesMax},
		ConnectionThrottle: node.ConnectionThrottle(c.ConnectionThrottle),
		SnapshotRecords:    c.SnapshotCount, SnapshotBytes: c.SnapshotBytes, SnapshotsKept: c.SnapshotsKept, SegmentBytes: c.SegmentBytes,
		FourLetterWords: c.FourLetterWords, Operators: c.OperatorNetworks(), Reconfig: replica.Reconfig{Enabled: c.ReconfigEnabled, VotersMin: c.VotersMin},
		Version: announcedVersion(), Log: log, Timing: zabTiming(&c.Timing), ElectionTiming: electionTiming(&c.Timing)}
	for i := range t.Rows {
		r := &t.Rows[i]
		m := node.Member{ID: zxid.ServerID(r.ID), Voter: !r.Observer}
		if r.ServerPort != 0 && r.LeaderPort != 0 {
			m.ServerAddress, m.LeaderAddress, m.Row = r.ServerAddress(), r.LeaderAddress(), zooRow(r)
		}
		if c.ListenOnAll && r.ID == c.ID && m.ServerAddress != "" {
			m.ServerAddress, m.LeaderAddress = net.JoinHostPort("", strconv.Itoa(int(r.ServerPort))), net.JoinHostPort("", strconv.Itoa(int(r.LeaderPort)))
		}
		if r.ID == c.ID && m.ServerAddress != "" {
			m.ServerAddress, m.LeaderAddress = cmp.Or(c.ServerAddress, m.ServerAddress), cmp.Or(c.LeaderAddress, m.LeaderAddress)
		}
		o.Members = append(o.Members, m)
		if r.ID == c.ID && o.ClientAddress == "" {
			o.ClientAddress = r.ClientAddress()
		}
	}
	o.TableDiffers = func(server zxid.ServerID, text string) error {
		other, err := config.ParseTable(fmt.Sprintf("the node table of server %d", server), []byte(text))
		if err != nil {
			return fmt.Errorf("server %d has a node table that this one cannot read: %w", server, err)
		}
		return config.Problems(config.Differences(t, other))
	}
	o.Conf = confLines(c, t, &o)
	return o
}

// asJoining makes this server one that the table does not count: the cluster
// lets it follow, and it is no voter before it is added.
func asJoining(o *node.Options) {
	o.TableHash, o.TableText, o.TableDiffers = 0, "", nil
	o.Members = slices.DeleteFunc(o.Members, func(m node.Member) bool {
		if m.ID == o.ID {
			o.Joining = m
		}
		return m.ID == o.ID
	})
}

func treeSettings(c *config.Config) tree.Settings {
	var s tree.Settings
	if c.ExtendedTypes {
		s |= tree.SettingExtendedTypes
	}
	if c.SkipACL {
		s |= tree.SettingSkipACL
	}
	if c.SASL.Known() {
		s |= tree.SettingSASL
	}
	if c.X509.Enabled {
		s |= tree.SettingX509
	}
	if c.EnforceQuota {
		s |= tree.SettingEnforceQuota
	}
	return s
}

// authOptions sets up who may call himself what.
func authOptions(c *config.Config) (auth.Options, error) {
	o := auth.Options{DigestAlgorithm: c.DigestAlgorithm, SuperDigest: c.SuperDigest, Ensemble: c.EnsembleNames, Enforce: c.EnforceAuth,
		SASL: c.SASL.Known(), SASLSuperUsers: c.SASL.SuperUsers, KeepRefused: c.SASL.AllowFailed, X509: c.X509.Enabled, X509Super: c.X509.SuperUser}
	if s := &c.SASL; s.Keytab != "" {
		// It comes first: it knows its own, and DIGEST-MD5 takes everything.
		m, err := kerberos.New(kerberos.Options{Keytab: s.Keytab, Principal: s.Principal, RemoveHost: s.RemoveHost, RemoveRealm: s.RemoveRealm})
		if err != nil {
			return o, err
		}
		o.Mechanisms = append(o.Mechanisms, m)
	}
	if users := c.SASL.Passwords(); len(users) > 0 {
		o.Mechanisms = append(o.Mechanisms, sasl.NewDigestMD5(users))
	}
	return o, nil
}

func zabTiming(t *config.Timing) zab.Timing {
	ms := func(d time.Duration) zab.Millis { return zab.Millis(d / time.Millisecond) }
	return zab.Timing{Ping: ms(t.Ping), Follow: ms(t.FollowTimeout), Quorum: ms(t.QuorumTimeout), Peer: ms(t.PeerTimeout),
		Establish: ms(t.EstablishTimeout), Progress: ms(t.ProgressTimeout)}
}

func electionTiming(t *config.Timing) election.Timing {
	ms := func(d time.Duration) election.Millis { return election.Millis(d / time.Millisecond) }
	return election.Timing{Heartbeat: ms(t.Heartbeat), LinkTimeout: ms(t.LinkTimeout), Settle: ms(t.Settle), Standby: ms(t.Standby),
		PenaltyMin: ms(t.PenaltyMin), PenaltyMax: ms(t.PenaltyMax), BackoffMax: ms(t.BackoffMax)}
}

// zooRow is a server as ZooKeeper's server.N lines and /zookeeper/config show it.
func zooRow(r *config.Row) string {
	s := wire.EnsembleServer{Number: r.ID, Host: r.Host, QuorumPort: r.LeaderPort, ElectionPort: r.ServerPort, Observer: r.Observer}
	if r.ClientPort != 0 {
		s.ClientHost, s.ClientPort = r.Host, r.ClientPort
	}
	return s.String()
}

// confLines is what the four-letter word conf prints.
func confLines(c *config.Config, t *config.Table, o *node.Options) []string {
	_, port, _ := net.SplitHostPort(o.ClientAddress)
	lines := []string{"clientPort=" + port, "secureClientPort=-1", "dataDir=" + o.DataDir, "dataLogDir=" + o.DataDir,
		fmt.Sprintf("tickTime=%d", o.TickMs), fmt.Sprintf("maxClientCnxns=%d", o.ClientsPerHost),
		fmt.Sprintf("minSessionTimeout=%d", o.MinSessionMs), fmt.Sprintf("maxSessionTimeout=%d", o.MaxSessionMs),
		"clientPortListenBacklog=-1", fmt.Sprintf("serverId=%d", c.ID)}
	if len(t.Rows) < 2 {
		return lines
	}
	peerType := 0
	if r := t.Row(c.ID); r != nil && r.Observer {
		peerType = 1
	}
	own := t.Row(c.ID)
	lines = append(lines, fmt.Sprintf("electionPort=%d", own.ServerPort), fmt.Sprintf("quorumPort=%d", own.LeaderPort),
		fmt.Sprintf("peerType=%d", peerType))
	return lines
}

// announcedVersion begins with the version of ZooKeeper whose protocol is
// spoken, because clients read it from the four-letter words.
func announcedVersion() string { return "3.9.4-zabkeeper-" + version }
