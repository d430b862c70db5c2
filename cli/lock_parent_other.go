//go:build !linux

package cli

import "syscall"

// withParent does nothing where the kernel can't tie a command to its parent:
// there a command outlives a parent that is killed.
func withParent(a *syscall.SysProcAttr) *syscall.SysProcAttr { return a }
