package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is one process of an ensemble.
type server struct {
	number int // from 1
	dir    string
	client string // host:port
	ports  [3]int // client, peers, election
	cmd    *exec.Cmd
	done   chan struct{} // closed when the process has ended
}

// endWait is how long a server has to end when it is told to.
const endWait = 20 * time.Second

// launch starts the process. Its output goes to a file beside its data.
func (s *server) launch(command []string) error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, s.dir
	// Ctrl-C is for this program, which then ends its servers in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("server %d: %w", s.number, err)
	}
	done := make(chan struct{})
	s.cmd, s.done = cmd, done
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	return nil
}

// running reports whether the process is there.
func (s *server) running() bool {
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// pid is that of the server itself, also where a tracer started it.
func (s *server) pid() int {
	pid := s.cmd.Process.Pid
	if filepath.Base(s.cmd.Path) != tracer {
		return pid
	}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if f := strings.Fields(string(children)); len(f) > 0 {
		if child, err := strconv.Atoi(f[0]); err == nil {
			return child
		}
	}
	return pid
}

// kill ends the process at once.
func (s *server) kill() {
	if s.running() {
		_ = syscall.Kill(s.pid(), syscall.SIGKILL)
		<-s.done
	}
}

// end tells the process to end, and ends it when it does not.
func (s *server) end() {
	if !s.running() {
		return
	}
	_ = syscall.Kill(s.pid(), syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(endWait):
		s.kill()
	}
}

// logTail is the end of what the server has logged.
func (s *server) logTail() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b[max(0, len(b)-500):]))
}

// errEnded says that a server is not there any more.
var errEnded = errors.New("the server has ended")

// await polls until holds does, the server ends, or the time is over.
func (s *server) await(ctx context.Context, what string, limit time.Duration, holds func() bool) error {
	for deadline := time.Now().Add(limit); ; {
		if holds() {
			return nil
		}
		if !s.running() {
			return fmt.Errorf("server %d: %s: %w: %s", s.number, what, errEnded, s.logTail())
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("server %d: %s: not in %v: %s", s.number, what, limit, s.logTail())
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// pause waits, unless the run is told to stop.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
