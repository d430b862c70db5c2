package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// The exit statuses.
const (
	statusFailed    = 1
	statusUsage     = 2
	statusNoServers = 3
)

// environment is what a command may touch of the outside.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// subcommands builds every command of zabkeeper.
var subcommands = []func(*environment) *cobra.Command{
	newCLICommand,
	newStatusCommand,
	newServeCommand,
	newNodeCommand,
	newFaultCommand,
	newConfigCommand,
	newHistoryCommand,
	newLockCommand,
	newElectCommand,
	newChatCommand,
	newBalanceCommand,
	newBenchCommand,
	newSimulateCommand,
	newVersionCommand,
}

// exitError ends the process with a status. Without a message everything has
// been said already.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit makes err, which may be nil, end the process with status.
func exit(status int, err error) error { return &exitError{status, err} }

// Execute runs the command line args, without the program's name, and returns
// the exit status: 0 when all went well, 1 when something failed, 2 for a
// mistake in the command line, 3 when no server could be reached.
func Execute(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	env := &environment{stdin, stdout, stderr}
	root := newRootCommand(env)
	root.SetArgs(args)
	ran, err := root.ExecuteContextC(context.Background())
	var failed *exitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &failed):
		_, _ = fmt.Fprintf(stderr, "zabkeeper: %v\nTry '%s --help'.\n", err, ran.CommandPath())
		return statusUsage
	case failed.err != nil:
		_, _ = fmt.Fprintf(stderr, "zabkeeper: %v\n", failed.err)
	}
	return failed.status
}

func newRootCommand(env *environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "zabkeeper",
		Short: "A coordination service that speaks ZooKeeper's protocol",
		Long: `zabkeeper is one static binary that does ZooKeeper's job: its servers elect a
leader with the bully algorithm and replicate a tree of znodes by Zab. Every
ZooKeeper client can use it.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	for _, build := range subcommands {
		root.AddCommand(build(env))
	}
	return root
}
