package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zabkeeper/zabkeeper/client/clienttest"
	"github.com/zabkeeper/zabkeeper/wire"
)

// TestWritersFollowTheirSessions hangs up on writers, before and after their
// writes happen. What was not acknowledged counts neither way.
func TestWritersFollowTheirSessions(t *testing.T) {
	s, servers := newServers(t, 3)
	var n atomic.Int64
	s.Decide(func(r clienttest.Request) clienttest.Action {
		if r.Op != wire.OpCreate {
			return clienttest.Answer
		}
		switch n.Add(1) {
		case 20, 30:
			return clienttest.DropBefore
		case 40:
			return clienttest.DropAfter
		}
		return clienttest.Answer
	})
	f := mustRun(t, quick(Failover, servers)).Failover
	if f.Lost != 0 || f.Unanswered != 3 || f.Reconnections != 3 || f.ExpiredSession != 0 || len(f.Checked) != 3 || f.Acknowledged == 0 {
		t.Errorf("got %+v, want 3 unanswered, 3 reconnections and nothing lost", f)
	}
	mustBeClean(t, s)
}

// TestALostWriteIsFound has a write disappear before the look-up.
func TestALostWriteIsFound(t *testing.T) {
	s, servers := newServers(t, 1)
	var once sync.Once
	var acked atomic.Pointer[string]
	o := quick(Failover, servers).WithDefaults()
	s.Decide(func(r clienttest.Request) clienttest.Action {
		switch r.Op {
		case wire.OpCreate:
			if len(r.Path) > len("/bench-0000000000/d00000/") {
				acked.CompareAndSwap(nil, &r.Path)
			}
		case wire.OpSync:
			once.Do(func() {
				c, err := dial(context.Background(), servers[0], &o, nil)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.close()
				if _, err := c.removeEach([]string{*acked.Load()}); err != nil {
					t.Error(err)
				}
			})
		}
		return clienttest.Answer
	})
	res := mustRun(t, o)
	if res.Failover.Lost != 1 || res.Errors["acknowledged write lost"] != 1 {
		t.Errorf("got %+v, errors %v; want one write lost", res.Failover, res.Errors)
	}
}

func TestTheLongestGap(t *testing.T) {
	g := &gap{last: 100}
	for _, at := range []int64{110, 150, 155, 154, 195} {
		g.note(at)
	}
	if g.longest != 40 || g.longestAt != 110 {
		t.Errorf("got %d at %d, want 40 at 110", g.longest, g.longestAt)
	}
	if g.note(400); g.longest != 205 || g.longestAt != 195 {
		t.Errorf("got %d at %d, want the silence at the end: 205 at 195", g.longest, g.longestAt)
	}
}
