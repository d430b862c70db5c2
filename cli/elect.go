package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zabkeeper/zabkeeper/client/recipes"
)

func newElectCommand(env *environment) *cobra.Command {
	var f lockFlags
	var list bool
	cmd := &cobra.Command{
		Use:   "elect [flags] PATH [--] COMMAND [ARGUMENT...]",
		Short: "Run a command on one of many machines: the elected leader",
		Long: `Stands for election at PATH, runs the command as long as it leads, and stands
again, with a new session, when the leadership was lost: then the command gets
TERM, and KILL after --grace. When the command ends by itself the leader resigns,
the next in the queue leads, and zabkeeper ends with the command's status.

The environment of the command has ZABKEEPER_FENCING_TOKEN: a number that is
higher for every leader. 'zabkeeper elect --list PATH' shows who leads and who
would be next.

Exit status: the command's own (128+N when signal N ended it), 125 when no server
could be reached, 126 when the command can't be run, 127 when it was not found.`,
		Example: "  zabkeeper elect /leaders/mailer -- ./mailer --send\n  zabkeeper elect --list /leaders/mailer",
		Args: func(cmd *cobra.Command, args []string) error {
			if !list {
				return lockArguments(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			args = withoutDashes(args)
			g := &guarded{env: env, flags: &f, path: args[0], args: args[1:]}
			if list {
				return g.list(cmd.Context())
			}
			return g.whileElected(cmd.Context())
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&list, "list", false, "print the leader and those that wait, one a line")
	return cmd
}

// whileElected runs the command every time this participant leads, until the
// command ends by itself.
func (g *guarded) whileElected(ctx context.Context) error {
	defer g.catch()()
	for {
		c, held, err := g.acquire(ctx)
		var unreachable *unreachableError
		if errors.As(err, &unreachable) && g.lastSig == nil && g.elected {
			g.say("%v; trying on", err)
			continue
		}
		if err != nil {
			return g.failure(err)
		}
		g.elected = true
		g.say("elected at %s", g.path)
		status, lost, err := g.run(held)
		g.hangUp(c)
		if !lost {
			return exit(status, err)
		}
	}
}

// list prints the identifiers in the order of the queue.
func (g *guarded) list(ctx context.Context) error {
	c, err := g.dial(ctx)
	if err != nil {
		return g.failure(err)
	}
	defer g.hangUp(c)
	contenders, err := recipes.NewElection(c, g.path, recipes.LockOptions{}).Contenders(ctx)
	if err != nil {
		return g.failure(err)
	}
	for _, name := range contenders {
		_, _ = fmt.Fprintln(g.env.stdout, name)
	}
	return nil
}
