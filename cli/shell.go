package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/zabkeeper/zabkeeper/client"
)

// shell runs commands on one session after another.
type shell struct {
	env            *environment
	out            io.Writer // of commands and watches, which may write at once
	client         *client.Client
	address        string
	timeout        time.Duration
	sessionTimeout time.Duration
	sasl           string // user:password
	readOnly       bool
	strict         bool
	json           bool
	interactive    bool
	talks          bool // to a person: not a script, whose output is compared
	printWatches   bool
	history        []string
	watching       sync.WaitGroup
	failed         bool
	quit           bool
}

// historyMax bounds what the history command shows.
const historyMax = 1000

func newCLICommand(env *environment) *cobra.Command {
	sh := &shell{env: env, out: &lockedWriter{w: env.stdout}, printWatches: true}
	var output string
	cmd := &cobra.Command{
		Use:     "cli HOST:PORT[,HOST:PORT...][/CHROOT] [COMMAND [ARGUMENT...]]",
		Aliases: []string{"shell"},
		Short:   "Read and change the tree: interactive, as a script, or one command",
		Long: `Connects to a zabkeeper or ZooKeeper ensemble and runs commands: the one given,
those piped in, or those typed on a terminal. 'help' lists them.

Exit status: 0 when every command succeeded, 1 when one failed, 2 for a mistake
in the command line, 3 when no server could be reached.`,
		Example: "  zabkeeper cli localhost:2181\n  zabkeeper cli localhost:2181 create /a hello\n  zabkeeper cli n1:2181,n2:2181,n3:2181/app < script.txt",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("--output is text or json, not %q", output)
			}
			if _, _, err := client.ParseConnectString(args[0]); err != nil {
				return err
			}
			if user, _, ok := strings.Cut(sh.sasl, ":"); sh.sasl != "" && (!ok || user == "") {
				return errors.New("--sasl is USER:PASSWORD") // without what was given: it may be the password
			}
			sh.json, sh.address = output == "json", args[0]
			return sh.run(cmd.Context(), args[1:])
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false) // flags behind the command belong to it
	f.BoolVar(&sh.strict, "strict", false, "stop at the first command that fails")
	f.DurationVar(&sh.timeout, "timeout", 10*time.Second, "how long a command, and connecting, may take")
	f.DurationVar(&sh.sessionTimeout, "session-timeout", client.DefaultSessionTimeout, "session timeout to ask for")
	f.StringVar(&sh.sasl, "sasl", "", "log in as USER:PASSWORD (SASL DIGEST-MD5) before the first command")
	f.BoolVarP(&sh.readOnly, "read-only", "r", false, "also take a server without a leader, for reads")
	f.StringVarP(&output, "output", "o", "text", "text, or json: one object a line for every command")
	return cmd
}

func (sh *shell) run(ctx context.Context, oneShot []string) error {
	terminal, isTerminal := sh.env.stdin.(*os.File)
	isTerminal = isTerminal && len(oneShot) == 0 && term.IsTerminal(int(terminal.Fd()))
	if len(oneShot) > 0 && commandNamed(oneShot[0]) == nil {
		return fmt.Errorf("no command %q; 'zabkeeper cli %s help' lists them", oneShot[0], sh.address)
	}
	if len(oneShot) == 0 || !commandNamed(oneShot[0]).offline {
		if err := sh.interruptible(ctx, sh.timeout, sh.connect); err != nil {
			return exit(statusNoServers, err)
		}
	}
	defer sh.disconnect()
	var err error
	switch {
	case len(oneShot) > 0:
		sh.talks = true
		err = sh.runOne(ctx, oneShot)
	case isTerminal:
		err = sh.runTerminal(ctx, terminal)
	default:
		err = sh.runScript(ctx, sh.env.stdin)
	}
	if err == nil && sh.failed {
		err = exit(statusFailed, nil)
	}
	return err
}

// interruptible runs f until it is done, for at most the time given (0 for no
// limit), or until Ctrl-C.
func (sh *shell) interruptible(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	interrupted, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	ctx = interrupted
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	err := f(ctx)
	if err != nil && interrupted.Err() != nil {
		return errInterrupted
	}
	return err
}

var errInterrupted = errors.New("interrupted")

