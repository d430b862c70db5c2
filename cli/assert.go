package cli

import "fmt"

// assert panics when an invariant is broken.
func assert(cond bool, format string, args ...any) {
	if !cond {
		panic("cli: " + fmt.Sprintf(format, args...))
	}
}
