// Package process says what a process of this machine has used: CPU time,
// resident memory and disk bytes, out of Linux's /proc. Where there is none, as
// on other systems, every look fails.
package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU times in /proc, on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// Use is what the system says of a process.
type Use struct {
	CPU       time.Duration
	Resident  int64 // bytes
	DiskBytes int64 // that it caused to be written
}

// Look reads /proc; it fails where there is none, or no such process.
func Look(pid int) (p Use, err error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return p, err
	}
	// The name, in brackets, may hold anything.
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(f) < 22 {
		return p, fmt.Errorf("%s/stat has %d fields", dir, len(f))
	}
	var n [3]int64
	for i, field := range []int{11, 12, 21} { // utime, stime, rss
		if n[i], err = strconv.ParseInt(f[field], 10, 64); err != nil {
			return p, fmt.Errorf("%s/stat: %w", dir, err)
		}
	}
	p.CPU, p.Resident = time.Duration(n[0]+n[1])*clockTick, n[2]*int64(os.Getpagesize())
	io, err := os.ReadFile(dir + "/io")
	if err != nil {
		return p, err
	}
	for line := range strings.Lines(string(io)) {
		if v, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			p.DiskBytes, err = strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		}
	}
	return p, err
}
