package compatibility

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zabkeeper/zabkeeper/wire"
)

// renaming is a one-to-one relation between the names of two servers.
type renaming struct{ forth, back map[int64]int64 }

func newRenaming() renaming {
	return renaming{forth: map[int64]int64{}, back: map[int64]int64{}}
}

func (r *renaming) fits(a, b int64) bool {
	forth, known := r.forth[a]
	back, knownBack := r.back[b]
	return !known && !knownBack || known && knownBack && forth == b && back == a
}

func (r *renaming) learn(a, b int64) { r.forth[a], r.back[b] = b, a }

// comparison goes through two transcripts of one program.
type comparison struct {
	zxids, sessions renaming
	times           [2]map[int64]int64
	lastReply       [2]int64
	tolerated       map[string]int // by reason
}

// difference is where two transcripts part.
type difference struct {
	step      int
	slot      int
	reference string
	ours      string
	why       string
}

// compare returns the first difference that is not meant, or nil. The first
// transcript is ZooKeeper's.
func compare(program []step, reference, ours [][]observation, tolerated map[string]int) *difference {
	c := &comparison{zxids: newRenaming(), sessions: newRenaming(), times: [2]map[int64]int64{{}, {}}, tolerated: tolerated}
	for i := range program {
		if i >= len(reference) || i >= len(ours) {
			return &difference{step: min(len(reference), len(ours)), why: "a server ended"}
		}
		for slot := range slots {
			a, b := ofSlot(reference[i], slot), ofSlot(ours[i], slot)
			if program[i].unordered {
				sortEvents(a)
				sortEvents(b)
			}
			if d := c.observations(&program[i], a, b); d != nil {
				d.step, d.slot = i, slot
				return d
			}
		}
		if why := c.numbers(&program[i], reference[i], ours[i]); why != "" {
			return &difference{step: i, slot: program[i].slot, why: why}
		}
	}
	return nil
}

func ofSlot(all []observation, slot int) []observation {
	var own []observation
	for _, o := range all {
		if o.slot == slot {
			own = append(own, o)
		}
	}
	return own
}

// sortEvents sorts every run of events between replies.
func sortEvents(all []observation) {
	for start := 0; start < len(all); start++ {
		end := start
		for end < len(all) && all[end].what == "event" {
			end++
		}
		slices.SortFunc(all[start:end], func(a, b observation) int {
			ta, tb := take(&a), take(&b)
			return strings.Compare(ta.String(), tb.String())
		})
		start = end
	}
}

func (c *comparison) observations(s *step, a, b []observation) *difference {
	for len(a) > 0 || len(b) > 0 {
		if len(a) > 0 && len(b) > 0 && c.equal(&a[0], &b[0]) {
			a, b = a[1:], b[1:]
			continue
		}
		reason, skipA, skipB := intended(s, a, b)
		if reason == "" {
			return &difference{reference: describe(a), ours: describe(b), why: "different"}
		}
		c.tolerated[reason]++
		a, b = a[skipA:], b[skipB:]
	}
	return nil
}

func describe(all []observation) string {
	if len(all) == 0 {
		return "(nothing more)"
	}
	t := take(&all[0])
	return t.String()
}

// equal compares two observations and learns the names in them.
func (c *comparison) equal(a, b *observation) bool {
	ta, tb := take(a), take(b)
	if len(ta.list) != len(tb.list) {
		return false
	}
	zxids, sessions := newRenaming(), newRenaming()
	for i, x := range ta.list {
		y := tb.list[i]
		switch {
		case x.kind != y.kind, x.text != y.text:
			return false
		case x.kind == zxidToken:
			if !c.zxids.fits(x.id, y.id) || !zxids.fits(x.id, y.id) {
				return false
			}
			zxids.learn(x.id, y.id)
		case x.kind == sessionToken:
			if !c.sessions.fits(x.id, y.id) || !sessions.fits(x.id, y.id) {
				return false
			}
			sessions.learn(x.id, y.id)
		}
	}
	for from, to := range zxids.forth {
		c.zxids.learn(from, to)
	}
	for from, to := range sessions.forth {
		c.sessions.learn(from, to)
	}
	return true
}

// numbers checks what each server says on its own: times belong to transactions,
// replies never go back, and an event carries the zxid that caused it.
func (c *comparison) numbers(s *step, reference, ours []observation) string {
	for side, all := range [][]observation{reference, ours} {
		written := map[int64]bool{}
		for i := range all {
			o := &all[i]
			if o.what == "reply" && o.reply.Zxid > 0 {
				if o.reply.Zxid < c.lastReply[side] {
					return fmt.Sprintf("a reply of server %d goes back from zxid 0x%x to 0x%x", side, c.lastReply[side], o.reply.Zxid)
				}
				c.lastReply[side] = o.reply.Zxid
			}
			if o.writes() {
				written[o.reply.Zxid] = true
			}
			t := take(o)
			for z, ms := range t.times {
				if known, ok := c.times[side][z]; ok && known != ms {
					return fmt.Sprintf("server %d gives transaction 0x%x two times, %d and %d", side, z, known, ms)
				}
				c.times[side][z] = ms
			}
		}
		if why := eventZxids(s, side, all, written); why != "" {
			return why
		}
	}
	return ""
}

func eventZxids(s *step, side int, all []observation, written map[int64]bool) string {
	for i := range all {
		if all[i].what != "event" {
			continue
		}
		z := all[i].reply.Zxid
		catchUp := s.has(wire.OpSetWatches, wire.OpSetWatches2)
		ok := z == -1
		if side == 1 {
			ok = written[z] || z == -1 && catchUp || z > 0 && s.kind != stepSend
		}
		if !ok {
			return fmt.Sprintf("an event of server %d carries zxid 0x%x, which no write of this step has", side, z)
		}
	}
	return ""
}
