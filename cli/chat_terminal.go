package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/zabkeeper/zabkeeper/client/recipes"
)

const (
	// unsentMax is how many typed messages may wait to be sent.
	unsentMax = 100
	// leaveTime is how long leaving waits for messages that are not sent yet.
	leaveTime = 5 * time.Second
)

// chatTerminal shows a room above the line that is being typed.
type chatTerminal struct {
	tty    *os.File
	out    io.Writer
	lines  *typedLines
	term   *term.Terminal
	prompt string
}

func newChatTerminal(tty *os.File, out io.Writer, name string) *chatTerminal {
	t := &chatTerminal{tty: tty, out: out, lines: &typedLines{in: tty}, prompt: name + "> "}
	t.term = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{t.lines, out}, "")
	return t
}

func (t *chatTerminal) message(m recipes.Message) {
	t.print(fmt.Sprintf("%s %s: %s", m.At.Format("15:04"), m.From, m.Text))
}

func (t *chatTerminal) notice(text string) { t.print("-- " + text) }

func (t *chatTerminal) print(line string) {
	t.lines.screen.Lock()
	defer t.lines.screen.Unlock()
	_, _ = fmt.Fprintln(t.term, line)
}

// readLine reads a line and takes it from the screen, where it will appear as
// everybody sees it.
func (t *chatTerminal) readLine() (string, error) {
	fd := int(t.tty.Fd())
	width, height, err := term.GetSize(fd)
	if err != nil || width < 1 {
		width, height = 80, 24
	}
	_ = t.term.SetSize(width, height) // an odd size only spoils the looks
	line, err := t.term.ReadLine()
	if err == nil {
		rows := (utf8.RuneCountInString(t.prompt)+utf8.RuneCountInString(line))/width + 1
		_, _ = fmt.Fprintf(t.out, "\x1b[%dA\r\x1b[J", rows)
	}
	t.lines.release()
	return line, err
}

// typedLines hands over what is typed up to the end of a line. From then on
// nothing else is shown until the line has been taken from the screen.
type typedLines struct {
	in     io.Reader
	rest   []byte
	screen sync.Mutex
	held   bool // by the reader
}

func (l *typedLines) Read(p []byte) (int, error) {
	l.release()
	if len(l.rest) == 0 {
		buf := make([]byte, 256)
		n, err := l.in.Read(buf)
		if n == 0 {
			return 0, err
		}
		l.rest = buf[:n]
	}
	n := min(len(l.rest), len(p))
	if i := bytes.IndexAny(l.rest[:n], "\r\n"); i >= 0 {
		n = i + 1
		l.screen.Lock()
		l.held = true
	}
	copy(p, l.rest[:n])
	l.rest = l.rest[n:]
	return n, nil
}

func (l *typedLines) release() {
	if l.held {
		l.held = false
		l.screen.Unlock()
	}
}

// talk reads what is typed and sends it.
func (ch *chat) talk(ctx context.Context, room *recipes.Room, t *chatTerminal) error {
	fd := int(t.tty.Fd())
	cooked, err := term.MakeRaw(fd)
	if err != nil {
		return exit(statusFailed, fmt.Errorf("terminal: %w", err))
	}
	defer fmt.Fprint(ch.env.stdout, "\r\n") //nolint:errcheck // nothing is left to do about it
	defer term.Restore(fd, cooked)          //nolint:errcheck // likewise
	t.notice("/who lists who is here, /quit leaves")
	t.term.SetPrompt(t.prompt)
	unsent := make(chan string, unsentMax)
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var sent sync.WaitGroup
	sent.Go(func() {
		for text := range unsent {
			if _, err := room.Send(sending, text); err != nil {
				t.notice(fmt.Sprintf("not sent: %s (%v)", text, err))
			}
		}
	})
	ended := make(chan error, 1)
	go func() { ended <- ch.typed(t, unsent) }()
	select {
	case err = <-ended:
		close(unsent)
		defer time.AfterFunc(leaveTime, cancel).Stop()
		sent.Wait()
	case <-ctx.Done():
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return exit(statusFailed, err)
	}
	return nil
}

// typed takes lines until the end; what is said goes to unsent.
func (ch *chat) typed(t *chatTerminal, unsent chan<- string) error {
	for {
		line, err := t.readLine()
		if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
			return err
		}
		switch line = strings.TrimSpace(line); line {
		case "":
		case "/quit":
			return nil
		case "/who":
			ch.mu.Lock()
			names := strings.Join(ch.present, ", ")
			ch.mu.Unlock()
			t.notice("here: " + names)
		default:
			select {
			case unsent <- line:
			default:
				t.notice("not sent, too much is waiting to be sent: " + line)
			}
		}
	}
}
