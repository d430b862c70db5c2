package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/zabkeeper/zabkeeper/client"
)

// completionTime bounds how long a key press waits for the server.
const completionTime = 500 * time.Millisecond

// completionsMax is how many names are looked at, however many children begin
// with what was typed.
const completionsMax = 500

// runTerminal reads lines with editing, history and completion. The terminal
// is raw only while a line is typed, so that Ctrl-C interrupts a command as it
// does everywhere.
func (sh *shell) runTerminal(ctx context.Context, tty *os.File) error {
	fd := int(tty.Fd())
	_, _ = fmt.Fprintf(sh.env.stdout, "Connected to %s; 'help' lists the commands.\n", sh.client.Server())
	return sh.runLines(ctx, tty, func(read func() error) error {
		cooked, err := term.MakeRaw(fd)
		if err != nil {
			return exit(statusFailed, fmt.Errorf("terminal: %w", err))
		}
		defer term.Restore(fd, cooked) //nolint:errcheck // nothing is left to do about it
		return read()
	}, func(t *term.Terminal) {
		if width, height, err := term.GetSize(fd); err == nil && width > 0 {
			_ = t.SetSize(width, height) // an odd size only spoils the looks
		}
	})
}

// runLines is the loop of runTerminal without the device: raw wraps the
// reading of a line, resize is called before it.
func (sh *shell) runLines(ctx context.Context, in io.Reader, raw func(func() error) error, resize func(*term.Terminal)) error {
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{interruptReader{in}, sh.env.stdout}, "")
	t.AutoCompleteCallback = func(line string, pos int, key rune) (string, int, bool) {
		if key != '\t' {
			return "", 0, false
		}
		return sh.complete(ctx, t, line, pos)
	}
	sh.interactive, sh.talks = true, true
	sh.out = &lockedWriter{w: t} // events redraw the line being typed
	for !sh.quit {
		var line string
		err := raw(func() (err error) {
			resize(t)
			t.SetPrompt(sh.prompt())
			line, err = t.ReadLine()
			return err
		})
		switch {
		case errors.Is(err, io.EOF):
			_, _ = fmt.Fprintln(sh.env.stdout)
			return nil
		case err != nil && !errors.Is(err, term.ErrPasteIndicator):
			return exit(statusFailed, err)
		}
		if err = sh.execute(ctx, line); err != nil && sh.strict {
			return nil
		}
	}
	return nil
}

// interruptReader makes Ctrl-C clear the line, where the terminal package
// would end the input.
type interruptReader struct{ in io.Reader }

func (r interruptReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	for i, b := range p[:n] {
		if b == 3 {
			p[i] = 21 // Ctrl-U
		}
	}
	return n, err
}

func (sh *shell) prompt() string {
	state := client.StateClosed
	if sh.client != nil {
		state = sh.client.State()
	}
	return fmt.Sprintf("[zk: %s(%s) %d] ", sh.address, state, len(sh.history))
}

// complete extends the word before the cursor: the first is a command, others
// are flags and paths. What can't be told apart is listed.
func (sh *shell) complete(ctx context.Context, out io.Writer, line string, pos int) (string, int, bool) {
	before := line[:pos]
	start := strings.LastIndexAny(before, " \t") + 1
	word := before[start:]
	var found []string
	if strings.TrimSpace(before[:start]) == "" {
		for _, c := range shellCommands() {
			if strings.HasPrefix(c.name, word) {
				found = append(found, c.name+" ")
			}
		}
	} else if strings.HasPrefix(word, "-") {
		name, _ := cutWord(strings.TrimLeft(before, " \t"))
		found = commandNamed(name).flagWords(word)
	} else {
		found = sh.completePath(ctx, word)
	}
	if len(found) == 0 {
		return line, pos, true
	}
	longest := found[0]
	for _, f := range found[1:] {
		n := 0
		for n < len(longest) && n < len(f) && longest[n] == f[n] {
			n++
		}
		longest = strings.ToValidUTF8(longest[:n], "")
	}
	if longest == word && len(found) > 1 {
		_, _ = fmt.Fprintln(out, strings.Join(found, "  "))
	}
	return before[:start] + longest + line[pos:], start + len(longest), true
}

func (sh *shell) completePath(ctx context.Context, word string) []string {
	if sh.client == nil {
		return nil
	}
	slash := strings.LastIndexByte(word, '/') + 1
	dir, prefix := word[:slash], word[slash:]
	parent := absolute(strings.TrimSuffix(dir, "/"))
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	page, err := sh.client.ListPage(ctx, parent, client.PageOptions{Prefix: prefix, Limit: completionsMax})
	if err != nil {
		return nil
	}
	var found []string
	for _, child := range page.Children {
		found = append(found, dir+child.Name)
	}
	return found
}
