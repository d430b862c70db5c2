//go:build !linux

package processes

import "os/exec"

// endWithParent does nothing where a process cannot be tied to another.
func endWithParent(*exec.Cmd) {}
