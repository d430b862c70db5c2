package tree

import "fmt"

// assert panics when an invariant of this package is broken. On hot paths it is
// called without args, which would be allocated whether or not they are needed.
func assert(cond bool, format string, args ...any) {
	if !cond {
		panic("tree: " + fmt.Sprintf(format, args...))
	}
}
