package config

import "fmt"

// assert stops the process on a broken invariant.
func assert(ok bool, format string, args ...any) {
	if !ok {
		panic("config: " + fmt.Sprintf(format, args...))
	}
}
