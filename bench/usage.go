package bench

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU times in /proc, on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// process is what the system says of a process.
type process struct {
	cpu       time.Duration
	resident  int64 // bytes
	diskBytes int64 // that it caused to be written
}

// sample reads /proc; it fails where there is none, or no such process.
func sample(pid int) (p process, err error) {
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
	p.cpu, p.resident = time.Duration(n[0]+n[1])*clockTick, n[2]*int64(os.Getpagesize())
	io, err := os.ReadFile(dir + "/io")
	if err != nil {
		return p, err
	}
	for line := range strings.Lines(string(io)) {
		if v, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			p.diskBytes, err = strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		}
	}
	return p, err
}

// checkPIDs refuses processes that cannot be looked at, before the load. Other
// systems than Linux report nothing.
func checkPIDs(pids []int) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	for _, pid := range pids {
		if _, err := sample(pid); err != nil {
			return fmt.Errorf("%w: process %d cannot be looked at: %w", ErrOptions, pid, err)
		}
	}
	return nil
}

// usage is what the servers and this process use over a time.
type usage struct {
	pids   []int
	before map[int]process
	self   process
	client time.Duration
	result *ServerUse
}

func beginUsage(pids []int) *usage {
	u := &usage{pids: pids, before: map[int]process{}}
	for _, pid := range pids {
		if p, err := sample(pid); err == nil {
			u.before[pid] = p
		}
	}
	u.self, _ = sample(os.Getpid()) // zero where there is no /proc
	return u
}

// end takes the second samples.
func (u *usage) end() {
	self, _ := sample(os.Getpid())
	u.client = self.cpu - u.self.cpu
	if len(u.pids) == 0 || len(u.before) == 0 {
		return
	}
	r := &ServerUse{PIDs: u.pids}
	var cpu time.Duration
	for _, pid := range u.pids {
		was, known := u.before[pid]
		is, err := sample(pid)
		if !known || err != nil {
			r.Ended = append(r.Ended, pid)
			continue
		}
		cpu += is.cpu - was.cpu
		r.DiskBytes += is.diskBytes - was.diskBytes
		r.ResidentMB = append(r.ResidentMB, round(float64(is.resident)/1e6, 1))
	}
	r.CPUSeconds = cpu.Seconds()
	u.result = r
}

// into adds what was used to a result whose operations are counted.
func (u *usage) into(res *Result, measured time.Duration) {
	res.Seconds = round(measured.Seconds(), 3)
	n := float64(res.Operations)
	res.PerSecond = round(n/measured.Seconds(), 1)
	if n > 0 {
		res.ClientCPU = round(float64(u.client.Microseconds())/n, 2)
	}
	if res.Use = u.result; u.result != nil && n > 0 {
		res.Use.CPUPerOperation = round(u.result.CPUSeconds*1e6/n, 2)
		res.Use.DiskBytesPerOperation = round(float64(u.result.DiskBytes)/n, 1)
	}
}
