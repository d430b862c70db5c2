package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"
)

const (
	// sessionsWanted is how many sessions are many.
	sessionsWanted = 20_000
	// filesBeside is what the load generator needs open besides its sessions.
	filesBeside = 100
)

// sessionsPossible is how many sessions one load generator may open here.
func sessionsPossible() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("ulimit -n: %w", err)
	}
	return int(min(sessionsWanted, limit.Max-filesBeside)), nil
}

// takeSessions opens many sessions on fresh servers, for what a session takes,
// and again on warm ones, round by round, for how fast that goes and for the writes
// beside them.
func takeSessions(ctx context.Context, l *lab, peer string) (list []values, err error) {
	n, err := sessionsPossible()
	if err != nil {
		return nil, err
	}
	err = l.with(ctx, peer, options{}, func(e *ensemble) error {
		first, err := l.load(ctx, e, "--workload", "sessions", "--connections", strconv.Itoa(n), "--duration", settle.String())
		if err != nil {
			return err
		}
		list = append(list, values{"sessions-open": float64(n), "memory-session": first.Sessions.KBPerSession})
		if err := l.warm(ctx, e); err != nil {
			return err
		}
		for range l.plan.rounds {
			got, err := l.beside(ctx, e, n)
			if err != nil {
				return err
			}
			list = append(list, got)
		}
		return nil
	})
	return list, err
}

// besideSlack is what a load needs around its measured time.
const besideSlack = 20 * time.Second

// beside writes without and with idle sessions.
func (l *lab) beside(ctx context.Context, e *ensemble, n int) (values, error) {
	without, err := l.load(ctx, e, l.timed("--workload", "set")...)
	if err != nil {
		return nil, err
	}
	crowd, err := l.begin(ctx, e, "--workload", "sessions", "--connections", strconv.Itoa(n), "--duration", (l.plan.duration + besideSlack).String())
	if err != nil {
		return nil, err
	}
	with, besideErr := func() (float64, error) {
		if err := awaitSessions(ctx, e, n); err != nil {
			return 0, err
		}
		r, err := l.load(ctx, e, l.timed("--workload", "set")...)
		if err != nil {
			return 0, err
		}
		if openSessions(e) < n {
			return 0, errors.New("the sessions ended before the writes beside them")
		}
		return r.PerSecond, nil
	}()
	if besideErr != nil {
		_ = crowd.cmd.Cancel() // nobody needs them any more
	}
	opened, err := l.end(crowd)
	if err := errors.Join(besideErr, err); err != nil {
		return nil, err
	}
	return values{
		"sessions-rate": opened.PerSecond, "sessions-without": without.PerSecond, "sessions-with": with,
		"sessions-share": with / without.PerSecond,
	}, nil
}

// openSessions is how many connections the servers have.
func openSessions(e *ensemble) (sum int) {
	for _, s := range e.servers {
		n, _ := strconv.Atoi(lineOf(word(s.client, "mntr"), "zk_num_alive_connections"))
		sum += n
	}
	return sum
}

func awaitSessions(ctx context.Context, e *ensemble, n int) error {
	return e.servers[0].await(ctx, fmt.Sprintf("%d sessions", n), serveWait, func() bool { return openSessions(e) >= n })
}
