package replica

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/zabkeeper/zabkeeper/election"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// trio is three replicas whose disks and links are perfect: what they ask for is
// done at once. It counts what each of them allocates.
type trio struct {
	t        *testing.T
	replicas [3]*Replica
	mallocs  [3]uint64
	bytes    [3]uint64
	links    [][2]int // follower, leader; a link's number is its place and one
	replies  int
	now      zab.Millis
	counting bool
	lose     func(m *zab.Message) bool // nil for none
}

func newTrio(t *testing.T) *trio {
	r := &trio{t: t}
	var table []zab.Member
	for i := range r.replicas {
		table = append(table, zab.Member{ID: zxid.ServerID(i + 1), Voter: true})
	}
	for i := range r.replicas {
		r.replicas[i] = New(Options{ElectionTiming: election.DefaultTiming(), ExpiryGranule: 50, PauseMax: 250,
			Random: rand.New(rand.NewPCG(1, uint64(i))),
			Zab: zab.Options{Self: zxid.ServerID(i + 1), Incarnation: zab.Incarnation{byte(i + 1)}, Table: table, Timing: zab.DefaultTiming(),
				HistoryBytes: zab.DefaultHistoryBytes, WindowBytes: zab.DefaultWindowBytes, WindowRecords: zab.DefaultWindowRecords,
				CounterLimit: zab.DefaultCounterLimit}}, zab.Recovered{}, NewState())
	}
	for range 2000 {
		r.tick()
		if r.serving() {
			return r
		}
	}
	t.Fatal("three perfect servers found no leader in 20 s of their time")
	return nil
}

func (r *trio) serving() bool {
	for _, s := range r.replicas {
		if !s.Core().Serving() {
			return false
		}
	}
	return true
}

func (r *trio) tick() {
	r.now += 10
	for i, s := range r.replicas {
		r.count(i, func() { s.Tick(r.now, int64(r.now)) })
	}
	r.settle()
}

