package recipes

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/zabkeeper/zabkeeper/client"
)

// newID is the name of a participant: 32 hexadecimal digits, as kazoo has them.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// again repeats f while its outcome is unknown. Only for what may be done
// twice.
func again(f func() error) error {
	for {
		if err := f(); !errors.Is(err, client.ErrConnectionLoss) {
			return err
		}
	}
}

// ensurePath makes path and everything above it.
func ensurePath(ctx context.Context, c *client.Client, path string) error {
	err := again(func() error {
		_, err := c.Create(ctx, path, nil, client.CreateOptions{})
		return err
	})
	switch {
	case errors.Is(err, client.ErrNodeExists) || path == "/":
		return nil
	case !errors.Is(err, client.ErrNoNode):
		return err
	}
	parent := path[:max(1, strings.LastIndexByte(path, '/'))]
	if err := ensurePath(ctx, c, parent); err != nil {
		return err
	}
	return ensurePath(ctx, c, path)
}

// below does f, which needs path to exist, and makes path when it is missing.
func below(ctx context.Context, c *client.Client, path string, f func() error) error {
	for {
		err := f()
		if !errors.Is(err, client.ErrNoNode) {
			return err
		}
		if err = ensurePath(ctx, c, path); err != nil {
			return err
		}
	}
}

// remove deletes a znode that may be gone already.
func remove(ctx context.Context, c *client.Client, path string) error {
	err := again(func() error { return c.Delete(ctx, path, client.AnyVersion) })
	if errors.Is(err, client.ErrNoNode) {
		return nil
	}
	return err
}

// children lists the names below path; none when there is no path.
func children(ctx context.Context, c *client.Client, path string) (names []string, err error) {
	err = again(func() error {
		names, err = c.Children(ctx, path)
		return err
	})
	if errors.Is(err, client.ErrNoNode) {
		return nil, nil
	}
	return names, err
}

// latest makes what follows see everything that was committed before it, which
// another server may lack after a reconnect.
func latest(ctx context.Context, c *client.Client, path string) error {
	return again(func() error { return c.Sync(ctx, path) })
}

// read gets a znode's data, again and again if need be.
func read(ctx context.Context, c *client.Client, path string) (data []byte, stat client.Stat, err error) {
	err = again(func() error {
		data, stat, err = c.Get(ctx, path)
		return err
	})
	return data, stat, err
}

// A server appends ten digits. Behind 9999999999 zabkeeper appends the letter a
// and nineteen.
const (
	sequenceDigits     = 10
	sequenceLongDigits = 19
)

// sequence returns the number at the end of a sequential znode's name and the
// name before it.
func sequence(name string) (prefix string, number int64, ok bool) {
	if cut := len(name) - sequenceLongDigits; cut > 0 && name[cut-1] == 'a' {
		if number, err := strconv.ParseUint(name[cut:], 10, 63); err == nil {
			return name[:cut-1], int64(number), true
		}
	}
	if len(name) < sequenceDigits {
		return "", 0, false
	}
	cut := len(name) - sequenceDigits
	if cut > 1 && name[cut-1] == '-' && name[cut-2] == '_' { // "__lock__-2147483648": the counter wrapped
		cut--
	}
	number, err := strconv.ParseInt(name[cut:], 10, 64)
	return name[:cut], number, err == nil
}

// member is a child that stands in a queue of children.
type member struct {
	name   string
	number int64
}

// queueOf picks the children whose names end with one of the marks before their
// number, first comes first.
func queueOf(names []string, marks ...string) []member {
	var queue []member
	for _, name := range names {
		prefix, number, ok := sequence(name)
		if ok && slices.ContainsFunc(marks, func(m string) bool { return strings.HasSuffix(prefix, m) }) {
			queue = append(queue, member{name, number})
		}
	}
	slices.SortFunc(queue, func(a, b member) int { return cmp.Compare(a.number, b.number) })
	return queue
}

// describeAll reads the data of the children given, leaving out those that are
// gone by now.
func describeAll(ctx context.Context, c *client.Client, path string, names []string) ([]string, error) {
	texts := make([]string, 0, len(names))
	for _, name := range names {
		data, _, err := read(ctx, c, path+"/"+name)
		if errors.Is(err, client.ErrNoNode) {
			continue
		}
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(data))
	}
	return texts, nil
}
