//go:build linux

package groups

import (
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// TestLimits: a squeezed process that goes on taking memory is ended, and one
// that is slowed down gets less done.
func TestLimits(t *testing.T) {
	if what := Missing(); what != "" {
		t.Skipf("skipped: no %s", what)
	}
	c := exec.Command("/usr/bin/python3", "-c", "import time\nl=[]\nwhile True: l.append(bytearray(1<<20)); time.sleep(0.005)")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	stop := Squeeze(t, c.Process.Pid, 32<<20)
	err := c.Wait()
	stop()
	if s, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		t.Errorf("a squeezed process ended with %v", err)
	}

	c = exec.Command("/usr/bin/python3", "-c", "while True: pass")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	stop = SlowDown(t, c.Process.Pid, 10)
	<-time.After(time.Second)
	_ = c.Process.Kill()
	_ = c.Wait()
	stop()
	if used := c.ProcessState.UserTime(); used > 400*time.Millisecond {
		t.Errorf("with a tenth of a processor, %v were used in a second", used)
	}
}
