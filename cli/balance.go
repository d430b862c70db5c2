package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/zabkeeper/zabkeeper/balancer"
	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/config"
)

// balanceFlags are what the command line says.
type balanceFlags struct {
	nodes, cluster, listen, status, level string
	expect, clientsMax                    int
}

func newBalanceCommand(env *environment) *cobra.Command {
	var f balanceFlags
	cmd := &cobra.Command{
		Use:   "balance (--nodes FILE | --cluster HOST:PORT) [--listen ADDRESS] [--status ADDRESS]",
		Short: "Route client connections to the servers of a cluster",
		Long: `Gives clients one address for the whole cluster. Each new client goes to the
healthy server with the fewest clients; a client that reconnects goes back to the
server of its session. When a server dies, its clients are disconnected and come
back to another one with their sessions.

The servers are those of the node table, or those of the cluster, as they join
and leave: then the address of any of them is enough. Nothing listens for clients until the
expected number of them serves. With --status an HTTP server tells operators who
leads and which server has how many clients, has metrics for Prometheus, and
drains servers:

  curl ADDRESS/                            status; /status.json, /leader, /health, /metrics
  curl -X POST ADDRESS/servers/2/drain     take the clients off server 2
  curl -X POST ADDRESS/servers/2/undrain   let it have clients again`,
		Example: "  zabkeeper balance --nodes nodes.txt --listen :2181 --status 127.0.0.1:8181\n  zabkeeper balance --cluster 10.0.0.1:2181,10.0.0.2:2181 --listen :2180",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return balance(cmd.Context(), env, f) },
	}
	cmd.Flags().StringVar(&f.nodes, "nodes", "", "the node table")
	cmd.Flags().StringVar(&f.cluster, "cluster", "", "learn the servers from these, HOST:PORT[,HOST:PORT...], and follow who joins and leaves")
	cmd.Flags().StringVar(&f.listen, "listen", "127.0.0.1:"+client.DefaultPort, "where clients connect")
	cmd.Flags().StringVar(&f.status, "status", "", "where operators get status and metrics by HTTP; keep it private")
	cmd.Flags().IntVar(&f.expect, "expect", 0, "how many servers have to be up before clients are served (0: a majority)")
	cmd.Flags().IntVar(&f.clientsMax, "clients-max", 10_000, "most connections at a time")
	cmd.Flags().StringVar(&f.level, "log-level", "info", "trace, debug, info, warn or error")
	cmd.MarkFlagsOneRequired("nodes", "cluster")
	cmd.MarkFlagsMutuallyExclusive("nodes", "cluster")
	return cmd
}

// balance routes until it is told to end.
func balance(ctx context.Context, env *environment, f balanceFlags) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := balancerOptions(ctx, f)
	if errors.Is(err, balancer.ErrDiscovery) {
		return exit(statusNoServers, err)
	}
	if err != nil {
		return exit(statusUsage, err)
	}
	out := newBackgroundWriter(env.stdout)
	defer out.Close()
	level, err := zerolog.ParseLevel(f.level)
	if err != nil {
		return exit(statusUsage, fmt.Errorf("--log-level %q: use trace, debug, info, warn or error", f.level))
	}
	log := zerolog.New(out).Level(level).With().Timestamp().Logger()
	if file, ok := env.stdout.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		log = log.Output(zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly})
	}
	o.Log = log
	b, err := balancer.New(o)
	if err != nil {
		return exit(statusUsage, err)
	}
	defer b.Close()
	failed := make(chan error, 2)
	if f.status != "" {
		l, err := net.Listen("tcp", f.status)
		if err != nil {
			return exit(statusFailed, err)
		}
		log.Info().Str("address", l.Addr().String()).Msg("status")
		server := &http.Server{Handler: b.Handler(), ReadHeaderTimeout: 5 * time.Second}
		defer server.Close() //nolint:errcheck // the process ends
		go func() { failed <- server.Serve(l) }()
	}
	log.Info().Int("servers", len(o.Servers)).Msg("waiting for the expected number of servers")
	if err := b.AwaitExpected(ctx); err != nil {
		return exit(statusFailed, err)
	}
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return exit(statusFailed, err)
	}
	log.Info().Str("address", l.Addr().String()).Msg("serving clients")
	go func() { failed <- b.Serve(l) }()
	select {
	case <-ctx.Done():
		log.Info().Msg("ending")
		return nil
	case err := <-failed:
		return exit(statusFailed, fmt.Errorf("the router ended: %w", err))
	}
}

func balancerOptions(ctx context.Context, f balanceFlags) (balancer.Options, error) {
	o := balancer.Options{Expected: f.expect, ClientsMax: f.clientsMax}
	if f.cluster != "" {
		addresses, _, err := client.ParseConnectString(f.cluster)
		if err != nil {
			return o, err
		}
		ctx, cancel := context.WithTimeout(ctx, connectTime)
		defer cancel()
		o.Follow = true
		o.Servers, o.ConfigVersion, err = balancer.Discover(ctx, addresses)
		return o, err
	}
	table, err := config.LoadTable(f.nodes)
	if err != nil {
		return o, err
	}
	for i := range table.Rows {
		r := &table.Rows[i]
		if r.ClientPort == 0 {
			return o, fmt.Errorf("%s: server %d has no client_port, which the router needs", f.nodes, r.ID)
		}
		o.Servers = append(o.Servers, balancer.Server{ID: r.ID, Address: r.ClientAddress()})
	}
	if len(o.Servers) == 0 {
		return o, errors.New("the node table is empty")
	}
	return o, nil
}
