package zab

import "fmt"

// assert stops the process on a broken invariant: wrong is worse than down.
func assert(ok bool, format string, args ...any) {
	if !ok {
		panic(fmt.Sprintf(format, args...))
	}
}
