package recipes

import (
	"context"
	"errors"

	"github.com/zabkeeper/zabkeeper/client"
)

// Barrier holds everyone back while it is up. It is kazoo's Barrier: it is up
// while its znode exists, whoever made it, and stays up when its maker ends.
type Barrier struct {
	c    *client.Client
	path string
}

// NewBarrier returns the barrier at path.
func NewBarrier(c *client.Client, path string) *Barrier { return &Barrier{c, path} }

// Raise puts the barrier up; it may be up already.
func (b *Barrier) Raise(ctx context.Context) error { return ensurePath(ctx, b.c, b.path) }

// Lift takes the barrier away; it may be gone already.
func (b *Barrier) Lift(ctx context.Context) error { return remove(ctx, b.c, b.path) }

// Wait returns when the barrier is not up.
func (b *Barrier) Wait(ctx context.Context) error { return untilGone(ctx, b.c, b.path) }

// untilGone waits until there is no znode at path.
func untilGone(ctx context.Context, c *client.Client, path string) error {
	for {
		var changed <-chan client.Event
		err := again(func() (err error) {
			_, _, changed, err = c.GetW(ctx, path)
			return err
		})
		if errors.Is(err, client.ErrNoNode) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case e := <-changed:
			if e.Err != nil {
				return e.Err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// readyName is the znode that opens a double barrier.
const readyName = "ready"

// DoubleBarrier lets a number of participants begin together and end together.
// It is kazoo's DoubleBarrier.
//
// Guarantees: Enter returns when that many participants have entered; Leave
// returns when all who were in with this one have left or lost their session.
// The same barrier can be used again by the same number of participants.
type DoubleBarrier struct {
	c     *client.Client
	path  string
	count int
	o     LockOptions
	own   string
}

// NewDoubleBarrier returns the barrier at path for that many participants; of
// the options only Identifier counts.
func NewDoubleBarrier(c *client.Client, path string, count int, o LockOptions) *DoubleBarrier {
	return &DoubleBarrier{c: c, path: path, count: count, o: o}
}

// Enter waits until all participants have entered. When ctx ends, this one is
// out again.
func (b *DoubleBarrier) Enter(ctx context.Context) error {
	b.own = newID()
	err := b.enter(ctx)
	if err != nil {
		giveUp(ctx, func(ctx context.Context) error { return remove(ctx, b.c, b.path+"/"+b.own) })
	}
	return err
}

func (b *DoubleBarrier) enter(ctx context.Context) error {
	err := below(ctx, b.c, b.path, func() error {
		return again(func() error {
			_, err := b.c.Create(ctx, b.path+"/"+b.own, []byte(b.o.Identifier), client.CreateOptions{Mode: client.ModeEphemeral})
			return err
		})
	})
	if err != nil && !errors.Is(err, client.ErrNodeExists) { // exists: the lost answer was a yes
		return err
	}
	ready := b.path + "/" + readyName
	for {
		var open bool
		var opened <-chan client.Event
		err := again(func() (err error) {
			_, open, opened, err = b.c.ExistsW(ctx, ready)
			return err
		})
		if err != nil || open {
			return err
		}
		members, err := b.members(ctx)
		if err != nil {
			return err
		}
		if len(members) >= b.count {
			return ensurePath(ctx, b.c, ready)
		}
		select {
		case e := <-opened:
			if e.Type == client.EventCreated || e.Err != nil {
				return e.Err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Leave waits until all participants have left.
func (b *DoubleBarrier) Leave(ctx context.Context) error {
	// Listed before leaving: nobody listed can be back in before this one has
	// left, so those waited for below are of this use of the barrier.
	members, err := b.members(ctx)
	if err != nil {
		return err
	}
	if err := remove(ctx, b.c, b.path+"/"+b.own); err != nil {
		return err
	}
	for _, name := range members {
		if err := untilGone(ctx, b.c, b.path+"/"+name); err != nil {
			return err
		}
	}
	// The other participants do the same, kazoo's before they wait.
	return remove(ctx, b.c, b.path+"/"+readyName)
}

func (b *DoubleBarrier) members(ctx context.Context) ([]string, error) {
	names, err := children(ctx, b.c, b.path)
	var members []string
	for _, name := range names {
		if name != readyName {
			members = append(members, name)
		}
	}
	return members, err
}
