package history

import (
	"strconv"
	"strings"
)

// sequenceRules are those of numbers: a number is larger than that of every
// creation that was answered before. There may be gaps, so a creation of unknown
// outcome says nothing. The state is the largest number so far.
var sequenceRules = rules{
	initial: int64(-1),
	about:   func(o *operation) bool { return o.kind == kindSequence && o.ok() },
	step: func(state any, o *operation) (bool, any) {
		largest := state.(int64)
		n, ok := suffix(o)
		return ok && n > largest, n
	},
}

// suffix is the number that a server has appended.
func suffix(o *operation) (int64, bool) {
	digits, ok := strings.CutPrefix(o.made, o.path)
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, ok && err == nil
}
