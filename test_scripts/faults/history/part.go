package history

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// model says which rules the operations of a part obey.
type model uint8

const (
	modelRegister model = iota + 1
	modelCounter
	modelChildren
	modelSequence
	modelBank
	modelLock
	modelEphemerals
)

var modelNames = map[model]string{
	modelRegister: "register", modelCounter: "counter", modelChildren: "children", modelSequence: "sequence",
	modelBank: "bank", modelLock: "lock", modelEphemerals: "ephemerals",
}

const (
	// partWeightMax is when a part is left for a fresh one: a checker's work may
	// grow faster than a part does.
	partWeightMax = 400
	// unknownWeight is the weight of an operation that may take effect at any
	// time: each of them may double a checker's work.
	unknownWeight = 40
)

// part is a partition: znodes of its own that one model is about.
type part struct {
	model  model
	path   string
	weight atomic.Int64
	ready  atomic.Bool // the znodes that clients work below are there
}

// bankPath2 and resourcePath are the second znodes of a bank and of a lock.
func (p *part) second() string { return p.path + "-second" }

// parts hands out the current part of every slot.
type parts struct {
	root string
	mu   sync.Mutex
	all  []*part
	slot map[model][]*part
}

// slotCounts says how many parts of a model are in use at a time.
var slotCounts = map[model]int{
	modelRegister: 3, modelCounter: 1, modelChildren: 2, modelSequence: 1, modelBank: 2, modelLock: 1, modelEphemerals: 1,
}

func newParts(root string) *parts {
	p := &parts{root: root, slot: map[model][]*part{}}
	for m := modelRegister; m <= modelEphemerals; m++ {
		for range slotCounts[m] {
			p.slot[m] = append(p.slot[m], p.fresh(m))
		}
	}
	return p
}

func (p *parts) fresh(m model) *part {
	n := &part{model: m, path: fmt.Sprintf("%s/%s-%d", p.root, modelNames[m], len(p.all))}
	p.all = append(p.all, n)
	return n
}

// pick returns the part in use in one of a model's slots.
func (p *parts) pick(m model, choice int) *part {
	p.mu.Lock()
	defer p.mu.Unlock()
	slots := p.slot[m]
	i := choice % len(slots)
	if slots[i].weight.Load() >= partWeightMax && m != modelEphemerals {
		slots[i] = p.fresh(m)
	}
	return slots[i]
}

func (p *part) charge(o *operation) {
	if o.outcome == outcomeUnknown && o.kind.writes() {
		p.weight.Add(unknownWeight)
		return
	}
	p.weight.Add(1)
}
