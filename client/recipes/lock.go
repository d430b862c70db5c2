package recipes

import (
	"context"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
)

// LockOptions are for Lock, RWLock, Semaphore and Election. The zero value will
// do.
type LockOptions struct {
	// Identifier is what others see of this participant: kazoo's identifier.
	Identifier string
	// Waiting is called while waiting, with the number of participants that
	// come before, first and whenever it has changed.
	Waiting func(ahead int)
}

// Lock is a fair lock: participants get it in the order in which their znodes
// were made, one at a time. It is kazoo's Lock.
//
// Guarantees: while a participant's znode exists and is the first, nobody else
// holds the lock; the znode goes at Release, or when the session ends. Fencing
// tokens grow with every owner. The end of a holder wakes one participant.
// It is not reentrant: every Acquire queues up anew.
type Lock struct {
	c         *client.Client
	path      string
	mark      string
	blockedBy []string
	o         LockOptions
}

// NewLock returns the lock at path.
func NewLock(c *client.Client, path string, o LockOptions) *Lock {
	return &Lock{c, path, markLock, []string{markLock}, o}
}

// Acquire waits for the lock until ctx ends.
func (l *Lock) Acquire(ctx context.Context) (*Held, error) {
	return l.acquire(ctx, (*contender).turn)
}

// TryAcquire gets the lock if nobody has it or waits for it, else ErrTaken.
func (l *Lock) TryAcquire(ctx context.Context) (*Held, error) {
	return l.acquire(ctx, func(q *contender, ctx context.Context) error {
		ahead, err := q.ahead(ctx)
		if err == nil && len(ahead) > 0 {
			return ErrTaken
		}
		return err
	})
}

func (l *Lock) acquire(ctx context.Context, wait func(*contender, context.Context) error) (*Held, error) {
	q := &contender{c: l.c, path: l.path, mark: l.mark, blockedBy: l.blockedBy, data: []byte(l.o.Identifier), waiting: l.o.Waiting}
	err := q.enter(ctx)
	if err == nil {
		err = wait(q, ctx)
	}
	var alive time.Time
	if err == nil { // the wait may have ended on news that are old by now
		alive = time.Now()
		_, _, err = read(ctx, l.c, l.path+"/"+q.name)
	}
	if err != nil {
		giveUp(ctx, q.leave)
		return nil, err
	}
	return hold(l.c, l.path+"/"+q.name, q.czxid, alive, q.leave), nil
}

// Contenders returns the identifiers of the holder and of those that wait, in
// the order of the queue.
func (l *Lock) Contenders(ctx context.Context) ([]string, error) {
	names, err := children(ctx, l.c, l.path)
	if err != nil {
		return nil, err
	}
	queue := queueOf(names, markLock, markRead)
	for i, m := range queue {
		names[i] = m.name
	}
	return describeAll(ctx, l.c, l.path, names[:len(queue)])
}

// RWLock is a lock that many may hold for reading or one for writing, in the
// order of one queue: a writer waits for all before it, a reader for the writers
// before it. Both sides are kazoo's ReadLock and WriteLock, and each has Lock's
// guarantees.
type RWLock struct{ read, write *Lock }

// NewRWLock returns the lock at path.
func NewRWLock(c *client.Client, path string, o LockOptions) *RWLock {
	return &RWLock{
		read:  &Lock{c, path, markRead, []string{markLock}, o},
		write: &Lock{c, path, markLock, []string{markLock, markRead}, o},
	}
}

// Read is the side for readers.
func (l *RWLock) Read() *Lock { return l.read }

// Write is the side for writers.
func (l *RWLock) Write() *Lock { return l.write }
