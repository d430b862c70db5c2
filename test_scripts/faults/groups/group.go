//go:build linux

package groups

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	root   = "/sys/fs/cgroup"
	prefix = "zkf"
	period = 100_000 // microseconds
)

// made counts the groups of this process, for their names.
var made atomic.Int64

// Missing says what groups lack here, empty for nothing.
//
// It is found out once: scenarios that begin at one time would meet.
var Missing = sync.OnceValue(missing)

func missing() string {
	if os.Geteuid() != 0 {
		return "root"
	}
	for _, controller := range []string{"cpu", "memory"} {
		dir := filepath.Join(parent(controller), fmt.Sprintf("%sp%d", prefix, os.Getpid()))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return controller + " control group: " + err.Error()
		}
		_, err := os.Stat(filepath.Join(dir, limitFile(controller)))
		_ = os.Remove(dir)
		if err != nil {
			return controller + " control group: " + err.Error()
		}
	}
	return ""
}

// parent is where groups of a controller are made: each has a tree of its own in
// the first version, and they share one in the second.
func parent(controller string) string {
	if dir := filepath.Join(root, controller); exists(filepath.Join(dir, "cgroup.procs")) {
		return dir
	}
	return root
}

func limitFile(controller string) string {
	first := parent(controller) != root
	switch {
	case controller == "cpu" && first:
		return "cpu.cfs_quota_us"
	case controller == "cpu":
		return "cpu.max"
	case first:
		return "memory.limit_in_bytes"
	default:
		return "memory.max"
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// SlowDown leaves a process so many percent of one processor until what it
// returns is called.
func SlowDown(t testing.TB, pid, percent int) (stop func()) {
	t.Helper()
	quota := strconv.Itoa(period * percent / 100)
	if parent("cpu") == root {
		quota += " " + strconv.Itoa(period)
	}
	return limit(t, "cpu", quota, pid)
}

// Squeeze leaves a process less memory than it has: the kernel ends it.
func Squeeze(t testing.TB, pid int, bytes int) (stop func()) {
	t.Helper()
	return limit(t, "memory", strconv.Itoa(bytes), pid)
}

// limit makes a group, with the limit before or behind the process: a limit below
// what is used already is refused by one order and not by the other.
func limit(t testing.TB, controller, value string, pid int) (stop func()) {
	t.Helper()
	sweep(controller)
	dir := filepath.Join(parent(controller), fmt.Sprintf("%s%d.%d", prefix, os.Getpid(), made.Add(1)))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	back := filepath.Join(parent(controller), "cgroup.procs")
	stop = func() {
		// A process that has ended need not leave.
		_ = os.WriteFile(back, []byte(strconv.Itoa(pid)), 0o644)
		for try := 0; os.Remove(dir) != nil && exists(dir) && try < 100; try++ {
			time.Sleep(20 * time.Millisecond)
		}
	}
	t.Cleanup(stop)
	for _, w := range []struct{ file, value string }{{limitFile(controller), value}, {"cgroup.procs", strconv.Itoa(pid)}} {
		if err := os.WriteFile(filepath.Join(dir, w.file), []byte(w.value), 0o644); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
	return stop
}

// sweep removes the groups of processes that do not live any more.
func sweep(controller string) {
	left, _ := filepath.Glob(filepath.Join(parent(controller), prefix+"*"))
	for _, dir := range left {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), ".")
		if pid, err := strconv.Atoi(owner); err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.Remove(dir)
		}
	}
}
