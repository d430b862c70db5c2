// Package allocation counts what code takes from the heap, for the tests of
// decoders: none may allocate more than the bytes it was given justify.
package allocation

import "runtime"

// Bytes returns how many bytes fn allocates, whatever becomes of them. What other
// goroutines allocate meanwhile counts as well.
func Bytes(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
