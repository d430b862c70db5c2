package recipes

import (
	"fmt"
	"slices"
	"testing"
)

// Q07: the order of a queue goes on behind the numbers of ten digits.
//
// covers: Q07
func TestSequenceNumbers(t *testing.T) {
	for _, tt := range []struct {
		name, prefix string
		number       int64
		ok           bool
	}{
		{"x-0000000007", "x-", 7, true},
		{"0000000007", "", 7, true},
		{"x__lock__-2147483648", "x__lock__", -2147483648, true},
		{"x-2147483648", "x-", 2147483648, true},
		{"x-a0000000010000000000", "x-", 10_000_000_000, true},
		{"a9223372036854775807", "", 1<<63 - 1, true},
		{"short", "", 0, false},
		{"not-a-number-at-all", "", 0, false},
	} {
		prefix, number, ok := sequence(tt.name)
		if ok != tt.ok || ok && (prefix != tt.prefix || number != tt.number) {
			t.Errorf("%s: got %q, %d, %v, want %q, %d", tt.name, prefix, number, ok, tt.prefix, tt.number)
		}
	}
	var names []string
	for _, n := range []int64{0, 2147483647, 2147483648, 9_999_999_999} {
		names = append(names, fmt.Sprintf("m-%010d", n))
	}
	names = append(names, fmt.Sprintf("m-a%019d", int64(10_000_000_000)), fmt.Sprintf("m-a%019d", int64(1)<<62))
	if !slices.IsSorted(names) {
		t.Errorf("%v are not in order as names", names)
	}
	queue := queueOf([]string{names[5], names[1], names[4], names[0], names[3], names[2]}, "-")
	for i, m := range queue {
		if m.name != names[i] {
			t.Errorf("place %d: got %s, want %s", i, m.name, names[i])
		}
	}
}
