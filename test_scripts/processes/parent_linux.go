package processes

import (
	"os/exec"
	"syscall"
)

// endWithParent has a server end when the test's process does, however that
// ends: a run that was aborted leaves none behind.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
