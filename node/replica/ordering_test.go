package replica

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zabkeeper/zabkeeper/election"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// solo is a leader that needs nobody else and whose disk does what it is told
// when it is told.
type solo struct {
	*Replica
	now     zab.Millis
	disk    []zab.PersistOp // not done yet
	applied []string        // paths, in order
}

func newSolo(t interface{ Fatal(...any) }, counterLimit uint32) *solo {
	s := &solo{Replica: New(Options{ElectionTiming: election.DefaultTiming(), ExpiryGranule: 50, PauseMax: 250, Random: rand.New(rand.NewPCG(1, 2)),
		Zab: zab.Options{Self: 1, Incarnation: zab.Incarnation{1}, Table: []zab.Member{{ID: 1, Voter: true}}, Timing: zab.DefaultTiming(),
			HistoryBytes: zab.DefaultHistoryBytes, WindowBytes: zab.DefaultWindowBytes, WindowRecords: zab.DefaultWindowRecords,
			CounterLimit: counterLimit}}, zab.Recovered{}, NewState())}
	for range 1000 {
		s.tick()
		s.write(len(s.disk))
		if s.Core().Serving() && len(s.disk) == 0 {
			return s
		}
	}
	t.Fatal("a lone server does not lead itself")
	return nil
}

func (s *solo) tick() {
	s.now += 10
	s.Tick(s.now, int64(s.now))
	s.ready()
}

// ready returns the records of every append that comes up, as paths.
func (s *solo) ready() (batches []string) {
	for {
		rd := s.Ready()
		for _, op := range rd.Persist {
			if op.Kind == zab.PersistAppend {
				batches = append(batches, paths(op.Records))
			}
		}
		s.disk = append(s.disk, rd.Persist...)
		if !rd.Apply {
			return batches
		}
		s.Apply(s)
	}
}

// write has the disk do n operations.
func (s *solo) write(n int) []string {
	for range n {
		op := s.disk[0]
		s.disk = s.disk[1:]
		s.Persisted(op.Seq, 0)
	}
	return s.ready()
}

func (s *solo) submit(path string) []string {
	s.Submit(creation(1, path))
	return s.ready()
}

func creation(origin zxid.ServerID, path string) []byte {
	body := (&wire.CreateRequest{Path: []byte(path), ACL: wire.NewACLs(wire.WorldAnyone(wire.PermAll))}).Append(nil)
	return tree.AppendTransaction(nil, &tree.Transaction{Op: tree.OpCreate, Origin: origin, Body: body})
}

func paths(records []record.Record) string {
	var list []string
	for _, r := range records {
		if r.Kind == record.Transaction {
			list = append(list, pathOf(r.Body()))
		}
	}
	return strings.Join(list, " ")
}

func pathOf(body []byte) string {
	var txn tree.Transaction
	if err := tree.DecodeTransaction(body, &txn); err != nil {
		return err.Error()
	}
	return created(&txn)
}

func created(txn *tree.Transaction) string {
	var q wire.CreateRequest
	r := wire.NewReader(txn.Body)
	q.Decode(&r)
	return string(q.Path)
}

func (s *solo) WatchEvent(tree.WatcherID, *tree.Event) {}

func (s *solo) Reply(_ uint64, _ zxid.Zxid, txn *tree.Transaction, _ *tree.Result) {
	s.applied = append(s.applied, created(txn))
}

func (s *solo) SessionClosed(uint64) {}

func (s *solo) SessionMoved(uint64, zxid.ServerID, uint64) {}

// TestWhatComesMeanwhileIsABatch: one that is alone under way is not waited for,
// more are, and what waited is ordered together.
func TestWhatComesMeanwhileIsABatch(t *testing.T) {
	s := newSolo(t, zab.DefaultCounterLimit)
	for i, step := range []struct {
		do   func() []string
		want string
	}{
		{func() []string { return s.submit("/a") }, "[/a]"},
		{func() []string { return s.submit("/b") }, "[/b]"},
		{func() []string { return s.submit("/c") }, "[]"},
		{func() []string { return s.submit("/d") }, "[]"},
		{func() []string { s.tick(); return nil }, "[]"}, // not on this disk yet
		{func() []string { return s.submit("/e") }, "[]"},
		{func() []string { return s.write(1) }, "[/c /d /e]"}, // of /a: /b is alone
		{func() []string { return s.submit("/f") }, "[]"},
		{func() []string { return s.write(1) }, "[]"}, // of /b
		{func() []string { return s.write(1) }, "[/f]"},
		{func() []string { return s.write(1) }, "[]"},
	} {
		if got := fmt.Sprint(step.do()); got != step.want {
			t.Fatalf("step %d: got the batches %s, want %s", i, got, step.want)
		}
	}
	if got := strings.Join(s.applied, " "); got != "/a /b /c /d /e /f" {
		t.Errorf("applied %s", got)
	}
}

// TestWaitingIsBounded: a megabyte that waits is ordered whatever is under way.
func TestWaitingIsBounded(t *testing.T) {
	s := newSolo(t, zab.DefaultCounterLimit)
	s.submit("/a")
	s.submit("/b")
	long := strings.Repeat("x", 100_000)
	for i := range 10 {
		if got := s.submit(fmt.Sprintf("/%d%s", i, long)); len(got) > 0 {
			t.Fatalf("at %d kB: ordered", i*100)
		}
	}
	if got := s.submit("/last" + long); len(got) != 1 || strings.Count(got[0], "/") != 11 {
		t.Fatalf("%d batches, want one of 11", len(got))
	}
}

// TestFarFollowers: a batch whose answers do not come within a tick holds nothing
// up, once it is on the leader's own disk.
func TestFarFollowers(t *testing.T) {
	r := newTrio(t)
	leader := r.server(zab.Leading)
	txn := creation(zxid.ServerID(leader+1), "/a")
	r.lose = func(m *zab.Message) bool { return m.Kind == zab.Acknowledge }
	core := r.replicas[leader].Core()
	at := core.Last()
	for i, want := range []zxid.Zxid{at + 1, at + 2, at + 2, at + 2} {
		r.replicas[leader].Submit(txn)
		r.settle()
		if core.Last() != want || core.Committed() != at {
			t.Fatalf("request %d: %v is ordered and %v committed, want %v and %v", i, core.Last(), core.Committed(), want, at)
		}
	}
	r.tick()
	if core.Last() != at+4 || core.Committed() != at {
		t.Fatalf("after a tick %v is ordered and %v committed, want %v and %v", core.Last(), core.Committed(), at+4, at)
	}
}

// TestOrder: what comes is applied in the order in which it came and nothing is
// lost, whatever the disk does and however often an epoch is used up.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSolo(t, rapid.Uint32Range(2, 9).Draw(t, "limit"))
		var want []string
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				// Several at once come before the replica is asked what to do.
				for range rapid.IntRange(1, 4).Draw(t, "requests") {
					path := fmt.Sprintf("/%d", len(want))
					want = append(want, path)
					s.Submit(creation(1, path))
					if len(s.disk) > 0 && rapid.Bool().Draw(t, "written between") {
						op := s.disk[0]
						s.disk = s.disk[1:]
						s.Persisted(op.Seq, 0)
					}
				}
				s.ready()
			case 2:
				s.write(rapid.IntRange(0, len(s.disk)).Draw(t, "written"))
			case 3:
				s.tick()
			}
		}
		for range 200 {
			s.write(len(s.disk))
		}
		if got := strings.Join(s.applied, " "); got != strings.Join(want, " ") {
			t.Fatalf("applied %s, want %s", got, strings.Join(want, " "))
		}
	})
}
