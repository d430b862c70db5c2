package history

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	finalTimeMax = time.Minute
	// lingerMin is how long an ephemeral node may outlive, besides three timeouts,
	// a session that was left to expire.
	lingerMin = 10 * time.Second
)

// errFinal is of a server that does not answer in the end.
var errFinal = errors.New("the server does not answer")

// readFinal reads, behind everything, the state that one server shows. It comes
// back as the journal of one more client.
func (h *History) readFinal(client, position int, address string) ([]*operation, error) {
	l := &Load{o: Options{Session: h.session, Dial: h.dial}, addresses: []string{address}, start: h.begun}
	ctx, cancel := context.WithTimeout(context.Background(), finalTimeMax)
	defer cancel()
	l.ctx = ctx
	var journal []*operation
	s := newSession(l, rand.New(rand.NewPCG(uint64(position), 0)), func(o *operation) {
		o.client = client
		journal = append(journal, o)
	})
	defer s.close(ctx)
	ask := func(o *operation) (*operation, error) {
		o.synced = true
		for {
			if err := s.connect(ctx, true); ctx.Err() != nil {
				return nil, fmt.Errorf("%w: %w", errFinal, errors.Join(err, ctx.Err()))
			}
			if s.nc == nil {
				continue
			}
			try := *o
			if s.do(&try); try.outcome != outcomeUnknown {
				return &try, nil
			}
		}
	}
	for _, p := range h.parts {
		if err := h.readPart(ctx, p, ask); err != nil {
			return nil, err
		}
	}
	return journal, nil
}

func (h *History) readPart(ctx context.Context, p *part, ask func(*operation) (*operation, error)) error {
	o := &operation{part: p, kind: kindGet, path: p.path}
	switch p.model {
	case modelChildren, modelSequence:
		o.kind = kindChildren
	case modelBank:
		o.kind, o.path2 = kindPair, p.second()
	case modelLock, modelEphemerals:
		return h.readEphemerals(ctx, p, ask)
	default:
	}
	_, err := ask(o)
	return err
}

// readEphemerals reads every node below a part once, and then waits until the
// sessions that were left to expire have taken theirs with them.
func (h *History) readEphemerals(ctx context.Context, p *part, ask func(*operation) (*operation, error)) error {
	pace := time.NewTicker(100 * time.Millisecond)
	defer pace.Stop()
	deadline := time.Now().Add(3*h.session + lingerMin)
	for first := true; ; first = false {
		list, err := ask(&operation{part: p, kind: kindChildren, path: p.path})
		if err != nil || len(list.got.names) == 0 {
			return err
		}
		name := p.path + "/" + list.got.names[0]
		for _, child := range list.got.names {
			if _, err := ask(&operation{part: p, kind: kindGet, path: p.path + "/" + child}); err != nil {
				return err
			}
			if !first {
				break
			}
		}
		if time.Now().After(deadline) {
			last, err := ask(&operation{part: p, kind: kindGet, path: name})
			if err == nil && last.ok() {
				err = violation("an ephemeral node has outlived every session", last)
			}
			return err
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
