package history

import (
	"errors"
	"fmt"
	"strings"
)

// ErrViolation is wrapped by every error that says what a server did wrong. Other
// errors of Check say that it could not find out.
var ErrViolation = errors.New("history violates")

// violation names a broken rule and the operations that show it.
func violation(rule string, around ...*operation) error {
	var b strings.Builder
	for _, o := range around {
		b.WriteString("\n\t" + o.String())
	}
	return fmt.Errorf("%w: %s%s", ErrViolation, rule, b.String())
}

// Check checks the record, and the state that every one of these servers shows.
// Its error names the first violation and the operations around it.
func (h *History) Check(final []string) error {
	journals := h.journals
	for i, address := range final {
		last, err := h.readFinal(len(journals), i, address)
		if err != nil {
			return fmt.Errorf("final state of %s: %w", address, err)
		}
		journals = append(journals[:len(journals):len(journals)], last)
	}
	r := newRecord(journals)
	for _, check := range []func(*record) error{
		checkOrder, checkSight, checkValues, checkSessions, checkWatches, checkLocks, checkCounters, checkSums, checkModels,
	} {
		if err := check(r); err != nil {
			return err
		}
	}
	return nil
}
