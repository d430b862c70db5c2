package history

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Every so many steps of a client, on average, something happens to it.
const (
	stepsPerMove  = 150  // it goes to another server
	stepsPerClose = 600  // it ends its session and begins another
	stepsPerSleep = 2500 // it is away until its session has expired
)

// worker is one client at work: one request at a time.
type worker struct {
	load    *Load
	index   int
	random  *rand.Rand
	door    door
	raw     *session // nil where door is a library
	journal []*operation
	values  int
	seen    map[string]node // what the worker last saw of some paths
	lock    *heldLock
	mine    []string // ephemeral nodes of the session
}

func newWorker(l *Load, index int) *worker {
	w := &worker{load: l, index: index, random: rand.New(rand.NewPCG(l.o.Seed, uint64(index))), seen: map[string]node{}}
	switch index % 10 {
	case 8:
		w.door = &library{load: l, note: w.note}
	case 9:
		w.door = &foreign{load: l, note: w.note}
	default:
		w.raw = newSession(l, w.random, w.note)
		w.door = w.raw
	}
	return w
}

func (w *worker) note(o *operation) {
	o.client = w.index
	w.journal = append(w.journal, o)
	if o.kind == kindExpired || o.kind == kindClosed {
		w.load.owned.end(w.mine)
		w.mine, w.lock = nil, nil
	}
}

func (w *worker) run() {
	pace := time.NewTicker(paceDefault)
	defer pace.Stop()
	var news chan *part
	if w.raw != nil {
		news = w.load.news
	}
	for {
		select {
		case p := <-news:
			if w.door.open(w.load.ctx) {
				w.hear(p)
			}
		case <-pace.C:
			if w.door.open(w.load.ctx) {
				w.step()
			}
		case <-w.load.ctx.Done():
			ctx, cancel := context.WithTimeout(context.Background(), closeTimeMax)
			defer cancel()
			w.door.close(ctx)
			return
		}
	}
}

// chance is true once in n times.
func (w *worker) chance(n int) bool { return w.random.IntN(n) == 0 }

// choices are the models that a step works on, as often as they are named.
var choices = []model{
	modelRegister, modelRegister, modelRegister, modelRegister, modelRegister, modelCounter, modelCounter, modelCounter,
	modelChildren, modelChildren, modelChildren, modelBank, modelBank, modelBank, modelSequence, modelLock, modelLock,
	modelEphemerals, modelEphemerals,
}

var plainChoices = []model{modelRegister, modelRegister, modelCounter, modelChildren}

func (w *worker) step() {
	if w.raw != nil && w.disturb() {
		return
	}
	m := plainChoices[w.random.IntN(len(plainChoices))]
	if w.raw != nil {
		m = choices[w.random.IntN(len(choices))]
		if w.lock != nil && w.lock.held && w.chance(2) {
			m = modelLock
		}
	}
	p := w.load.parts.pick(m, w.random.IntN(slotCounts[m]))
	if !w.prepare(p) {
		return
	}
	switch m {
	case modelRegister:
		w.register(p)
	case modelCounter:
		w.counter(p)
	case modelChildren:
		w.children(p)
	case modelSequence:
		w.do(&operation{part: p, kind: kindSequence, path: p.path + "/n-", flags: flagSequential, value: w.value()})
	case modelBank:
		w.bank(p)
	case modelLock:
		w.locks(p)
	case modelEphemerals:
		w.ephemerals(p)
	}
}

// disturb has something happen to the client's connection, now and then.
func (w *worker) disturb() bool {
	switch {
	case w.chance(stepsPerSleep):
		w.raw.drop()
		w.load.pause(w.raw.timeout + time.Duration(w.random.Int64N(int64(w.raw.timeout))))
		return true
	case w.chance(stepsPerClose):
		ctx, cancel := context.WithTimeout(w.load.ctx, closeTimeMax)
		defer cancel()
		w.raw.close(ctx)
		return true
	case w.chance(stepsPerMove):
		w.raw.drop()
		_ = w.raw.connect(w.load.ctx, w.chance(2))
		return true
	}
	return false
}

// prepare makes the znodes that a part is about, and reports whether they are
// there.
func (w *worker) prepare(p *part) bool {
	if p.ready.Load() {
		return true
	}
	needed := []string{w.load.parts.root}
	switch p.model {
	case modelChildren, modelSequence, modelEphemerals:
		needed = append(needed, p.path)
	case modelLock:
		needed = append(needed, p.path, p.second())
	default:
	}
	for _, path := range needed {
		o := w.do(&operation{kind: kindCreate, path: path, value: w.value()})
		if o.outcome == outcomeUnknown || w.raw != nil && w.raw.nc == nil {
			return false
		}
	}
	p.ready.Store(true)
	return true
}

// value returns data that nobody else writes.
func (w *worker) value() string {
	w.values++
	return fmt.Sprintf("c%d.%d", w.index, w.values)
}

// do carries out a request.
func (w *worker) do(o *operation) *operation {
	w.door.do(o)
	if o.part != nil {
		o.part.charge(o)
	}
	return o
}

// reading makes o one of the kinds of read.
func (w *worker) reading(o *operation) *operation {
	switch w.random.IntN(4) {
	case 0:
		o.synced = true
	case 1:
		o.synced, o.linearizable = true, w.raw != nil || w.index%10 == 8
	default:
		o.watch = w.chance(3)
	}
	return o
}
