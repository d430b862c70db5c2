package node

import (
	"errors"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/zab"
)

func TestParseFaults(t *testing.T) {
	for text, want := range map[string]Faults{
		"":                                       {},
		"none":                                   {},
		"drop":                                   {Drop: true},
		"d:0":                                    {Drop: true},
		"propose:10s,acknowledge:20s,commit:30s": {Propose: 10 * time.Second, Acknowledge: 20 * time.Second, Commit: 30 * time.Second},
		"p:10::a:20::c:30":                       {Propose: 10 * time.Second, Acknowledge: 20 * time.Second, Commit: 30 * time.Second},
		"commit:1500ms, drop":                    {Commit: 1500 * time.Millisecond, Drop: true},
		"acknowledge:0s":                         {},
	} {
		got, err := ParseFaults(text)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", text, got, err, want)
		}
		if again, err := ParseFaults(got.String()); err != nil || again != got {
			t.Errorf("%q is shown as %q and read back as %+v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"slow", "propose", "propose:", "propose:ten", "propose:-1s", "p:-1", "commit:5 apples"} {
		if got, err := ParseFaults(text); !errors.Is(err, ErrFaults) {
			t.Errorf("%q: got %+v, %v; want a refusal", text, got, err)
		}
	}
}

// TestHeldMessagesKeepTheirOrder: what comes behind a message that waits waits
// too, whatever it is, but for pings; another link does not wait.
func TestHeldMessagesKeepTheirOrder(t *testing.T) {
	p := &phaseFaults{now: Faults{Propose: time.Hour, Acknowledge: time.Minute}}
	out := make(map[zab.LinkID][]held)
	send := func(id zab.LinkID, m zab.Message) bool { return !p.hold(out, id, m, p.now.delayOut(&m)) }
	records := [][]byte{{1}}
	for _, c := range []struct {
		link zab.LinkID
		m    zab.Message
		goes bool
	}{
		{1, zab.Message{Kind: zab.Commit}, true},
		{1, zab.Message{Kind: zab.Proposal}, true}, // no records: it aligns a link
		{1, zab.Message{Kind: zab.Proposal, Runs: records}, false},
		{1, zab.Message{Kind: zab.Commit}, false},
		{1, zab.Message{Kind: zab.Ping}, true},
		{1, zab.Message{Kind: zab.Goodbye}, false},
		{2, zab.Message{Kind: zab.Commit}, true},
		{2, zab.Message{Kind: replica.TransactionRequest}, false},
		{3, zab.Message{Kind: zab.Acknowledge}, false},
		{3, zab.Message{Kind: zab.Pong}, true},
	} {
		if got := send(c.link, c.m); got != c.goes {
			t.Errorf("%v on link %d: goes at once %v, want %v", c.m.Kind, c.link, got, c.goes)
		}
	}
	q := out[1]
	if len(q) != 3 || ripe(q, q[0].due-1) != 0 || ripe(q, q[2].due) != 3 {
		t.Errorf("held on link 1: %+v", q)
	}
	p.now = Faults{}
	if send(1, zab.Message{Kind: zab.Commit}) {
		t.Error("a message overtakes those that are held after the faults have ended")
	}
}
