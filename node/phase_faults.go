package node

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/zab"
)

// Faults are what a server does wrong on purpose, for tests of exactly that: it
// takes its time in a phase of the broadcast, or neither says nor hears anything
// on the ports for other servers.
type Faults struct {
	// Propose holds back entries before they are proposed: a leader's proposals,
	// and what a follower passes to its leader.
	Propose time.Duration
	// Acknowledge holds back a follower's acknowledgements.
	Acknowledge time.Duration
	// Commit holds back what makes this server commit: the acknowledgements that
	// a leader gets, the commits that a follower gets.
	Commit time.Duration
	Drop   bool
}

// ErrFaults is wrapped by every failure to read Faults.
var ErrFaults = errors.New("node: not a list of faults")

// ParseFaults reads "none", "drop", "propose:10s,acknowledge:20s,commit:30s" with
// any of its parts, and the short form "p:10::a:20::c:30" in seconds, or "d:0".
func ParseFaults(s string) (Faults, error) {
	var f Faults
	if s = strings.TrimSpace(s); s == "none" || s == "" {
		return f, nil
	}
	for _, part := range strings.FieldsFunc(strings.ReplaceAll(s, "::", ","), func(r rune) bool { return r == ',' }) {
		name, value, _ := strings.Cut(strings.TrimSpace(part), ":")
		var place *time.Duration
		switch name {
		case "propose", "p":
			place = &f.Propose
		case "acknowledge", "a":
			place = &f.Acknowledge
		case "commit", "c":
			place = &f.Commit
		case "drop", "d":
			f.Drop = true
			continue
		default:
			return Faults{}, fmt.Errorf("%w: %q; write none, drop, or propose:, acknowledge: and commit: with durations, such as propose:10s", ErrFaults, part)
		}
		d, err := time.ParseDuration(value)
		if seconds, e := strconv.ParseUint(value, 10, 31); e == nil {
			d, err = time.Duration(seconds)*time.Second, nil
		}
		if err != nil || d < 0 {
			return Faults{}, fmt.Errorf("%w: %q is not a duration; write propose:10s, or p:10 for seconds", ErrFaults, value)
		}
		*place = d
	}
	return f, nil
}

// String returns the long form, which ParseFaults reads.
func (f Faults) String() string {
	var parts []string
	for _, p := range []struct {
		name string
		d    time.Duration
	}{{"propose", f.Propose}, {"acknowledge", f.Acknowledge}, {"commit", f.Commit}} {
		if p.d > 0 {
			parts = append(parts, fmt.Sprintf("%s:%v", p.name, p.d))
		}
	}
	if f.Drop {
		parts = append(parts, "drop")
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ",")
}

// heldMax bounds what is held back on one link; beyond it the link is closed.
const heldMax = 20_000

// held is a message that waits for its time. What comes behind it on its link in
// the same direction waits too, except pings and pongs.
type held struct {
	due time.Duration
	m   zab.Message
}

// phaseFaults holds messages back. It belongs to the loop, but for what says
// whether there is anything to do.
type phaseFaults struct {
	enabled  bool
	dropping atomic.Bool
	now      Faults
	out, in  map[zab.LinkID][]held
}

func (n *Node) setFaults(f Faults) {
	n.faults.now = f
	n.faults.dropping.Store(f.Drop)
	if n.faults.out == nil {
		n.faults.out, n.faults.in = make(map[zab.LinkID][]held), make(map[zab.LinkID][]held)
	}
	n.log.Warn().Stringer("faults", f).Msg("faults on purpose")
}

// delayOut says how long a message that this server sends is held back.
func (f *Faults) delayOut(m *zab.Message) time.Duration {
	switch m.Kind {
	case zab.Proposal:
		if len(m.Runs) > 0 {
			return f.Propose
		}
	case replica.TransactionRequest:
		return f.Propose
	case zab.Acknowledge:
		return f.Acknowledge
	default:
	}
	return 0
}

// delayIn says how long a message that this server gets is held back.
func (f *Faults) delayIn(m *zab.Message) time.Duration {
	if m.Kind == zab.Acknowledge || m.Kind == zab.Commit || m.Kind == zab.UpToDate {
		return f.Commit
	}
	return 0
}

func overtakes(m *zab.Message) bool { return m.Kind == zab.Ping || m.Kind == zab.Pong }

// hold queues m if it, or something before it, is to wait. It reports false where
// m may go now.
func (p *phaseFaults) hold(queues map[zab.LinkID][]held, id zab.LinkID, m zab.Message, delay time.Duration) bool {
	q := queues[id]
	if overtakes(&m) || delay == 0 && len(q) == 0 {
		return false
	}
	due := monotonic() + delay
	if len(q) > 0 {
		due = max(due, q[len(q)-1].due)
	}
	queues[id] = append(q, held{due, m})
	return true
}

// faultySend is what stands between the replica and the transport while there
// are faults. It returns what may go now.
func (n *Node) faultySend(id zab.LinkID, messages []zab.Message) []zab.Message {
	p := &n.faults
	if p.now.Drop {
		return nil
	}
	var now []zab.Message
	for _, m := range messages {
		if !p.hold(p.out, id, m, p.now.delayOut(&m)) {
			now = append(now, m)
		}
	}
	return now
}

// faultyMessage is what stands between the transport and the replica.
func (n *Node) faultyMessage(id zab.LinkID, m *zab.Message) {
	p := &n.faults
	if p.now.Drop {
		return
	}
	if p.now.Commit > 0 && (m.Kind == zab.Ping || m.Kind == zab.Proposal) && m.Commit != 0 {
		// What they say of commits on the way comes as a message of its own.
		commit := zab.Message{Kind: zab.Commit, Epoch: m.Epoch, Zxid: m.Commit}
		m.Commit = 0
		defer n.faultyMessage(id, &commit)
	}
	if !p.hold(p.in, id, *m, p.now.delayIn(m)) {
		n.replica.Message(id, m)
	}
}

// releaseHeld lets go of what has waited long enough.
func (n *Node) releaseHeld() {
	p := &n.faults
	at := monotonic()
	for id, q := range p.out {
		k := ripe(q, at)
		messages := make([]zab.Message, k)
		for i := range messages {
			messages[i] = q[i].m
		}
		if t := n.loop.transport.Load(); t != nil && k > 0 {
			t.Send(id, messages)
		}
		keep(p.out, id, q[k:])
		if len(q)-k > heldMax {
			n.loop.transport.Load().CloseLink(id)
			delete(p.out, id)
		}
	}
	for id, q := range p.in {
		k := ripe(q, at)
		keep(p.in, id, q[k:])
		for i := range k {
			n.replica.Message(id, &q[i].m)
		}
	}
}

func ripe(q []held, at time.Duration) int {
	k := 0
	for k < len(q) && q[k].due <= at {
		k++
	}
	return k
}

func keep(queues map[zab.LinkID][]held, id zab.LinkID, q []held) {
	if len(q) == 0 {
		delete(queues, id)
		return
	}
	queues[id] = q
}

// linkEnded forgets what was held back on a link.
func (p *phaseFaults) linkEnded(id zab.LinkID) {
	delete(p.out, id)
	delete(p.in, id)
}
