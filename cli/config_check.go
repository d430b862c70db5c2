package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zabkeeper/zabkeeper/config"
)

func newConfigCommand(env *environment) *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Look at the configuration"}
	var f serveFlags
	check := &cobra.Command{
		Use:   "check",
		Short: "Report every mistake of a node table, settings or zoo.cfg",
		Long: `Report every mistake at once, each with file, line, value and fix.
Exit status 0 when a server would start with it, 2 when not.

  zabkeeper config check --nodes nodes.txt [--id 1] [--config server.toml]
  zabkeeper config check --zoocfg zoo.cfg`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, warnings, err := f.check(cmd.Context())
			for _, w := range warnings {
				_, _ = fmt.Fprintln(env.stderr, "warning:", w)
			}
			if err != nil {
				return exit(statusUsage, err)
			}
			_, _ = fmt.Fprintf(env.stdout, "%d servers, no mistakes\n", len(t.Rows))
			return nil
		},
	}
	check.Flags().Uint32Var(&f.id, "id", 0, "the server's number")
	check.Flags().StringVar(&f.nodes, "nodes", "", "the node table")
	check.Flags().StringVar(&f.config, "config", "", "settings in TOML")
	check.Flags().StringVar(&f.zoocfg, "zoocfg", "", "a zoo.cfg")
	c.AddCommand(check)
	return c
}

// check reads what the flags name. A node table can be checked without saying
// which of its servers is meant.
func (f serveFlags) check(ctx context.Context) (*config.Table, []config.Problem, error) {
	if f.nodes != "" && f.id == 0 && f.config == "" {
		t, err := config.LoadTable(f.nodes)
		if err != nil {
			return nil, nil, err
		}
		return t, t.Warnings, nil
	}
	_, t, warnings, err := settings(ctx, f)
	return t, warnings, err
}
