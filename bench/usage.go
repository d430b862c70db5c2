package bench

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/zabkeeper/zabkeeper/bench/process"
)

// checkPIDs refuses processes that cannot be looked at, before the load. Other
// systems than Linux report nothing.
func checkPIDs(pids []int) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	for _, pid := range pids {
		if _, err := process.Look(pid); err != nil {
			return fmt.Errorf("%w: process %d cannot be looked at: %w", ErrOptions, pid, err)
		}
	}
	return nil
}

// usage is what the servers and this process use over a time.
type usage struct {
	pids   []int
	before map[int]process.Use
	self   process.Use
	client time.Duration
	result *ServerUse
}

func beginUsage(pids []int) *usage {
	u := &usage{pids: pids, before: map[int]process.Use{}}
	for _, pid := range pids {
		if p, err := process.Look(pid); err == nil {
			u.before[pid] = p
		}
	}
	u.self, _ = process.Look(os.Getpid()) // zero where there is no /proc
	return u
}

// end takes the second samples.
func (u *usage) end() {
	self, _ := process.Look(os.Getpid())
	u.client = self.CPU - u.self.CPU
	if len(u.pids) == 0 || len(u.before) == 0 {
		return
	}
	r := &ServerUse{PIDs: u.pids}
	var cpu time.Duration
	for _, pid := range u.pids {
		was, known := u.before[pid]
		is, err := process.Look(pid)
		if !known || err != nil {
			r.Ended = append(r.Ended, pid)
			continue
		}
		cpu += is.CPU - was.CPU
		r.DiskBytes += is.DiskBytes - was.DiskBytes
		r.ResidentMB = append(r.ResidentMB, round(float64(is.Resident)/1e6, 1))
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
