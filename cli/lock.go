package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/recipes"
)

// The exit statuses of lock and elect, apart from the command's own. They are
// those of timeout(1) and env(1), and one more.
const (
	statusLost    = 123 // the lock was lost, and the command was ended
	statusTaken   = 124 // --try or --timeout
	statusLocking = 125 // the lock could not be asked for
)

// connectTime bounds how long a first connection may take.
const connectTime = 10 * time.Second

// lockFlags are the flags that lock and elect share, and what lock adds.
type lockFlags struct {
	server         string
	identifier     string
	sessionTimeout time.Duration
	grace          time.Duration

	try         bool
	timeout     time.Duration
	read, write bool
	semaphore   bool
	leases      int
}

func (f *lockFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SetInterspersed(false) // what follows PATH belongs to the command
	flags.StringVar(&f.server, "server", "localhost:"+client.DefaultPort, "HOST:PORT[,HOST:PORT...][/CHROOT]")
	flags.StringVar(&f.identifier, "identifier", identifier(), "what others see of this participant")
	flags.DurationVar(&f.sessionTimeout, "session-timeout", client.DefaultSessionTimeout, "how long a dead holder keeps others waiting")
	flags.DurationVar(&f.grace, "grace", 5*time.Second, "time from TERM to KILL for the command when the session is lost")
}

func identifier() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

func newLockCommand(env *environment) *cobra.Command {
	var f lockFlags
	cmd := &cobra.Command{
		Use:   "lock [flags] PATH [--] COMMAND [ARGUMENT...]",
		Short: "Run a command while holding a lock",
		Long: `Waits in the queue of the lock at PATH, runs the command, and gives the lock to
the next in the queue. How many are ahead is shown on standard error.

The environment of the command has ZABKEEPER_FENCING_TOKEN: a number that is
higher for every holder. What the command writes to should refuse a number lower
than one it has seen; nothing else stops a command that was paused for longer
than the session timeout.

When the session is lost the command gets TERM, and KILL after --grace.

Exit status: the command's own (128+N when signal N ended it), or
  123  the lock was lost, and the command was ended
  124  the lock is taken (--try), or was not to be had in time (--timeout)
  125  no server could be reached, or the lock could not be asked for
  126  the command can't be run
  127  the command was not found`,
		Example: "  zabkeeper lock /locks/backup -- ./backup.sh\n" +
			"  zabkeeper lock --try --server n1:2181,n2:2181,n3:2181 /locks/backup -- ./backup.sh\n" +
			"  zabkeeper lock --read /locks/table -- ./report.sh\n" +
			"  zabkeeper lock -n 3 /locks/downloads -- curl -O https://example.org/file",
		Args: lockArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.semaphore = cmd.Flags().Changed("leases")
			if f.leases < 1 {
				return fmt.Errorf("-n is at least 1, not %d", f.leases)
			}
			args = withoutDashes(args)
			g := &guarded{env: env, flags: &f, path: args[0], args: args[1:]}
			return g.once(cmd.Context())
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.try, "try", false, "give up at once when the lock is taken")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "give up when the lock is not to be had for that long (0: wait for ever)")
	cmd.Flags().BoolVar(&f.read, "read", false, "share the lock with other readers")
	cmd.Flags().BoolVar(&f.write, "write", false, "be the only holder: the default")
	cmd.Flags().IntVarP(&f.leases, "leases", "n", 1, "be a semaphore: let that many hold it at a time")
	cmd.MarkFlagsMutuallyExclusive("try", "timeout")
	cmd.MarkFlagsMutuallyExclusive("read", "write", "leases")
	return cmd
}

// lockArguments checks for a path and a command.
func lockArguments(_ *cobra.Command, args []string) error {
	if len(withoutDashes(args)) < 2 {
		return errors.New("give a PATH and a COMMAND")
	}
	return nil
}

// withoutDashes drops the "--" that may stand between path and command.
func withoutDashes(args []string) []string {
	if len(args) > 1 && args[1] == "--" {
		return append(args[:1:1], args[2:]...)
	}
	return args
}

