package balancer

import (
	"context"
	"fmt"
	"time"
)

const (
	// quietTime is how long nothing must have passed for a connection to be
	// closed gently: no answer is lost then.
	quietTime = 100 * time.Millisecond
	// drainPatience is how long a busy connection is waited for.
	drainPatience = 5 * time.Second
	drainStep     = 20 * time.Millisecond
)

// Drain takes clients off a server: it gets no new ones, and its connections are
// closed, each in a quiet moment, so that the clients come back to other servers
// with their sessions. It returns when the server has no connections, or ctx
// ends; the server stays drained until Undrain. The last usable server is drained
// as well: the operator knows best.
func (b *Balancer) Drain(ctx context.Context, id uint32) error {
	b.mu.Lock()
	s := b.find(id)
	if s == nil {
		b.mu.Unlock()
		return fmt.Errorf("%w: %d", ErrUnknownServer, id)
	}
	s.draining = true
	b.log.Info().Uint32("server", id).Int("connections", len(s.conns)).Msg("draining")
	b.mu.Unlock()
	patience := time.Now().Add(drainPatience)
	tick := time.NewTicker(drainStep)
	defer tick.Stop()
	for {
		b.mu.Lock()
		if len(s.conns) == 0 || !s.draining {
			b.mu.Unlock()
			return nil
		}
		now := time.Now()
		for r := range s.conns {
			if now.After(patience) || now.UnixNano()-r.active.Load() > int64(quietTime) {
				r.close()
			}
		}
		b.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("drain server %d: %w", id, ctx.Err())
		case <-b.ctx.Done():
			return nil
		}
	}
}

// Undrain lets a server have clients again.
func (b *Balancer) Undrain(id uint32) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.find(id)
	if s == nil {
		return fmt.Errorf("%w: %d", ErrUnknownServer, id)
	}
	s.draining = false
	b.log.Info().Uint32("server", id).Msg("no longer drained")
	return nil
}
