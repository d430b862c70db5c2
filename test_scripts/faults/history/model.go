package history

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/zabkeeper/zabkeeper/wire"
)

// checkTimeMax is how long all models may take. A history that takes longer is
// not one that was checked.
const checkTimeMax = 5 * time.Minute

// explainTimeMax is how long the search may take for what is wrong.
const explainTimeMax = time.Minute

// ErrUnchecked is of a history that is too hard to check.
var ErrUnchecked = errors.New("the history could not be checked in time")

// judge compares how a model answers a write with how it was answered. One of
// unknown outcome takes effect where it can; put behind everything else it has
// none.
func judge[S any](o *operation, before, after S, code wire.ErrorCode) (bool, any) {
	switch o.outcome {
	case outcomeRefused:
		return code == o.code, before
	case outcomeOK:
		return code == wire.OK, after
	default:
		return true, after
	}
}

// rules is a model: the state that an operation leaves, if it can be like that.
type rules struct {
	initial any
	step    func(state any, o *operation) (bool, any)
	// about reports whether an operation is one of the model's.
	about func(o *operation) bool
}

var rulesOf = map[model]rules{
	modelRegister: registerRules, modelCounter: registerRules, modelChildren: childrenRules,
	modelSequence: sequenceRules, modelLock: sequenceRules, modelBank: bankRules,
}

// checkModels checks that writes and synced reads of every part are linearizable.
func checkModels(r *record) error {
	deadline := time.Now().Add(checkTimeMax)
	byPart := map[*part][]*operation{}
	var parts []*part
	for _, o := range r.all {
		if o.part == nil || rulesOf[o.part.model].step == nil || !rulesOf[o.part.model].about(o) {
			continue
		}
		if byPart[o.part] == nil {
			parts = append(parts, o.part)
		}
		byPart[o.part] = append(byPart[o.part], o)
	}
	for _, p := range parts {
		if err := checkPart(p, byPart[p], time.Until(deadline)); err != nil {
			return err
		}
	}
	return nil
}

func checkPart(p *part, ops []*operation, left time.Duration) error {
	is := rulesOf[p.model]
	m := porcupine.Model{
		Init: func() any { return is.initial },
		Step: func(state, in, _ any) (bool, any) { return is.step(state, in.(*operation)) },
	}
	history := make([]porcupine.Operation, len(ops))
	for i, o := range ops {
		history[i] = porcupine.Operation{ClientId: o.client, Input: o, Call: int64(o.invoke), Return: int64(o.ret)}
	}
	switch porcupine.CheckOperationsTimeout(m, history, max(left, time.Millisecond)) {
	case porcupine.Ok:
		return nil
	case porcupine.Illegal:
		_, info := porcupine.CheckOperationsVerbose(m, history, explainTimeMax)
		return explain(p, ops, longest(info))
	default:
		return fmt.Errorf("%w: %s %s, %d operations, all models within %v", ErrUnchecked, modelNames[p.model], p.path, len(ops), checkTimeMax)
	}
}

// longest returns the longest explanation of a part of a history.
func longest(info porcupine.LinearizationInfo) []*operation {
	var best []*operation
	for _, partition := range info.PartialLinearizationsOperations() {
		for _, sequence := range partition {
			if len(sequence) <= len(best) {
				continue
			}
			best = best[:0]
			for _, o := range sequence {
				best = append(best, o.Input.(*operation))
			}
		}
	}
	return best
}

// aroundMax bounds how many operations of each sort an error names.
const aroundMax = 5

// explain names the first operation that fits nowhere, those that were explained
// last, and those that ran at its time.
func explain(p *part, ops, explained []*operation) error {
	known := map[*operation]bool{}
	for _, o := range explained {
		known[o] = true
	}
	i := slices.IndexFunc(ops, func(o *operation) bool { return !known[o] && o.outcome != outcomeUnknown })
	around := slices.Clone(explained[max(0, len(explained)-aroundMax):])
	if i >= 0 {
		around = append(around, ops[i])
		for _, o := range ops {
			if len(around) < 3*aroundMax && o != ops[i] && o.invoke <= ops[i].ret && o.ret >= ops[i].invoke && !slices.Contains(around, o) {
				around = append(around, o)
			}
		}
	}
	return violation(fmt.Sprintf("%s %s is not linearizable: after the first %d of these comes something that nothing explains",
		modelNames[p.model], p.path, min(aroundMax, len(explained))), around...)
}
