package recipes

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/zabkeeper/zabkeeper/client"
)

// ErrPriority refuses a priority that is not 0 to 999.
var ErrPriority = errors.New("bad priority")

const entryPrefix = "entry-"

// Queue hands entries from those who put to those who take, the lowest priority
// number first, then the oldest. It is kazoo's Queue.
//
// Guarantees: an entry for which Put returned nil is handed to exactly one Take,
// also when answers get lost. An entry is removed before Take returns it: a
// program that crashes afterwards has lost it. When the context ends, it is open
// whether an entry was put or taken.
type Queue struct {
	c    *client.Client
	path string
}

// NewQueue returns the queue at path.
func NewQueue(c *client.Client, path string) *Queue { return &Queue{c, path} }

// DefaultPriority is kazoo's.
const DefaultPriority = 100

// Put appends an entry.
func (q *Queue) Put(ctx context.Context, data []byte, priority int) error {
	if priority < 0 || priority > 999 {
		return fmt.Errorf("%w: %d is not within 0 and 999", ErrPriority, priority)
	}
	if err := ensurePath(ctx, q.c, q.path); err != nil {
		return err
	}
	name := fmt.Sprintf("%s/%s%03d-", q.path, entryPrefix, priority)
	return newOnce(q.c, q.path).do(ctx, func(ops *client.Ops) {
		ops.Create(name, data, client.CreateOptions{Mode: client.ModePersistentSequential})
	})
}

// Take removes the first entry and returns it, waiting for one until ctx ends.
func (q *Queue) Take(ctx context.Context) ([]byte, error) {
	for {
		var names []string
		var changed <-chan client.Event
		err := below(ctx, q.c, q.path, func() error {
			return again(func() (err error) {
				names, _, changed, err = q.c.ChildrenW(ctx, q.path)
				return err
			})
		})
		if err != nil {
			return nil, err
		}
		for _, name := range names { // sorted: by priority, then by number
			if !strings.HasPrefix(name, entryPrefix) {
				continue
			}
			if data, err := q.takeEntry(ctx, name); !errors.Is(err, client.ErrNoNode) {
				return data, err
			}
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

func (q *Queue) takeEntry(ctx context.Context, name string) ([]byte, error) {
	path := q.path + "/" + name
	data, _, err := read(ctx, q.c, path)
	if err != nil {
		return nil, err
	}
	err = newOnce(q.c, q.path).do(ctx, func(ops *client.Ops) { ops.Delete(path, client.AnyVersion) })
	return data, err
}

// Len returns how many entries there are.
func (q *Queue) Len(ctx context.Context) (int, error) {
	names, err := children(ctx, q.c, q.path)
	return len(names), err
}
