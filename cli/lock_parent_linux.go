package cli

import "syscall"

// withParent makes the kernel kill the command when its parent dies.
func withParent(a *syscall.SysProcAttr) *syscall.SysProcAttr {
	a.Pdeathsig = syscall.SIGKILL
	return a
}
