package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/zabkeeper/zabkeeper/client/recipes"
)

// fencingVariable tells a command its fencing token.
const fencingVariable = "ZABKEEPER_FENCING_TOKEN"

// releaseTime bounds how long giving a lock back may take.
const releaseTime = 5 * time.Second

// run runs the command while held is held, and then gives it back. The error is
// about starting the command, which speaks for itself afterwards. A lock that
// was lost goes with its session.
func (g *guarded) run(held *recipes.Held) (status int, lost bool, err error) {
	// The command is killed with the thread that started it: should this process
	// be killed, the lock will go to somebody else.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() {
		if !lost {
			ctx, cancel := context.WithTimeout(context.Background(), releaseTime)
			defer cancel()
			_ = held.Release(ctx) // otherwise the end of the session does it
		}
	}()
	file, isFile := g.env.stdin.(*os.File)
	onTerminal := isFile && term.IsTerminal(int(file.Fd()))
	cmd := exec.Command(g.args[0], g.args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = g.env.stdin, g.env.stdout, g.env.stderr
	cmd.Env = append(os.Environ(), fencingVariable+"="+strconv.FormatInt(held.Token(), 10))
	// A command in a group of its own is ended with its children, but it could
	// not read from the terminal.
	cmd.SysProcAttr = withParent(&syscall.SysProcAttr{Setpgid: !onTerminal})
	cmd.WaitDelay = time.Second // for children that keep the streams open
	if err := cmd.Start(); err != nil {
		return startStatus(err), false, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	send := func(s syscall.Signal) {
		pid := cmd.Process.Pid
		if !onTerminal {
			pid = -pid
		}
		_ = syscall.Kill(pid, s) // it may have ended
	}
	for {
		select {
		case err := <-done:
			status, err := commandStatus(cmd, err)
			return status, false, err
		case s := <-g.signals:
			if !onTerminal || s != syscall.SIGINT { // Ctrl-C went to the command as well
				send(s.(syscall.Signal))
			}
		case <-held.Lost():
			g.end(held.Err(), send, done)
			return statusLost, true, nil
		}
	}
}

// end makes the command end because the lock is lost.
func (g *guarded) end(why error, send func(syscall.Signal), done <-chan error) {
	g.say("%s is lost (%v); ending the command", g.path, why)
	send(syscall.SIGTERM)
	grace := time.NewTimer(g.flags.grace)
	defer grace.Stop()
	select {
	case <-done: //nolint:errcheck // how a command ends that was told to is no news
	case <-grace.C:
		send(syscall.SIGKILL)
		<-done //nolint:errcheck // likewise
	}
}

func startStatus(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return 127
	}
	return 126
}

// commandStatus passes on how the command ended.
func commandStatus(cmd *exec.Cmd, err error) (int, error) {
	var failed *exec.ExitError
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return 0, nil
	case !errors.As(err, &failed):
		return statusLocking, err
	}
	if ws, ok := failed.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}
