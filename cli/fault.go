package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/node"
)

func newFaultCommand(env *environment) *cobra.Command {
	var mode string
	cmd := &cobra.Command{
		Use:   "fault HOST:PORT [FAULTS]",
		Short: "Make a server slow or deaf on purpose, for tests",
		Long: `Shows or changes what a server that was started with --faults does wrong:

  propose:10s       entries wait that long before they are proposed
  acknowledge:20s   a follower's acknowledgements wait
  commit:30s        what makes the server commit waits
  drop              it neither says nor hears anything on the ports for others
  none              nothing any more

Several are separated by commas. The short form is --mode p:10::a:20::c:30, in
seconds, and --mode d:0 for drop.`,
		Example: "  zabkeeper fault localhost:2181 propose:10s\n  zabkeeper fault localhost:2181 none\n  zabkeeper fault --mode p:10::a:20::c:30 localhost:2181",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec := mode
			if len(args) == 2 {
				spec = args[1]
			}
			if len(args) == 2 && mode != "" {
				return errors.New("give FAULTS or --mode")
			}
			if _, err := node.ParseFaults(spec); err != nil {
				return err
			}
			return operate(cmd.Context(), env, args[0], strings.TrimSpace("fault "+spec))
		},
	}
	cmd.Flags().StringVar(&mode, "mode", "", "the faults in short form")
	return cmd
}

// operate has a server carry out an operator's command and prints its answer.
func operate(ctx context.Context, env *environment, address, command string) error {
	servers, _, err := client.ParseConnectString(address)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	answer, err := client.Operate(ctx, servers[0], command)
	if err != nil {
		return exit(statusNoServers, err)
	}
	if answer = strings.TrimSpace(answer); answer == "" || strings.HasPrefix(answer, "refused: ") {
		return exit(statusFailed, fmt.Errorf("%s: %s", servers[0], strings.TrimPrefix(answer, "refused: ")))
	}
	_, err = fmt.Fprintln(env.stdout, answer)
	return err
}
