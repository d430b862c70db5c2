package recipes

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
)

// The marks between the name of a participant and its number, as in kazoo.
const (
	markLock = "__lock__"
	markRead = "__rlock__"
)

// positionInterval is how often a waiting contender counts who is before it,
// for those who want to know. Its turn itself is told by a watch.
const positionInterval = time.Second

// contender is one attempt to get to the front of a queue of ephemeral
// sequential znodes.
type contender struct {
	c         *client.Client
	path      string
	mark      string   // of its own znode
	blockedBy []string // marks of those it waits for
	data      []byte
	waiting   func(ahead int)

	id     string // new for every attempt, so that a late create can't be mistaken
	name   string // of its znode; empty before there is one
	czxid  int64
	unsure bool // an answer to a create was lost: there might be a second znode
}

// enter puts the contender into the queue, once, even when the answer is lost.
func (q *contender) enter(ctx context.Context) error {
	q.id = newID()
	return below(ctx, q.c, q.path, func() error {
		for {
			path, stat, err := q.c.Create2(ctx, q.path+"/"+q.id+q.mark, q.data, client.CreateOptions{Mode: client.ModeEphemeralSequential})
			if err == nil {
				q.name, q.czxid = strings.TrimPrefix(path, q.path+"/"), stat.Czxid
				return nil
			}
			if !errors.Is(err, client.ErrConnectionLoss) {
				return err
			}
			q.unsure = true
			if found, err := q.find(ctx); err != nil || found {
				return err
			}
		}
	})
}

// find looks for the znode of a create whose answer was lost.
func (q *contender) find(ctx context.Context) (bool, error) {
	if err := latest(ctx, q.c, q.path); err != nil {
		return false, err
	}
	mine, err := q.own(ctx)
	for _, name := range mine {
		var stat client.Stat
		var exists bool
		err = again(func() error {
			stat, exists, err = q.c.Exists(ctx, q.path+"/"+name)
			return err
		})
		if err != nil || exists {
			q.name, q.czxid = name, stat.Czxid
			return exists, err
		}
	}
	return false, err
}

// own lists the znodes of this attempt, the first in the queue first.
func (q *contender) own(ctx context.Context) ([]string, error) {
	names, err := children(ctx, q.c, q.path)
	var mine []string
	for _, m := range queueOf(names, q.mark) {
		if strings.HasPrefix(m.name, q.id) {
			mine = append(mine, m.name)
		}
	}
	return mine, err
}

// leave takes the contender out of the queue.
func (q *contender) leave(ctx context.Context) error {
	if q.id == "" {
		return nil
	}
	if q.name != "" {
		if err := remove(ctx, q.c, q.path+"/"+q.name); err != nil {
			return err
		}
	}
	if !q.unsure {
		return nil
	}
	if err := latest(ctx, q.c, q.path); err != nil {
		return err
	}
	mine, err := q.own(ctx)
	for _, name := range mine {
		if err := remove(ctx, q.c, q.path+"/"+name); err != nil {
			return err
		}
	}
	return err
}

// ahead lists those the contender waits for, the nearest last.
func (q *contender) ahead(ctx context.Context) ([]member, error) {
	names, err := children(ctx, q.c, q.path)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, q.name) {
		return nil, ErrLost // somebody deleted it
	}
	_, number, _ := sequence(q.name)
	queue := queueOf(names, q.blockedBy...)
	before, _ := slices.BinarySearchFunc(queue, number, func(m member, n int64) int { return cmp.Compare(m.number, n) })
	return queue[:before], nil
}

// turn waits until nobody is ahead. It watches only the nearest of those, so
// that the end of one holder wakes one contender.
func (q *contender) turn(ctx context.Context) error {
	for {
		ahead, err := q.ahead(ctx)
		if err != nil || len(ahead) == 0 {
			return err
		}
		var gone <-chan client.Event
		err = again(func() error {
			_, _, gone, err = q.c.GetW(ctx, q.path+"/"+ahead[len(ahead)-1].name)
			return err
		})
		if errors.Is(err, client.ErrNoNode) {
			continue
		}
		if err == nil {
			err = q.await(ctx, gone, len(ahead))
		}
		if err != nil {
			return err
		}
	}
}

// await waits for an event and tells the position meanwhile.
func (q *contender) await(ctx context.Context, gone <-chan client.Event, ahead int) error {
	if q.waiting == nil {
		select {
		case e := <-gone:
			return e.Err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	tick := time.NewTicker(positionInterval)
	defer tick.Stop()
	q.waiting(ahead)
	for {
		select {
		case e := <-gone:
			return e.Err
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			now, err := q.ahead(ctx)
			if err != nil {
				return err
			}
			if len(now) != ahead && len(now) > 0 {
				ahead = len(now)
				q.waiting(ahead)
			}
		}
	}
}
