package recipes

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
)

// ErrLeases says that a semaphore has another number of leases than asked for.
var ErrLeases = errors.New("the semaphore has another number of leases")

// Semaphore lets a number of participants in at a time, in the order of a
// queue. It is kazoo's Semaphore: the leases are znodes below path, the queue is
// a Lock at path+"-__lock__", and the number of leases is the data of path,
// written by the first participant and checked by the others.
//
// Guarantees: never more than the number of leases exist; a lease goes at
// Release, or when the session ends.
type Semaphore struct {
	c      *client.Client
	path   string
	leases int
	o      LockOptions
}

// NewSemaphore returns the semaphore at path with that many leases.
func NewSemaphore(c *client.Client, path string, leases int, o LockOptions) *Semaphore {
	return &Semaphore{c, path, leases, o}
}

// Acquire waits for a lease until ctx ends.
func (s *Semaphore) Acquire(ctx context.Context) (*Held, error) {
	return s.acquire(ctx, false)
}

// TryAcquire gets a lease if one is free and nobody waits, else ErrTaken.
func (s *Semaphore) TryAcquire(ctx context.Context) (*Held, error) {
	return s.acquire(ctx, true)
}

func (s *Semaphore) acquire(ctx context.Context, try bool) (*Held, error) {
	if err := s.agree(ctx); err != nil {
		return nil, err
	}
	o := s.o
	if o.Waiting != nil { // the head of the queue waits for a lease
		o.Waiting = func(ahead int) { s.o.Waiting(ahead + 1) }
	}
	queue := NewLock(s.c, s.path+"-"+markLock, o)
	get := queue.Acquire
	if try {
		get = queue.TryAcquire
	}
	front, err := get(ctx)
	if err != nil {
		return nil, err
	}
	defer giveUp(ctx, front.Release)
	return s.lease(ctx, try)
}

// agree writes the number of leases, or compares it with what is there.
func (s *Semaphore) agree(ctx context.Context) error {
	for {
		if err := ensurePath(ctx, s.c, s.path); err != nil {
			return err
		}
		data, stat, err := read(ctx, s.c, s.path)
		if errors.Is(err, client.ErrNoNode) {
			continue
		}
		if err != nil {
			return err
		}
		if text := strings.TrimSpace(string(data)); text != "" {
			n, err := strconv.Atoi(text)
			if err == nil && n != s.leases { // other data is the business of others, as in kazoo
				return fmt.Errorf("%w: %s has %d, asked for %d; all participants have to name the same number, or delete %s first", ErrLeases, s.path, n, s.leases, s.path)
			}
			return nil
		}
		_, err = s.c.Set(ctx, s.path, strconv.AppendInt(nil, int64(s.leases), 10), stat.Version)
		if err != nil && !errors.Is(err, client.ErrBadVersion) && !errors.Is(err, client.ErrConnectionLoss) && !errors.Is(err, client.ErrNoNode) {
			return err
		}
	}
}

// lease takes a lease when there is one. Only the head of the queue gets here,
// and the znode that made it the head was deleted after the lease of the head
// before it was made; so its list of leases has all of them.
func (s *Semaphore) lease(ctx context.Context, try bool) (*Held, error) {
	path := s.path + "/" + newID()
	leave := func(ctx context.Context) error { return remove(ctx, s.c, path) }
	for {
		var names []string
		var changed <-chan client.Event
		err := again(func() (err error) {
			names, _, changed, err = s.c.ChildrenW(ctx, s.path)
			return err
		})
		switch {
		case err != nil:
			return nil, err
		case len(names) < s.leases:
			return s.take(ctx, path, leave)
		case try:
			return nil, ErrTaken
		}
		if s.o.Waiting != nil {
			s.o.Waiting(1)
		}
		select {
		case e := <-changed:
			if e.Err != nil {
				return nil, e.Err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *Semaphore) take(ctx context.Context, path string, leave func(context.Context) error) (*Held, error) {
	err := again(func() error {
		_, err := s.c.Create(ctx, path, []byte(s.o.Identifier), client.CreateOptions{Mode: client.ModeEphemeral})
		return err
	})
	var stat client.Stat
	var alive time.Time
	if err == nil || errors.Is(err, client.ErrNodeExists) { // exists: the lost answer was a yes
		alive = time.Now()
		_, stat, err = read(ctx, s.c, path)
	}
	if err != nil {
		giveUp(ctx, leave)
		return nil, err
	}
	return hold(s.c, path, stat.Czxid, alive, leave), nil
}

// Holders returns the identifiers of those who have a lease, in no particular
// order.
func (s *Semaphore) Holders(ctx context.Context) ([]string, error) {
	names, err := children(ctx, s.c, s.path)
	if err != nil {
		return nil, err
	}
	return describeAll(ctx, s.c, s.path, names)
}
