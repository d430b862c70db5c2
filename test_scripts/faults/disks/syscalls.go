//go:build linux

package disks

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// syncCalls are how a server makes its files durable; it also has the kernel do
// that in the background, which is kept from it so that there is a call to fail.
const (
	syncCalls       = "fsync,fdatasync"
	backgroundCalls = "io_submit"
)

// FailSyncs has every sync of a process fail with EIO until what it returns is
// called, or the process ends.
func FailSyncs(t testing.TB, pid int) (stop func()) {
	t.Helper()
	return inject(t, pid, "error=EIO")
}

// SlowSyncs has every sync of a process take so much longer.
func SlowSyncs(t testing.TB, pid int, by time.Duration) (stop func()) {
	t.Helper()
	return inject(t, pid, fmt.Sprintf("delay_enter=%d", by.Microseconds()))
}

// inject attaches strace. It is attached when it says so.
func inject(t testing.TB, pid int, what string) (stop func()) {
	t.Helper()
	c := exec.Command("strace", "-f", "-p", fmt.Sprint(pid), "-e", "trace="+syncCalls+","+backgroundCalls,
		"-e", "inject="+syncCalls+":"+what, "-e", "inject="+backgroundCalls+":error=ENOSYS", "-e", "signal=none", "-o", "/dev/null")
	said, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(said)
	first, _ := lines.ReadString('\n')
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		_ = c.Wait()
		close(done)
	}()
	stop = func() {
		_ = c.Process.Signal(syscall.SIGINT) // strace lets go of the process
		<-done
	}
	t.Cleanup(stop)
	if !strings.Contains(first, "attached") {
		t.Logf("strace -p %d: %s", pid, first) // the process may have ended by itself
	}
	return stop
}
