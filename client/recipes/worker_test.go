package recipes_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/recipes"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// What a worker is told in its environment.
const (
	workerServers = "RECIPES_WORKER_SERVERS"
	workerPath    = "RECIPES_WORKER_PATH"
	workerStop    = "RECIPES_WORKER_STOP" // the phase in which it stays for ever
	workerOnce    = "RECIPES_WORKER_ONCE" // enters the section once, not for ever
)

// sessionTimeout is the shortest that servers grant by default.
const sessionTimeout = 4 * time.Second

// work is a worker: it enters the section, writes one record and leaves, again
// and again, with a new session when one is lost. It says what it does.
func work() {
	servers := strings.Split(os.Getenv(workerServers), ",")
	for {
		c, err := client.Dial(context.Background(), client.Options{Servers: servers, SessionTimeout: sessionTimeout})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		for err == nil {
			err = section(c, os.Getenv(workerPath))
			if err == nil && os.Getenv(workerOnce) != "" {
				_ = c.Close(context.Background())
				return
			}
		}
		if !errors.Is(err, client.ErrSessionExpired) {
			fmt.Println("error", err)
			os.Exit(1)
		}
		_ = c.Close(context.Background())
	}
}

func phase(name string) {
	fmt.Println(name)
	if os.Getenv(workerStop) == name {
		select {}
	}
}

// section is one visit to the critical section. Its records are znodes named by
// the fencing token, so that the order of their zxids is the order in which they
// were committed, and one that is written twice is noticed.
func section(c *client.Client, path string) error {
	ctx := context.Background()
	phase("asked")
	held, err := recipes.NewLock(c, path+"/lock", recipes.LockOptions{Waiting: func(int) { phase("waiting") }}).Acquire(ctx)
	if err != nil {
		return err
	}
	token := strconv.FormatInt(held.Token(), 10)
	stamp := fmt.Sprintf("%d %d", os.Getpid(), time.Now().UnixNano())
	write := func(kind string) error {
		node := path + "/" + kind + "/" + token
		for {
			_, err := c.Create(ctx, node, []byte(stamp), client.CreateOptions{})
			if errors.Is(err, client.ErrNodeExists) { // the lost answer was a yes
				return nil
			}
			if !errors.Is(err, client.ErrConnectionLoss) {
				return err
			}
		}
	}
	if err := write("enter"); err != nil {
		return err
	}
	phase("inside")
	time.Sleep(5 * time.Millisecond) // the work
	if err := write("record"); err != nil {
		return err
	}
	fmt.Println("committed", token, stamp)
	phase("written")
	if err := write("leave"); err != nil {
		return err
	}
	return held.Release(ctx)
}

// worker is a worker process as the test sees it.
type worker struct {
	t   *testing.T
	cmd *exec.Cmd

	mu        sync.Mutex
	said      []string
	committed map[string]string // stamps by token
	ended     chan struct{}
}

func startWorker(t *testing.T, c *processes.Cluster, path string, settings ...string) *worker {
	t.Helper()
	w := &worker{t: t, cmd: exec.Command(os.Args[0]), committed: map[string]string{}, ended: make(chan struct{})}
	w.cmd.Env = append(append(os.Environ(), workerServers+"="+strings.Join(c.Addresses(), ","), workerPath+"="+path), settings...)
	w.cmd.Stderr = os.Stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(w.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			w.mu.Lock()
			w.said = append(w.said, lines.Text())
			if f := strings.SplitN(lines.Text(), " ", 3); f[0] == "committed" {
				w.committed[f[1]] = f[2]
			}
			w.mu.Unlock()
		}
		_ = w.cmd.Wait()
	}()
	t.Cleanup(w.kill)
	return w
}

func (w *worker) kill() {
	_ = w.cmd.Process.Kill()
	<-w.ended
}

func (w *worker) signal(s syscall.Signal) { _ = w.cmd.Process.Signal(s) }

func (w *worker) has(said string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.said {
		if strings.HasPrefix(s, "error") {
			w.t.Fatal(s)
		}
		if s == said || strings.HasPrefix(s, said+" ") {
			return true
		}
	}
	return false
}

func (w *worker) await(said string) {
	w.t.Helper()
	processes.Eventually(w.t, "a worker says "+said, func() bool { return w.has(said) })
}