// guarded is a command that runs while a lock is held.
type guarded struct {
	env     *environment
	flags   *lockFlags
	path    string
	args    []string
	elected bool // at least once, so that a mistake in the flags is unlikely
	signals chan os.Signal
	lastSig os.Signal // that ended the waiting
}

// once gets the lock, runs the command and gives the lock back.
func (g *guarded) once(ctx context.Context) error {
	defer g.catch()()
	c, held, err := g.acquire(ctx)
	if err != nil {
		return g.failure(err)
	}
	defer g.hangUp(c)
	status, _, err := g.run(held)
	return exit(status, err)
}

// catch takes the signals that end a process, until the function it returns is
// called: they end the waiting, or are passed on to the command.
func (g *guarded) catch() (stop func()) {
	g.signals = make(chan os.Signal, 4)
	signal.Notify(g.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	return func() { signal.Stop(g.signals) }
}

// waitContext ends by a signal, and after --timeout.
func (g *guarded) waitContext(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if g.flags.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, g.flags.timeout)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case g.lastSig = <-g.signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(); <-done }
}

// acquire waits for the lock, with a new session when one has expired.
func (g *guarded) acquire(ctx context.Context) (*client.Client, *recipes.Held, error) {
	ctx, cancel := g.waitContext(ctx)
	defer cancel()
	for {
		c, err := g.dial(ctx)
		if err != nil {
			return nil, nil, err
		}
		held, err := g.ask(ctx, c)
		if err == nil {
			return c, held, nil
		}
		g.hangUp(c)
		if !errors.Is(err, client.ErrSessionExpired) {
			return nil, nil, err
		}
		g.say("the session expired while waiting for %s; queueing up again", g.path)
	}
}

func (g *guarded) dial(ctx context.Context) (*client.Client, error) {
	servers, chroot, err := client.ParseConnectString(g.flags.server)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{Servers: servers, Chroot: chroot, SessionTimeout: g.flags.sessionTimeout})
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, &unreachableError{err}
	}
	return c, err
}

// unreachableError is a failure to connect; it is not about the lock.
type unreachableError struct{ err error }

func (e *unreachableError) Error() string { return e.err.Error() }

func (g *guarded) ask(ctx context.Context, c *client.Client) (*recipes.Held, error) {
	o := recipes.LockOptions{Identifier: g.flags.identifier, Waiting: func(ahead int) { g.say("waiting for %s, %d ahead", g.path, ahead) }}
	lock := recipes.NewRWLock(c, g.path, o)
	var get interface {
		Acquire(context.Context) (*recipes.Held, error)
		TryAcquire(context.Context) (*recipes.Held, error)
	} = lock.Write()
	switch {
	case g.flags.read:
		get = lock.Read()
	case g.flags.semaphore:
		get = recipes.NewSemaphore(c, g.path, g.flags.leases, o)
	}
	if g.flags.try {
		return get.TryAcquire(ctx)
	}
	return get.Acquire(ctx)
}

// hangUp ends the session, and with it everything that may be left of the lock.
func (g *guarded) hangUp(c *client.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = c.Close(ctx) // otherwise the session expires
}

// failure turns an error of waiting into an exit status.
func (g *guarded) failure(err error) error {
	var unreachable *unreachableError
	switch {
	case g.lastSig != nil:
		return exit(128+int(g.lastSig.(syscall.Signal)), nil)
	case errors.As(err, &unreachable):
		return exit(statusLocking, err)
	case errors.Is(err, recipes.ErrTaken):
		return exit(statusTaken, fmt.Errorf("%s is taken", g.path))
	case errors.Is(err, context.DeadlineExceeded):
		return exit(statusTaken, fmt.Errorf("%s was not to be had within %v", g.path, g.flags.timeout))
	}
	return exit(statusLocking, err)
}

func (g *guarded) say(format string, args ...any) {
	_, _ = fmt.Fprintf(g.env.stderr, "zabkeeper: "+format+"\n", args...)
}
