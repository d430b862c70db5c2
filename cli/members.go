package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/wire"
)

// memberFlags are the flags that the node commands share.
type memberFlags struct {
	server   string
	auth     string
	observer bool
	timeout  time.Duration
}

func newNodeCommand(env *environment) *cobra.Command {
	var f memberFlags
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Add, remove and list the servers of a running cluster",
		Long: `Changes the membership while clients write.

  on the new machine     zabkeeper serve --join 10.0.0.1:2181
  anywhere               zabkeeper node add 10.0.0.4:2181

The new server follows and takes over everything there is before it may vote. A
removed server stops voting, and its clients go to the others. A leader that is
removed hands its leadership over.

Servers let clients on their own machine do this; others need WRITE on
/zookeeper/config or an address in the setting operators.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	server := func(c *cobra.Command) {
		c.Flags().StringVar(&f.server, "server", "localhost:"+client.DefaultPort, "a server of the cluster, HOST:PORT[,HOST:PORT...]")
	}
	change := func(c *cobra.Command) {
		c.Flags().StringVar(&f.auth, "auth", "", "SCHEME:CREDENTIALS to authenticate with, such as digest:super:password")
		c.Flags().DurationVar(&f.timeout, "timeout", 5*time.Minute, "how long to wait")
	}
	add := &cobra.Command{
		Use:   "add [flags] HOST:PORT...",
		Short: "Let servers that have joined vote",
		Long: `Waits until each server, given by its client address, has everything the cluster
has, and makes all of them members in one step.`,
		Example: "  zabkeeper node add 10.0.0.4:2181\n  zabkeeper node add 10.0.0.4:2181 10.0.0.5:2181\n  zabkeeper node add --observer 10.0.0.6:2181",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.add(cmd.Context(), env, args) },
	}
	add.Flags().BoolVar(&f.observer, "observer", false, "let them serve clients without a vote")
	change(add)
	remove := &cobra.Command{
		Use:     "remove [flags] NUMBER...",
		Short:   "Take servers out of the cluster",
		Example: "  zabkeeper node remove --server 10.0.0.1:2181 4\n  zabkeeper node remove 4 5",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.remove(cmd.Context(), env, args) },
	}
	server(remove)
	change(remove)
	list := &cobra.Command{
		Use:   "list [flags]",
		Short: "List the members, and servers that wait to be added",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return f.list(cmd.Context(), env) },
	}
	server(list)
	cmd.AddCommand(add, remove, list)
	return cmd
}

func (f *memberFlags) add(ctx context.Context, env *environment, addresses []string) error {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	var joining []string
	var cluster []wire.EnsembleServer
	for _, address := range addresses {
		self, err := f.awaitWhole(ctx, env, address)
		if err != nil {
			return exit(statusFailed, err)
		}
		at, err := wire.ParseEnsembleServer(self.Row)
		if err != nil {
			return exit(statusFailed, fmt.Errorf("%s: %w", address, err))
		}
		if self.Member && self.Voter != f.observer {
			return exit(statusFailed, fmt.Errorf("server %d at %s is a member already", self.Number, address))
		}
		at.Observer = f.observer
		joining = append(joining, at.Line())
		cluster = self.members()
	}
	text, err := f.reconfigure(ctx, cluster, client.Reconfig{Joining: joining, IfConfig: client.AnyConfig},
		func(now []wire.EnsembleServer) bool {
			for _, line := range joining {
				if !slices.ContainsFunc(now, func(s wire.EnsembleServer) bool { return s.Line() == line }) {
					return false
				}
			}
			return true
		})
	if err != nil {
		return exit(statusFailed, err)
	}
	return printMembers(env, text)
}

// awaitWhole waits until the server at address has joined and serves what the
// cluster has.
func (f *memberFlags) awaitWhole(ctx context.Context, env *environment, address string) (*serverSelf, error) {
	said := false
	for {
		self, err := askSelf(ctx, address)
		switch {
		case err != nil:
			return nil, fmt.Errorf("the new server does not answer; start it with 'zabkeeper serve --join': %w", err)
		case self.Row == "":
			return nil, fmt.Errorf("%s is a server on its own, without ports for others", address)
		case self.Leader != 0 && self.Phase == "broadcast" && len(self.Members) > 0:
			return self, nil
		}
		if !said {
			said = true
			_, _ = fmt.Fprintf(env.stderr, "server %d at %s is not up to date yet; waiting\n", self.Number, address)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("server %d at %s is still not up to date", self.Number, address)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (f *memberFlags) remove(ctx context.Context, env *environment, numbers []string) error {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	for _, n := range numbers {
		if _, err := strconv.ParseUint(n, 10, 31); err != nil {
			return fmt.Errorf("%q is not a server number", n)
		}
	}
	_, self, err := f.anyServer(ctx)
	if err != nil {
		return exit(statusNoServers, err)
	}
	cluster := self.members()
	for _, n := range numbers {
		if !slices.ContainsFunc(cluster, func(s wire.EnsembleServer) bool { return fmt.Sprint(s.Number) == n }) {
			return exit(statusFailed, fmt.Errorf("server %s is not a member", n))
		}
	}
	text, err := f.reconfigure(ctx, cluster, client.Reconfig{Leaving: numbers, IfConfig: client.AnyConfig},
		func(now []wire.EnsembleServer) bool {
			return !slices.ContainsFunc(now, func(s wire.EnsembleServer) bool { return slices.Contains(numbers, fmt.Sprint(s.Number)) })
		})
	if err != nil {
		return exit(statusFailed, err)
	}
	return printMembers(env, text)
}

// anyServer returns the first of the servers in f.server that answers.
func (f *memberFlags) anyServer(ctx context.Context) (string, *serverSelf, error) {
	addresses, _, err := client.ParseConnectString(f.server)
	if err != nil {
		return "", nil, err
	}
	var problems []error
	for _, a := range addresses {
		self, err := askSelf(ctx, a)
		if err == nil {
			return a, self, nil
		}
		problems = append(problems, err)
	}
	return "", nil, fmt.Errorf("no server answers: %w", errors.Join(problems...))
}

// reconfigure asks the cluster for the change until it is carried out or
// refused. A connection that is lost on the way, because the leader changed,
// leaves the outcome open: done tells from the configuration.
func (f *memberFlags) reconfigure(ctx context.Context, cluster []wire.EnsembleServer, change client.Reconfig, done func([]wire.EnsembleServer) bool) (string, error) {
	var servers []string
	for _, s := range cluster {
		if a := s.ClientAddress(); a != "" {
			servers = append(servers, a)
		}
	}
	if len(servers) == 0 {
		return "", errors.New("the configuration of the cluster names no client port")
	}
	c, err := client.Dial(ctx, client.Options{Servers: servers})
	if err != nil {
		return "", err
	}
	defer c.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the change is committed or refused
	if f.auth != "" {
		scheme, credentials, found := strings.Cut(f.auth, ":")
		if !found {
			return "", fmt.Errorf("--auth %q: want SCHEME:CREDENTIALS", f.auth)
		}
		if err := c.AddAuth(ctx, scheme, []byte(credentials)); err != nil {
			return "", err
		}
	}
	for {
		text, _, err := c.Reconfig(ctx, change)
		switch {
		case err == nil:
			return text, nil
		case errors.Is(err, client.ErrNoAuth):
			return "", fmt.Errorf("%w: run this on a server's machine, or give --auth, or add your address to operators", err)
		case errors.Is(err, client.ErrNewConfigNoQuorum):
			return "", fmt.Errorf("%w: more than half of the voters-to-be must be up; start them, or change fewer at a time", err)
		case errors.Is(err, client.ErrReconfigInProgress), errors.Is(err, client.ErrConnectionLoss), errors.Is(err, client.ErrSessionExpired):
		default:
			return "", err
		}
		data, _, err := c.Get(ctx, "/zookeeper/config")
		if now, e := wire.ParseEnsemble(string(data)); err == nil && e == nil && done(now) {
			return string(data), nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the change is not carried out yet: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// printMembers prints what a configuration says, in words.
func printMembers(env *environment, text string) error {
	servers, err := wire.ParseEnsemble(text)
	if err != nil {
		return err
	}
	voters := 0
	for _, s := range servers {
		if !s.Observer {
			voters++
		}
	}
	_, version, _ := strings.Cut(text, "version=")
	_, err = fmt.Fprintf(env.stdout, "configuration %s: %s, %s\n%s", version, plural(voters, "voter"), plural(len(servers)-voters, "observer"), memberLines(servers))
	return err
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func memberLines(servers []wire.EnsembleServer) string {
	var b strings.Builder
	for _, s := range servers {
		fmt.Fprintf(&b, "  %s\n", s.Line())
	}
	return b.String()
}

func (f *memberFlags) list(ctx context.Context, env *environment) error {
	_, self, err := f.anyServer(ctx)
	if err != nil {
		return exit(statusNoServers, err)
	}
	w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "NUMBER\tCLIENTS\tMEMBER\tROLE\tLAST ZXID")
	members := self.members()
	leader := self
	for _, s := range members {
		kind := "voter"
		if s.Observer {
			kind = "observer"
		}
		at, err := askSelf(ctx, s.ClientAddress())
		if err != nil {
			_, _ = fmt.Fprintf(w, "%d\t%s\t%s\tdown\t-\n", s.Number, s.ClientAddress(), kind)
			continue
		}
		if at.Mode == "leader" && at.Epoch >= leader.Epoch {
			leader = at
		}
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", s.Number, s.ClientAddress(), kind, at.Mode, at.Zxid)
	}
	for _, g := range leader.Followers {
		if !g.Member {
			state := "catching up"
			if g.UpToDate {
				state = "waits to be added"
			}
			at, err := wire.ParseEnsembleServer(g.Row)
			address := at.ClientAddress()
			if err != nil || address == "" {
				address = "-"
			}
			_, _ = fmt.Fprintf(w, "%d\t%s\tno\t%s\t%s\n", g.Number, address, state, g.Zxid)
		}
	}
	return w.Flush()
}
