package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// writer makes one node after the other, on whatever server has its session.
type writer struct {
	g          *ground
	gap        *gap
	shard      *shard
	i          int
	server     int
	c          *connection // nil while there is none
	session    *connection // to take up again; nil for a new one
	acked      []uint32
	unanswered int64
}

// run writes until end. A write without an answer may have happened: its number
// is not used again, and it counts neither way.
func (w *writer) run(ctx context.Context, end int64, total *atomic.Int64) {
	for n := uint32(1); now() < end && ctx.Err() == nil; n++ {
		begin := now()
		err := w.write(ctx, n)
		if err == nil {
			t := w.gap.acknowledge()
			total.Add(1)
			w.shard.mu.Lock()
			record(w.shard.writes, t-begin)
			w.shard.mu.Unlock()
			w.acked = append(w.acked, n)
			continue
		}
		var refused wire.ErrorCode
		if errors.As(err, &refused) {
			w.shard.fail(refused.Name())
		}
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
		}
	}
}

// path is that of the writer's node n.
func (w *writer) path(n uint32) []byte { return fmt.Appendf(nil, "%s/%010d", w.g.directory(w.i), n) }

// write makes node n. Any failure but a refusal costs the connection.
func (w *writer) write(ctx context.Context, n uint32) error {
	o := w.g.o
	if w.c == nil {
		if err := w.reconnect(ctx); err != nil {
			return err
		}
	}
	_ = w.c.nc.SetDeadline(time.Now().Add(o.RequestTimeout))
	_, err := w.c.call(func(dst []byte) ([]byte, wire.OpCode) {
		q := wire.CreateRequest{Path: w.path(n), Data: w.g.value, ACL: openACL}
		return q.Append(dst), wire.OpCreate
	})
	var refused wire.ErrorCode
	if err != nil && !errors.As(err, &refused) {
		w.unanswered++
		w.c.drop()
		w.session, w.c = w.c, nil
	}
	return err
}

// reconnect takes the session to the next server.
func (w *writer) reconnect(ctx context.Context) error {
	w.server++
	c, err := dial(ctx, w.g.o.server(w.server), w.g.o, w.session)
	switch {
	case errors.Is(err, errExpired):
		w.session = nil
		w.gap.count(&w.gap.expired)
	case err == nil:
		w.c = c
		w.gap.count(&w.gap.moved)
	}
	if err != nil {
		// A server that is down is no refusal of a request.
		return fmt.Errorf("reconnect: %v", err) //nolint:errorlint // a code in it must not show through
	}
	return nil
}
