package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/recipes"
)

const (
	// nameBytesMax is how long a name in a room may be.
	nameBytesMax = 64
	// unreachableNotice is how long a lost connection goes unmentioned.
	unreachableNotice = 1500 * time.Millisecond
)

// chat is one visit to a room.
type chat struct {
	env            *environment
	room, name     string
	servers        []string
	chroot         string
	sessionTimeout time.Duration

	screen  chatScreen
	joined  chan struct{} // closed when the history has been shown
	failed  chan error    // gets the error of the first attempt to connect
	present []string

	mu        sync.Mutex
	shown     int64         // number of the newest message shown
	news      chan struct{} // closed and replaced when that changes
	connected bool          // at least once
	lost      string        // server that was lost, until there is another
	notice    *time.Timer   // runs while there is no connection
}

// chatScreen is where the room is shown.
type chatScreen interface {
	message(m recipes.Message)
	notice(text string)
}

func newChatCommand(env *environment) *cobra.Command {
	ch := &chat{env: env, joined: make(chan struct{}), failed: make(chan error, 1), news: make(chan struct{}), shown: -1}
	cmd := &cobra.Command{
		Use:   "chat --room ROOM [--name NAME] HOST:PORT[,HOST:PORT...][/CHROOT]",
		Short: "Talk to others in a room that survives its servers",
		Long: `Enters a chat room. The whole history is shown first; everybody sees the same
messages in the same order, each once, whatever happens to the servers.

On a terminal, /who lists who is there, and /quit, Ctrl-C or Ctrl-D leaves. With
piped input every line is a message; the messages of the room go to standard
output, joins, leaves and other notices to standard error, and the command leaves
when the input has ended and everything that was said has been shown.

Exit status: 0 when all was said, 1 when a message was not sent, 2 for a mistake
in the command line, 3 when no server could be reached.`,
		Example: "  zabkeeper chat --room kitchen --name anna n1:2181,n2:2181,n3:2181\n  echo 'the build is done' | zabkeeper chat --room team --name build localhost:2181",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if ch.servers, ch.chroot, err = client.ParseConnectString(args[0]); err != nil {
				return err
			}
			if ch.name == "" || len(ch.name) > nameBytesMax || printable(ch.name) != ch.name {
				return fmt.Errorf("--name is 1 to %d bytes of text, not %q", nameBytesMax, ch.name)
			}
			return ch.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&ch.room, "room", "", "the room to enter; it is made when there is none")
	cmd.Flags().StringVar(&ch.name, "name", os.Getenv("USER"), "what others see of you")
	cmd.Flags().DurationVar(&ch.sessionTimeout, "session-timeout", client.DefaultSessionTimeout, "how long you are listed after you have vanished")
	_ = cmd.MarkFlagRequired("room") // it exists
	return cmd
}

func (ch *chat) run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	tty, isFile := ch.env.stdin.(*os.File)
	converse := ch.pipe
	ch.screen = &pipeScreen{ch.env}
	if isFile && term.IsTerminal(int(tty.Fd())) {
		t := newChatTerminal(tty, ch.env.stdout, ch.name)
		ch.screen = t
		converse = func(ctx context.Context, room *recipes.Room) error { return ch.talk(ctx, room, t) }
	}
	room, err := recipes.JoinRoom(ch.room, ch.name, ch.dial, recipes.RoomEvents{Message: ch.message, Present: ch.presence, Notice: ch.screen.notice})
	if err != nil {
		return err
	}
	defer room.Leave()
	defer ch.reconnected()
	select {
	case <-ch.joined:
	case err := <-ch.failed:
		return exit(statusNoServers, err)
	case <-ctx.Done():
		return exit(statusFailed, nil)
	}
	return converse(ctx, room)
}

// dial makes a session; the first one has to come about soon.
func (ch *chat) dial(ctx context.Context) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{Servers: ch.servers, Chroot: ch.chroot, SessionTimeout: ch.sessionTimeout, OnState: ch.stateChanged})
	if err != nil {
		select {
		case ch.failed <- err: // read only before the room is shown
		default:
		}
	}
	return c, err
}

// stateChanged mentions a lost connection in one line: which server is used
// now, or that there is none.
func (ch *chat) stateChanged(s client.StateChange) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	switch {
	case s.State == client.StateConnected:
		if ch.lost != "" && ch.lost != s.Server {
			ch.screen.notice(fmt.Sprintf("%s is gone, now on %s", ch.lost, s.Server))
		}
		ch.connected, ch.lost = true, ""
		ch.stopNotice()
	case s.State == client.StateConnecting && ch.connected && ch.lost == "":
		ch.lost = s.Server
		ch.notice = time.AfterFunc(unreachableNotice, func() {
			ch.screen.notice("no server can be reached; what you say will be sent later")
		})
	}
}

// reconnected stops the notice that may be due.
func (ch *chat) reconnected() {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.stopNotice()
}

func (ch *chat) stopNotice() {
	if ch.notice != nil {
		ch.notice.Stop()
	}
}

func (ch *chat) message(m recipes.Message) {
	m.From, m.Text = printable(m.From), printable(m.Text)
	ch.screen.message(m)
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.shown = m.Number
	close(ch.news)
	ch.news = make(chan struct{})
}

// presence says who came and who went.
func (ch *chat) presence(names []string) {
	for i := range names {
		names[i] = printable(names[i])
	}
	first := ch.present == nil
	before, after := slices.Clone(ch.present), slices.Clone(names)
	ch.mu.Lock()
	ch.present = names
	ch.mu.Unlock()
	if first {
		ch.screen.notice("here: " + strings.Join(names, ", "))
		close(ch.joined)
		return
	}
	for _, n := range names { // two may have the same name
		if i := slices.Index(before, n); i >= 0 {
			before = slices.Delete(before, i, i+1)
			j := slices.Index(after, n)
			after = slices.Delete(after, j, j+1)
		}
	}
	for _, n := range after {
		ch.screen.notice(n + " joined")
	}
	for _, n := range before {
		ch.screen.notice(n + " left")
	}
}

// untilShown waits until the message with a number, and so all before it, has
// been shown.
func (ch *chat) untilShown(ctx context.Context, number int64) {
	for {
		ch.mu.Lock()
		shown, news := ch.shown, ch.news
		ch.mu.Unlock()
		if shown >= number {
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
	}
}

// pipe says every line of the input.
func (ch *chat) pipe(ctx context.Context, room *recipes.Room) error {
	lines := bufio.NewScanner(ch.env.stdin)
	lines.Buffer(nil, recipes.TextBytesMax+2) // and the end of the line
	said := int64(-1)
	for lines.Scan() && ctx.Err() == nil {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		number, err := room.Send(ctx, strings.ToValidUTF8(lines.Text(), "�"))
		if err != nil {
			return exit(statusFailed, fmt.Errorf("not sent: %w", err))
		}
		said = number
	}
	err := lines.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		err = fmt.Errorf("a line of more than %d bytes is too long: it and what follows was not sent", recipes.TextBytesMax)
	}
	ch.untilShown(ctx, said)
	if err != nil {
		return exit(statusFailed, err)
	}
	return nil
}

// printable replaces what could move the cursor or worse.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r) || r == 0x2028 || r == 0x2029 || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069):
			return '�'
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

// pipeScreen keeps messages and notices apart.
type pipeScreen struct{ env *environment }

func (p *pipeScreen) message(m recipes.Message) {
	_, _ = fmt.Fprintf(p.env.stdout, "%s: %s\n", m.From, m.Text)
}

func (p *pipeScreen) notice(text string) { _, _ = fmt.Fprintf(p.env.stderr, "-- %s\n", text) }