func (sh *shell) connect(ctx context.Context) error {
	servers, chroot, err := client.ParseConnectString(sh.address)
	if err != nil {
		return err
	}
	o := client.Options{Servers: servers, Chroot: chroot, SessionTimeout: sh.sessionTimeout, ReadOnly: sh.readOnly}
	if sh.sasl != "" {
		user, password, _ := strings.Cut(sh.sasl, ":")
		o.SASL = &client.SASL{User: user, Password: password}
	}
	if sh.client, err = client.Dial(ctx, o); errors.Is(err, client.ErrAuthFailed) {
		return fmt.Errorf("the login of %q is refused, check user and password: %w", o.SASL.User, err)
	}
	return err
}

// disconnect ends the session, and with it everything that waits for events.
func (sh *shell) disconnect() {
	if sh.client == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(sh.timeout, 2*time.Second))
	defer cancel()
	if err := sh.client.Close(ctx); err != nil {
		_, _ = fmt.Fprintf(sh.env.stderr, "%v\n", err)
	}
	sh.client = nil
	sh.watching.Wait()
}

func (sh *shell) runOne(ctx context.Context, words []string) error {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	line := strings.Join(quoted, " ")
	if words[0] == "append" { // takes the rest of the line as it is
		line = strings.Join(words, " ")
	}
	var usage *lineError
	if err := sh.execute(ctx, line); errors.As(err, &usage) {
		return exit(statusUsage, nil)
	}
	return nil
}

// runScript runs the lines of in. An interrupt ends the command and the script.
func (sh *shell) runScript(ctx context.Context, in io.Reader) error {
	lines := newLineReader(in)
	for !sh.quit {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return exit(statusFailed, err)
		}
		err = sh.execute(ctx, line)
		if err != nil && (sh.strict || errors.Is(err, errInterrupted)) {
			return nil
		}
	}
	return nil
}

// execute runs one line and says how it went. The error has been reported.
func (sh *shell) execute(ctx context.Context, line string) error {
	line = strings.TrimRight(strings.TrimLeft(line, " \t"), "\r\n")
	if strings.TrimSpace(line) == "" || line[0] == '#' {
		return nil
	}
	sh.remember(line)
	name, rest := cutWord(line)
	res, label, err := sh.dispatch(ctx, name, rest)
	if err != nil {
		sh.failed = true
		sh.reportError(label, err)
		return err
	}
	return sh.report(label, res)
}

func (sh *shell) remember(line string) {
	if len(sh.history) == historyMax {
		sh.history = append(sh.history[:0], sh.history[1:]...)
	}
	sh.history = append(sh.history, line)
}

// dispatch runs a command. The label is what an error is about: the name, and
// the path as it was typed.
func (sh *shell) dispatch(ctx context.Context, name, rest string) (res result, label string, err error) {
	cmd := commandNamed(name)
	if cmd == nil {
		return res, name, &lineError{"no such command, see 'help'"}
	}
	in, err := cmd.parse(rest)
	label = name
	if in != nil && in.typed != "" {
		label += " " + in.typed
	}
	if err != nil {
		return res, label, err
	}
	if !cmd.offline && sh.client == nil {
		return res, label, errors.New("not connected, see 'help connect'")
	}
	limit := sh.timeout
	if cmd.unlimited {
		limit = 0
	}
	err = sh.interruptible(ctx, limit, func(ctx context.Context) error {
		for {
			res, err = cmd.run(ctx, sh, in)
			if cmd.changes || !errors.Is(err, client.ErrConnectionLoss) {
				return err
			} // reading again does no harm
		}
	})
	return res, label, err
}

func (sh *shell) report(label string, res result) error {
	if sh.json {
		return json.NewEncoder(sh.out).Encode(map[string]any{"command": label, "ok": true, "result": res.value})
	}
	text := res.text
	if sh.interactive && text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n" // the prompt starts on a line of its own
	}
	_, err := io.WriteString(sh.out, text)
	return err
}

func (sh *shell) reportError(label string, err error) {
	message := describe(err, sh.timeout)
	_, _ = fmt.Fprintf(sh.env.stderr, "%s: %s\n", label, message)
	if sh.json {
		_ = json.NewEncoder(sh.out).Encode(map[string]any{"command": label, "ok": false, "error": message})
	}
}

func describe(err error, timeout time.Duration) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %v, the outcome is unknown", timeout)
	}
	var op *client.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return client.Describe(err)
}

// lockedWriter keeps the output of a command and of a watch apart.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
