package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// million is how many nodes are many.
const million = 1_000_000

// settle is how long servers are left alone before their memory is looked at.
const settle = 5 * time.Second

// takeStart starts empty servers again and again.
func takeStart(ctx context.Context, l *lab, peer string) (list []values, err error) {
	for range l.plan.rounds {
		e, err := l.ensemble(peer, options{})
		if err != nil {
			return list, err
		}
		d, err := e.firstAnswer(ctx)
		if err = errors.Join(err, e.remove()); err != nil {
			return list, err
		}
		list = append(list, values{"start-empty": d.Seconds()})
	}
	return list, nil
}

func takeGap(ctx context.Context, l *lab, peer string) (list []values, err error) {
	err = l.with(ctx, peer, options{}, func(e *ensemble) error {
		if err := l.warm(ctx, e); err != nil {
			return err
		}
		list, err = l.gaps(ctx, e, "gap")
		return err
	})
	return list, err
}

// gapsARound is how often the leader is killed for each round of other measures.
const gapsARound = 2

// gaps kills the leader again and again.
func (l *lab) gaps(ctx context.Context, e *ensemble, row string) (list []values, err error) {
	for range gapsARound * l.plan.rounds {
		seconds, err := l.gap(ctx, e)
		if err != nil {
			return list, err
		}
		list = append(list, values{row: seconds})
	}
	return list, nil
}

// The moments of a failover, from the start of the writes.
const (
	gapKill    = 2 * time.Second
	gapRestart = 8 * time.Second
	gapEnd     = 10 * time.Second
)

// gap kills the leader under writes, starts it again, and returns the longest
// time without an acknowledged write.
func (l *lab) gap(ctx context.Context, e *ensemble) (float64, error) {
	g, err := l.begin(ctx, e, "--workload", "failover", "--duration", gapEnd.String())
	if err != nil {
		return 0, err
	}
	killed := func() error {
		if err := pause(ctx, gapKill); err != nil {
			return err
		}
		leader, err := e.leader()
		if err != nil {
			return err
		}
		leader.kill()
		if err := pause(ctx, gapRestart-gapKill); err != nil {
			return err
		}
		return e.launch()
	}()
	r, err := l.end(g)
	if err = errors.Join(killed, err); err != nil {
		return 0, err
	}
	if r.Failover == nil || r.Operations == 0 {
		return 0, errors.New("nothing was written")
	}
	return r.Failover.LongestGapMs / 1e3, e.start(ctx) // all of them, for the next time
}

// takeMillion fills servers, looks at their memory, starts them anew, and kills
// their leader.
func takeMillion(ctx context.Context, l *lab, peer string) (list []values, err error) {
	err = l.with(ctx, peer, options{}, func(e *ensemble) error {
		if err := l.fill(ctx, e, million); err != nil {
			return err
		}
		if err := pause(ctx, settle); err != nil {
			return err
		}
		mb, err := residentMB(e)
		if err != nil {
			return err
		}
		list = append(list, values{"memory-million": mb})
		for range l.plan.rounds {
			e.end()
			d, err := e.firstAnswer(ctx)
			if err != nil {
				return fmt.Errorf("start: %w", err)
			}
			list = append(list, values{"start-million": d.Seconds()})
			if err := e.start(ctx); err != nil {
				return err
			}
		}
		if err := l.warm(ctx, e); err != nil {
			return err
		}
		gaps, err := l.gaps(ctx, e, "gap-million")
		list = append(list, gaps...)
		return err
	})
	return list, err
}

const (
	// fillConnections are few: the nodes are to be there, and servers that are
	// stopped for a moment by a collector or a snapshot are not to be drowned.
	fillConnections = "4"
	// fillPiece is how many nodes are made at a time, and fillAttempts how often
	// that is tried. Nodes set the stage and are no figure: a connection that is
	// lost meanwhile is told and does not end the measure.
	fillPiece    = 100_000
	fillAttempts = 3
)

// fill makes nodes that stay.
func (l *lab) fill(ctx context.Context, e *ensemble, nodes int) error {
	for made := 0; made < nodes; made += fillPiece {
		if err := l.fillPiece(ctx, e, min(fillPiece, nodes-made)); err != nil {
			return fmt.Errorf("make %d nodes, %d are there: %w", nodes, made, err)
		}
	}
	return nil
}

func (l *lab) fillPiece(ctx context.Context, e *ensemble, nodes int) (err error) {
	for range fillAttempts {
		if _, err = l.load(ctx, e, "--workload", "fill", "--connections", fillConnections, "--nodes", strconv.Itoa(nodes)); err == nil {
			return nil
		}
		l.tell("%s: %v\n", e.kind.name, err)
		if err := e.await(ctx); err != nil {
			return err
		}
	}
	return err
}
