package bench

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/zabkeeper/zabkeeper/wire"
)

// openLoopWindow is how many requests of an open loop a connection has under way
// at the most. Those that find no room are sent late, and their latency begins
// when they should have been sent.
const openLoopWindow = 1 << 12

// outBytesMost is what one write carries, unless a single request is longer.
const outBytesMost = 64 << 10

// schedule says when requests begin: in an open loop, the moments of one
// connection; in a closed loop, whenever there is room.
type schedule struct {
	first    int64
	interval float64 // ns; 0 for a closed loop
	end      int64   // no request begins here or later
}

// due is when request n is to begin.
func (s *schedule) due(n uint64) int64 { return s.first + int64(float64(n)*s.interval) }

// window is the measured time. In a closed loop the answers in it count; in an
// open loop all requests that were to begin in it, however late the answer.
type window struct{ from, to int64 }

func (w window) has(t int64) bool { return t >= w.from && t < w.to }

// lane is a connection under load. Its writer owns sent and what comes next, its
// reader done; the ring between them needs no lock.
type lane struct {
	c        *connection
	g        *generator
	schedule schedule
	window   window
	shard    *shard
	total    *atomic.Int64
	timeline *timeline // nil for none

	ring  []slot // a power of two
	room  uint64 // requests under way at the most
	sent  atomic.Uint64
	done  atomic.Uint64
	pings atomic.Uint64 // sent
	ended atomic.Bool   // the writer sends nothing any more
	wake  chan struct{} // to the writer: there is room, or the reader ended
	wants atomic.Bool   // the writer waits for room
	gone  atomic.Bool   // the reader ended
	lost  atomic.Bool   // one of them failed
	timer *time.Timer
	out   []byte
}

// slot is a request under way.
type slot struct {
	begin int64
	read  bool
}

func newLane(c *connection, g *generator, inFlight int, open bool) *lane {
	l := &lane{c: c, g: g, room: uint64(inFlight), wake: make(chan struct{}, 1)}
	if open {
		l.room = openLoopWindow
	}
	size := 1
	for uint64(size) < l.room {
		size *= 2
	}
	l.ring = make([]slot, size)
	return l
}

// xidOf numbers requests from 1 and begins anew before the numbers that have a
// meaning of their own.
func xidOf(n uint64) int32 { return int32(n%(1<<30)) + 1 }

// write sends requests until the schedule ends, and then a ping, whose answer
// tells the reader that everything is answered.
func (l *lane) write() error {
	l.timer = time.NewTimer(0)
	defer l.timer.Stop()
	for n := uint64(0); ; {
		if l.gone.Load() {
			return nil // it says why
		}
		t := now()
		if t >= l.schedule.end && (l.schedule.interval == 0 || l.schedule.due(n) >= l.schedule.end) {
			break
		}
		m := l.gather(n, t)
		if m == n {
			if err := l.await(n, t); err != nil {
				return err
			}
			continue
		}
		n = m
		l.sent.Store(n) // before the answers can come
		if _, err := l.c.nc.Write(l.out); err != nil {
			return err
		}
	}
	l.ended.Store(true)
	return l.ping()
}

// gather puts what may be sent at t into out and returns the number behind it.
func (l *lane) gather(n uint64, t int64) uint64 {
	l.out = l.out[:0]
	for done := l.done.Load(); n-done < l.room && len(l.out) < outBytesMost; n++ {
		begin := t
		if l.schedule.interval > 0 {
			if begin = l.schedule.due(n); begin > t || begin >= l.schedule.end {
				break
			}
		}
		s := &l.ring[n&uint64(len(l.ring)-1)]
		s.begin = begin
		l.out, s.read = l.g.append(l.out, xidOf(n))
	}
	return n
}

// await waits until request n may be sent. A connection with nothing to say pings,
// as every client does.
func (l *lane) await(n uint64, t int64) error {
	if n-l.done.Load() >= l.room {
		// The reader looks at wants after it has made room, the writer at the
		// room after it has set wants: one of them sees the other.
		l.wants.Store(true)
		if n-l.done.Load() >= l.room && !l.gone.Load() {
			<-l.wake
		}
		l.wants.Store(false)
		return nil
	}
	if l.schedule.interval == 0 {
		return nil // room came meanwhile
	}
	wait, idle := time.Duration(min(l.schedule.due(n), l.schedule.end)-t), l.c.timeout/3
	l.timer.Reset(min(wait, idle))
	select {
	case <-l.wake:
		return nil
	case <-l.timer.C:
	}
	if wait > idle {
		return l.ping()
	}
	return nil
}

func (l *lane) ping() error {
	l.pings.Add(1)
	_, err := l.c.nc.Write(pingFrame)
	return err
}

func (l *lane) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// read takes replies until the last one. It holds the shard while there are
// replies at hand, and never while it waits for more.
func (l *lane) read() (err error) {
	defer func() {
		l.gone.Store(true)
		l.signal()
	}()
	var pongs, done uint64
	for {
		t := now()
		l.shard.mu.Lock()
		was := done
		var need int
		for err == nil {
			var payload []byte
			if payload, need, err = l.c.whole(); payload == nil || err != nil {
				break
			}
			done, pongs, err = l.take(payload, t, done, pongs)
		}
		l.shard.mu.Unlock()
		if done > was {
			l.total.Add(int64(done - was))
			l.timeline.add(t, done-was)
			l.done.Store(done)
			if l.wants.Load() {
				l.signal()
			}
		}
		if err != nil {
			return err
		}
		if l.ended.Load() && pongs == l.pings.Load() && done == l.sent.Load() {
			return nil
		}
		if err = l.c.fill(need); err != nil {
			return err
		}
	}
}

// take handles one frame that was there at t. The shard is held.
func (l *lane) take(payload []byte, t int64, done, pongs uint64) (uint64, uint64, error) {
	var r reply
	if err := r.decode(l.c, payload); err != nil {
		return done, pongs, err
	}
	if r.xid == wire.XidPing {
		return done, pongs + 1, nil
	}
	if r.xid < 0 {
		return done, pongs, nil
	}
	if done == l.sent.Load() || r.xid != xidOf(done) {
		return done, pongs, fmt.Errorf("%w: %s answered request %d, not %d", ErrProtocol, l.c.address, r.xid, xidOf(done))
	}
	s := l.ring[done&uint64(len(l.ring)-1)]
	counts := l.window.has(t)
	if l.schedule.interval > 0 {
		counts = l.window.has(s.begin)
	}
	switch {
	case !counts:
	case r.code != wire.OK:
		l.shard.errors[r.code.Name()]++
	case s.read:
		record(l.shard.reads, t-s.begin)
	default:
		record(l.shard.writes, t-s.begin)
	}
	return done + 1, pongs, nil
}