// count runs do and books what it allocates on replica i.
func (r *trio) count(i int, do func()) {
	if !r.counting {
		do()
		return
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	r.mallocs[i] += after.Mallocs - before.Mallocs
	r.bytes[i] += after.TotalAlloc - before.TotalAlloc
}

// settle carries out what the replicas ask for until none asks for anything.
func (r *trio) settle() {
	for busy := true; busy; {
		busy = false
		for i, s := range r.replicas {
			var rd Ready
			r.count(i, func() { rd = s.Ready() })
			busy = r.carryOut(i, &rd) || busy
		}
	}
}

func (r *trio) carryOut(i int, rd *Ready) bool {
	s := r.replicas[i]
	for k := range rd.Election {
		r.replicas[rd.Election[k].To-1].ElectionMessage(&rd.Election[k].M)
	}
	for k := range rd.Send {
		if r.lose != nil && r.lose(&rd.Send[k].M) {
			continue
		}
		link := r.links[rd.Send[k].Link-1]
		to := link[0]
		if to == i {
			to = link[1]
		}
		r.count(to, func() { r.replicas[to].Message(rd.Send[k].Link, &rd.Send[k].M) })
	}
	if rd.Dial != 0 {
		r.links = append(r.links, [2]int{i, int(rd.Dial - 1)})
		id := zab.LinkID(len(r.links))
		r.replicas[rd.Dial-1].LinkUp(id, zxid.ServerID(i+1), zab.Incarnation{byte(i + 1)})
		s.LinkUp(id, rd.Dial, zab.Incarnation{byte(rd.Dial)})
	}
	if n := len(rd.Persist); n > 0 {
		r.count(i, func() { s.Persisted(rd.Persist[n-1].Seq, s.state.Chain) })
	}
	if rd.Apply {
		r.count(i, func() { s.Apply(r) })
	}
	return rd.Apply || rd.Dial != 0 || len(rd.Send)+len(rd.Persist)+len(rd.Election)+len(rd.Advice) > 0
}

func (r *trio) WatchEvent(tree.WatcherID, *tree.Event) {}

func (r *trio) Reply(_ uint64, _ zxid.Zxid, txn *tree.Transaction, res *tree.Result) {
	if res.Failed() {
		r.t.Errorf("operation %v: %v", txn.Op, res.Err)
	}
	r.replies++
}

func (r *trio) SessionClosed(uint64) {}

func (r *trio) SessionMoved(uint64, zxid.ServerID, uint64) {}

// server returns the one that leads, or the first that follows.
func (r *trio) server(role zab.Role) int {
	for i, s := range r.replicas {
		if s.Core().Role() == role {
			return i
		}
	}
	r.t.Fatalf("nobody has role %v", role)
	return 0
}

// submit hands n transactions to replica i and sees them through.
func (r *trio) submit(i, n int, txn []byte) {
	was := r.replies
	r.count(i, func() {
		for range n {
			r.replicas[i].Submit(txn)
		}
	})
	r.settle()
	if r.replies != was+n {
		r.t.Fatalf("%d of %d transactions were answered", r.replies-was, n)
	}
}

// TestWriteAllocations holds what a write costs each server in memory, from
// Submit to the reply, against a budget. Most of the bytes are the record itself,
// which the log, the followers and the history share, and queues of records that
// are handed on and not taken back.
func TestWriteAllocations(t *testing.T) {
	const rounds = 200
	for _, c := range []struct {
		name             string
		client           zab.Role // of the server whose client writes
		batch            int
		leader, follower float64 // allocations for a write
		leaderBytes      float64
		followerBytes    float64
	}{
		{"leader, 100 at once", zab.Leading, 100, 0.25, 0.25, 720, 720},
		{"follower, 100 at once", zab.Following, 100, 0.25, 0.45, 720, 1400},
		{"leader, one", zab.Leading, 1, 20, 12, 2800, 1200},
		{"follower, one", zab.Following, 1, 20, 16, 2800, 1750},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newTrio(t)
			client, leader := r.server(c.client), r.server(zab.Leading)
			follower := client
			if client == leader {
				follower = r.server(zab.Following)
			}
			create := wire.CreateRequest{Path: []byte("/a"), Data: make([]byte, 100), ACL: wire.NewACLs(wire.WorldAnyone(wire.PermAll))}
			set := wire.SetDataRequest{Path: []byte("/a"), Data: make([]byte, 100), Version: -1}
			origin := zxid.ServerID(client + 1)
			r.submit(client, 1, tree.AppendTransaction(nil, &tree.Transaction{Op: tree.OpCreate, Origin: origin, Body: create.Append(nil)}))
			txn := tree.AppendTransaction(nil, &tree.Transaction{Op: tree.OpSetData, Origin: origin, Body: set.Append(nil)})
			for range rounds {
				r.submit(client, c.batch, txn)
			}
			r.counting = true
			for range rounds {
				r.submit(client, c.batch, txn)
			}
			for _, s := range []struct {
				name          string
				i             int
				allocs, bytes float64
			}{{"leader", leader, c.leader, c.leaderBytes}, {"follower", follower, c.follower, c.followerBytes}} {
				writes := float64(rounds * c.batch)
				allocs, bytes := float64(r.mallocs[s.i])/writes, float64(r.bytes[s.i])/writes
				what := fmt.Sprintf("a write costs the %s %.2f allocations and %.0f bytes", s.name, allocs, bytes)
				t.Log(what)
				if allocs > s.allocs || bytes > s.bytes {
					t.Errorf("%s; the budget is %.2f and %.0f", what, s.allocs, s.bytes)
				}
			}
		})
	}
}

// TestTickAllocations: time that passes without requests is nearly free.
func TestTickAllocations(t *testing.T) {
	const ticks = 1000
	r := newTrio(t)
	r.counting = true
	for range ticks {
		r.tick()
	}
	for _, c := range []struct {
		role          zab.Role
		allocs, bytes float64
	}{{zab.Leading, 3.5, 350}, {zab.Following, 1.5, 190}} {
		i := r.server(c.role)
		allocs, bytes := float64(r.mallocs[i])/ticks, float64(r.bytes[i])/ticks
		t.Logf("a tick with role %v costs %.2f allocations and %.0f bytes", c.role, allocs, bytes)
		if allocs > c.allocs || bytes > c.bytes {
			t.Errorf("a tick with role %v costs %.2f allocations and %.0f bytes; the budget is %.2f and %.0f", c.role, allocs, bytes, c.allocs, c.bytes)
		}
	}
}
