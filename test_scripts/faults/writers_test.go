package faults

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// writers are clients that create numbered children all the time, several at a
// time on one connection each, and remember what was answered.
type writers struct {
	t     *testing.T
	stop  atomic.Bool
	wg    sync.WaitGroup
	lanes []*lane
}

// lane is one sequence of writes: the next is sent when the last is answered or
// its fate is known.
type lane struct {
	path  string
	acked []int // numbers whose creation was answered
	count atomic.Int64
	next  int
}

const lanesPerConnection = 8

func connect(t *testing.T, addresses ...string) *zk.Conn {
	t.Helper()
	conn, _, err := zk.Connect(addresses, 10*time.Second, zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// startWriters begins to write from several connections.
func startWriters(t *testing.T, c *processes.Cluster, connections int) *writers {
	t.Helper()
	w := &writers{t: t}
	first := connect(t, c.Addresses()...)
	for i := range connections {
		for j := range lanesPerConnection {
			l := &lane{path: fmt.Sprintf("/lane-%d-%d", i, j)}
			if _, err := first.Create(l.path, nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
				t.Fatal(err)
			}
			w.lanes = append(w.lanes, l)
		}
	}
	first.Close()
	for i := range connections {
		conn := connect(t, c.Addresses()...)
		var lanes sync.WaitGroup
		for j := range lanesPerConnection {
			lanes.Go(func() { w.write(conn, w.lanes[i*lanesPerConnection+j]) })
		}
		w.wg.Go(func() {
			lanes.Wait()
			conn.Close()
		})
	}
	return w
}

func (w *writers) write(conn *zk.Conn, l *lane) {
	for !w.stop.Load() {
		_, err := conn.Create(fmt.Sprintf("%s/%08d", l.path, l.next), []byte(fmt.Sprint(l.next)), 0, zk.WorldACL(zk.PermAll))
		switch {
		case err == nil, errors.Is(err, zk.ErrNodeExists): // exists: an earlier try whose answer was lost
			l.acked = append(l.acked, l.next)
			l.count.Add(1)
			l.next++
		default:
			time.Sleep(2 * time.Millisecond) // the client library is reconnecting; do not spin
		}
	}
}

// answered counts the writes answered so far.
func (w *writers) answered() (n int64) {
	for _, l := range w.lanes {
		n += l.count.Load()
	}
	return n
}

// finish stops the writers and returns how many writes were answered.
func (w *writers) finish() int {
	w.stop.Store(true)
	w.wg.Wait()
	n := 0
	for _, l := range w.lanes {
		n += len(l.acked)
	}
	return n
}

// check reads every lane on one server: everything answered is there, and it
// was created in the order in which it was sent.
func (w *writers) check(p *processes.Process) {
	w.t.Helper()
	conn := connect(w.t, p.Client)
	defer conn.Close()
	if _, err := conn.Sync("/"); err != nil {
		w.t.Fatalf("server %d: sync: %v", p.ID, err)
	}
	for _, l := range w.lanes {
		children, _, err := conn.Children(l.path)
		if err != nil {
			w.t.Fatalf("server %d: %s: %v", p.ID, l.path, err)
		}
		have := map[string]bool{}
		for _, name := range children {
			have[name] = true
		}
		for _, n := range l.acked {
			if !have[fmt.Sprintf("%08d", n)] {
				w.t.Fatalf("server %d: %s/%08d was answered and is not there", p.ID, l.path, n)
			}
		}
		w.checkOrder(conn, p, l)
	}
}

// checkOrder samples the creation order of a lane.
func (w *writers) checkOrder(conn *zk.Conn, p *processes.Process, l *lane) {
	last := int64(0)
	for i := 0; i < len(l.acked); i += max(1, len(l.acked)/50) {
		_, stat, err := conn.Get(fmt.Sprintf("%s/%08d", l.path, l.acked[i]))
		if err != nil {
			w.t.Fatalf("server %d: %v", p.ID, err)
		}
		if stat.Czxid <= last {
			w.t.Fatalf("server %d: %s/%08d was created at %x, an earlier one at %x", p.ID, l.path, l.acked[i], stat.Czxid, last)
		}
		last = stat.Czxid
	}
}

// remove deletes everything the writers made, for the next ones.
func (w *writers) remove(c *processes.Cluster) {
	w.t.Helper()
	conn := connect(w.t, c.Addresses()...)
	defer conn.Close()
	for _, l := range w.lanes {
		children, _, err := conn.Children(l.path)
		if err != nil {
			w.t.Fatal(err)
		}
		var ops []any
		for _, name := range children {
			ops = append(ops, &zk.DeleteRequest{Path: l.path + "/" + name, Version: -1})
		}
		ops = append(ops, &zk.DeleteRequest{Path: l.path, Version: -1})
		if _, err := conn.Multi(ops...); err != nil {
			w.t.Fatal(err)
		}
	}
}
