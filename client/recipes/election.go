package recipes

import (
	"context"

	"github.com/zabkeeper/zabkeeper/client"
)

// Election makes one of the participants the leader. It is kazoo's Election: a
// Lock whose holder leads, with Lock's guarantees; the next in the queue takes
// over when the leader resigns or its session ends.
type Election struct{ lock *Lock }

// NewElection returns the election at path.
func NewElection(c *client.Client, path string, o LockOptions) *Election {
	return &Election{NewLock(c, path, o)}
}

// Run waits until this participant leads, calls lead, and resigns when it
// returns. The context that lead gets ends when the leadership is lost, and
// context.Cause says why; the fencing token of the leadership is token. Run
// returns lead's error, or why it could not lead.
func (e *Election) Run(ctx context.Context, lead func(ctx context.Context, token int64) error) error {
	held, err := e.lock.Acquire(ctx)
	if err != nil {
		return err
	}
	defer giveUp(ctx, held.Release)
	leading, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-held.Lost():
			cancel(held.Err())
		case <-ended:
		}
	}()
	return lead(leading, held.Token())
}

// Contenders returns the identifiers of the leader and of those that wait, in
// the order in which they will lead.
func (e *Election) Contenders(ctx context.Context) ([]string, error) {
	return e.lock.Contenders(ctx)
}
