package recipes

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
)

var (
	// ErrTaken says that somebody else holds what was tried for.
	ErrTaken = errors.New("taken by somebody else")
	// ErrLost says that the participant's znode is gone although its session
	// lives: somebody deleted it.
	ErrLost = errors.New("the lock's znode was deleted")
	// ErrSilence says that no server answered for almost a session timeout: the
	// session may have expired, and the lock may have another owner.
	ErrSilence = errors.New("no server has answered for almost a session timeout")
)

// releaseTime bounds what is done for an attempt whose context has ended.
const releaseTime = 5 * time.Second

// Held is a lock, or a lease of a semaphore, from when it was got to when it is
// released or lost.
type Held struct {
	c       *client.Client
	path    string // of the znode
	token   int64
	release func(context.Context) error
	stop    context.CancelFunc
	lost    chan struct{}

	mu  sync.Mutex
	why error
}

// hold begins to watch over a lock that was just got. proof is a moment at
// which the session was certainly alive.
func hold(c *client.Client, path string, token int64, proof time.Time, release func(context.Context) error) *Held {
	ctx, stop := context.WithCancel(context.Background())
	h := &Held{c: c, path: path, token: token, release: release, stop: stop, lost: make(chan struct{})}
	go h.guard(ctx, proof)
	return h
}

// Token is the fencing token: the zxid that created the lock's znode. Every
// later owner of the same lock has a higher one.
func (h *Held) Token() int64 { return h.token }

// Path is the znode that stands for the lock.
func (h *Held) Path() string { return h.path }

// Lost is closed when the lock is gone or may be gone: its session ended, its
// znode was deleted, or no server has answered for 5/6 of the session timeout.
// It is not closed by Release.
func (h *Held) Lost() <-chan struct{} { return h.lost }

// Err says why Lost is closed, nil while it is not.
func (h *Held) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.why
}

// Release gives the lock to the next in the queue. The lock is free when it
// returns nil; otherwise it is free at the end of the session.
func (h *Held) Release(ctx context.Context) error {
	h.stop()
	return h.release(ctx)
}

// guard proves again and again that the session is alive and the znode there.
// The server counts the session timeout from the last request, which was sent
// after the proof began; so the session lives for that long, whatever happens.
func (h *Held) guard(ctx context.Context, proof time.Time) {
	timeout := h.c.SessionTimeout()
	for {
		limit, cancel := context.WithDeadline(ctx, proof.Add(timeout-timeout/6))
		asked := time.Now()
		_, exists, changed, err := h.c.ExistsW(limit, h.path)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, context.DeadlineExceeded):
			h.lose(ErrSilence)
			return
		case errors.Is(err, client.ErrConnectionLoss):
			continue
		case err != nil:
			h.lose(err)
			return
		case !exists:
			h.lose(ErrLost)
			return
		}
		proof = asked
		if !h.untilDoubt(ctx, changed, &proof, timeout) {
			return
		}
	}
}

// untilDoubt goes on proving, without a new watch, until the watch fires. It
// returns false when there is nothing to watch over any more.
func (h *Held) untilDoubt(ctx context.Context, changed <-chan client.Event, proof *time.Time, timeout time.Duration) bool {
	tick := time.NewTicker(timeout / 6)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case e := <-changed:
			if e.Err != nil {
				h.lose(e.Err)
			}
			return e.Err == nil
		case <-tick.C:
		}
		limit, cancel := context.WithDeadline(ctx, proof.Add(timeout-timeout/6))
		asked := time.Now()
		_, _, err := h.c.Exists(limit, h.path)
		cancel()
		switch {
		case ctx.Err() != nil:
			return false
		case errors.Is(err, context.DeadlineExceeded):
			h.lose(ErrSilence)
			return false
		case err == nil:
			*proof = asked
		case !errors.Is(err, client.ErrConnectionLoss):
			h.lose(err)
			return false
		}
	}
}

func (h *Held) lose(why error) {
	h.mu.Lock()
	h.why = why
	h.mu.Unlock()
	close(h.lost)
}

// giveUp leaves a queue although the caller's context has ended.
func giveUp(ctx context.Context, leave func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	_ = leave(ctx) // otherwise the end of the session does it
}
