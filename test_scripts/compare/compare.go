package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// compare takes the measures of a plan and hands on what there is, again and again.
func compare(ctx context.Context, p plan, say io.Writer, save func(report) error) (err error) {
	list, err := chosen(p.only)
	if err != nil {
		return err
	}
	l, err := openLab(ctx, p, say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	result := &report{}
	if result.Machine, err = describe(ctx, &p, l.dir); err != nil {
		return err
	}
	if err := l.takeTogether(ctx, list, result, save); err != nil {
		return err
	}
	for _, m := range list {
		if m.when != alone {
			continue
		}
		l.takeAll(ctx, &m, result)
		if ctx.Err() != nil {
			break
		}
		if err := save(*result); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// takeTogether takes the measures on ensembles that stay up: the peers take turns
// within each measure of each round.
func (l *lab) takeTogether(ctx context.Context, list []measure, result *report, save func(report) error) error {
	list = slices.DeleteFunc(slices.Clone(list), func(m measure) bool { return m.when == alone })
	if len(list) == 0 {
		return nil
	}
	broken := l.startLoaded(ctx)
	defer l.endLoaded()
	take := func(when moment, round int) {
		for _, m := range list {
			for _, peer := range l.plan.peers {
				if m.when == when && m.on(peer) {
					l.takeOne(ctx, &m, peer, round, broken[peer], result)
				}
			}
		}
	}
	take(fresh, 1)
	for _, peer := range l.plan.peers {
		if broken[peer] == nil && slices.ContainsFunc(list, func(m measure) bool { return m.when == rounds }) {
			l.tell("%s: warming up\n", peer)
			broken[peer] = l.warm(ctx, l.loaded[peer])
		}
	}
	for round := range l.plan.rounds {
		take(rounds, round+1)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := save(*result); err != nil {
			return err
		}
	}
	take(after, 1)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return save(*result)
}

// startLoaded starts an ensemble of every peer and returns what went wrong.
func (l *lab) startLoaded(ctx context.Context) map[string]error {
	broken := map[string]error{}
	for _, peer := range l.plan.peers {
		e, err := l.ensemble(peer, options{})
		if err == nil {
			l.loaded[peer] = e
			err = e.start(ctx)
		}
		broken[peer] = err
	}
	return broken
}

func (l *lab) endLoaded() {
	for peer, e := range l.loaded {
		if err := e.remove(); err != nil {
			l.tell("%s: %v\n", peer, err)
		}
		delete(l.loaded, peer)
	}
}

// takeAll takes a measure on every peer.
func (l *lab) takeAll(ctx context.Context, m *measure, result *report) {
	for _, peer := range l.plan.peers {
		if m.on(peer) {
			l.takeOne(ctx, m, peer, 1, nil, result)
		}
	}
}

// takeOne takes a measure on a peer and adds its runs. A failure is a run too.
func (l *lab) takeOne(ctx context.Context, m *measure, peer string, round int, broken error, result *report) {
	if ctx.Err() != nil {
		return
	}
	l.others = nil
	at := time.Now().UTC().Format(time.RFC3339)
	var list []values
	err := broken
	if err == nil {
		list, err = m.take(ctx, l, peer)
	}
	if ctx.Err() != nil {
		return // told to stop: that is no failure of the peer
	}
	template := run{Measure: m.id, Peer: peer, At: at, Commit: result.Machine.Commit, Seconds: l.plan.duration.Seconds()}
	for _, o := range l.others {
		template.Others = max(template.Others, o)
	}
	for i, v := range list {
		u := template
		u.Round, u.Values = round+i, v
		result.Runs = append(result.Runs, u)
		l.tell("%s: %s, round %d: %v\n", peer, m.title, u.Round, v)
	}
	if err != nil {
		u := template
		u.Round, u.Error = round+len(list), err.Error()
		result.Runs = append(result.Runs, u)
		l.tell("%s: %s, round %d failed: %v\n", peer, m.title, u.Round, err)
	}
}

func (l *lab) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(l.say, time.Now().Format(time.TimeOnly)+" "+format, args...)
}
