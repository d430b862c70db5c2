package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/term"
)

// changesShown is how many changes stand below the table on a terminal.
const changesShown = 12

// statusWatch shows what the servers are doing, as it changes.
type statusWatch struct {
	env      *environment
	servers  []serverStatus
	timeout  time.Duration
	interval time.Duration

	seen    []serverSelf
	changes []string
	leader  string // what was said last of who leads
}

// run goes on until it is interrupted.
func (w *statusWatch) run(ctx context.Context) error {
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	out, isFile := w.env.stdout.(*os.File)
	screen := isFile && term.IsTerminal(int(out.Fd()))
	w.seen = make([]serverSelf, len(w.servers))
	for {
		lines := w.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		w.changes = append(w.changes, lines...)
		w.changes = w.changes[max(0, len(w.changes)-changesShown):]
		var err error
		if screen {
			_, err = io.WriteString(w.env.stdout, "\x1b[H\x1b[J"+w.table()+"\n"+strings.Join(w.changes, ""))
		} else {
			_, err = io.WriteString(w.env.stdout, strings.Join(lines, ""))
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(w.interval):
		}
	}
}

// look asks every server and returns a line for each change.
func (w *statusWatch) look(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	now := make([]serverSelf, len(w.servers))
	var all sync.WaitGroup
	for i := range w.servers {
		all.Go(func() {
			now[i] = serverSelf{Number: w.seen[i].Number, Mode: roleDown}
			if s, err := askSelf(ctx, w.servers[i].Address); err == nil {
				now[i] = *s
			}
		})
	}
	all.Wait()
	var lines []string
	at := time.Now().Format("15:04:05.000")
	for i := range now {
		if was := &w.seen[i]; was.Mode != now[i].Mode || was.Leader != now[i].Leader || was.Epoch != now[i].Epoch {
			lines = append(lines, fmt.Sprintf("%s %s: %s\n", at, w.name(i, &now[i]), inWords(&now[i])))
		}
	}
	w.seen = now
	if says := w.whoLeads(); says != w.leader {
		w.leader = says
		lines = append(lines, at+" "+says+"\n")
	}
	return lines
}

func (w *statusWatch) name(i int, s *serverSelf) string {
	if s.Number == 0 {
		return w.servers[i].Address
	}
	return fmt.Sprintf("server %d", s.Number)
}

// inWords is a server's role as a person would say it.
func inWords(s *serverSelf) string {
	var text string
	switch s.Mode {
	case "leader", "standalone":
		text = fmt.Sprintf("leading, epoch %d", s.Epoch)
	case "follower":
		text = fmt.Sprintf("following server %d, epoch %d", s.Leader, s.Epoch)
	case "observer":
		text = fmt.Sprintf("observing server %d, epoch %d", s.Leader, s.Epoch)
	case roleDown:
		return roleDown
	default:
		text = s.Mode
	}
	if s.Epoch == 0 && s.Leader != 0 {
		text = fmt.Sprintf("looking, joins server %d", s.Leader)
	}
	if s.Why != "" {
		text += " (" + s.Why + ")"
	}
	return text
}

// whoLeads says which server a quorum's leader is, or that there is none.
func (w *statusWatch) whoLeads() string {
	var leader *serverSelf
	for i := range w.seen {
		if s := &w.seen[i]; (s.Mode == "leader" || s.Mode == "standalone") && s.Serving && (leader == nil || s.Epoch > leader.Epoch) {
			leader = s
		}
	}
	if leader == nil {
		return "no server leads: clients are not served"
	}
	return fmt.Sprintf("server %d leads epoch %d", leader.Number, leader.Epoch)
}

func (w *statusWatch) table() string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "SERVER\tADDRESS\tROLE\tLEADER\tEPOCH\tLAST ZXID\tWHY\t")
	order := make([]int, len(w.seen))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(w.seen[a].Number) - int(w.seen[b].Number) })
	for _, i := range order {
		s := &w.seen[i]
		if s.Mode == roleDown {
			_, _ = fmt.Fprintf(t, "%d\t%s\t%s\t\t\t\t\t\n", s.Number, w.servers[i].Address, roleDown)
			continue
		}
		_, _ = fmt.Fprintf(t, "%d\t%s\t%s\t%d\t%d\t%s\t%s\t\n", s.Number, w.servers[i].Address, s.Mode, s.Leader, s.Epoch, s.Zxid, s.Why)
	}
	_ = t.Flush() // to memory
	return b.String() + w.leader + "\n"
}
