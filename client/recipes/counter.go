package recipes

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/zabkeeper/zabkeeper/client"
)

// ErrNotANumber says that a counter's znode has other data.
var ErrNotANumber = errors.New("not a number")

// Counter is a shared whole number. It is kazoo's Counter with its default of
// 0: the number in decimal digits.
//
// Guarantees: every Add counts exactly once, also when answers get lost, and
// the values that Adds return are all different as long as all deltas are
// positive. When the context ends, it is open whether it has counted.
type Counter struct {
	c    *client.Client
	path string
}

// NewCounter returns the counter at path.
func NewCounter(c *client.Client, path string) *Counter { return &Counter{c, path} }

// Value returns the number, as far as the server that is asked knows it.
func (n *Counter) Value(ctx context.Context) (int64, error) {
	value, _, err := n.value(ctx)
	return value, err
}

// Add adds delta, which may be negative, and returns the sum.
func (n *Counter) Add(ctx context.Context, delta int64) (int64, error) {
	write := newOnce(n.c, n.path)
	for {
		value, version, err := n.value(ctx)
		if err != nil {
			return 0, err
		}
		sum := value + delta
		err = write.do(ctx, func(ops *client.Ops) { ops.Set(n.path, strconv.AppendInt(nil, sum, 10), version) })
		if err == nil {
			return sum, nil
		}
		if !errors.Is(err, client.ErrBadVersion) && !errors.Is(err, client.ErrNoNode) {
			return 0, err
		}
		if err := latest(ctx, n.c, n.path); err != nil { // somebody else was faster
			return 0, err
		}
	}
}

func (n *Counter) value(ctx context.Context) (value int64, version int32, err error) {
	var data []byte
	var stat client.Stat
	err = below(ctx, n.c, n.path, func() (err error) {
		data, stat, err = read(ctx, n.c, n.path)
		return err
	})
	if err != nil || len(data) == 0 {
		return 0, stat.Version, err
	}
	if value, err = strconv.ParseInt(string(data), 10, 64); err != nil {
		return 0, 0, fmt.Errorf("counter %s: %w: %.40q", n.path, ErrNotANumber, data)
	}
	return value, stat.Version, nil
}
