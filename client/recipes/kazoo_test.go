package recipes_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/recipes"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// kazooServant evaluates the expressions it gets, one a line, with a started
// client k and a dictionary d to keep things in.
const kazooServant = `
import sys, logging
from kazoo.client import KazooClient
logging.disable(logging.CRITICAL)
k, d = KazooClient(hosts=sys.argv[1]), {}
k.start()
print("ready", flush=True)
for line in sys.stdin:
    try:
        print(eval(line), flush=True)
    except Exception as e:
        print(type(e).__name__, flush=True)
k.stop()
`

type kazoo struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

func startKazoo(t *testing.T, hosts string) *kazoo {
	t.Helper()
	const python = "/usr/bin/python3" // Debian's, which has Debian's kazoo
	if exec.Command(python, "-c", "import kazoo").Run() != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("kazoo is not installed; run test_scripts/clients/install_clients.sh")
		}
		t.Skip("kazoo is not installed; test_scripts/clients/install_clients.sh installs it")
	}
	cmd := exec.Command(python, "-c", kazooServant, hosts)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
		stop.Stop()
	})
	z := &kazoo{t, in, bufio.NewReader(out)}
	z.expect("ready")
	return z
}

func (z *kazoo) expect(want string) {
	z.t.Helper()
	if got, err := z.out.ReadString('\n'); strings.TrimSpace(got) != want {
		z.t.Fatalf("kazoo says %q (%v), want %q", got, err, want)
	}
}

func (z *kazoo) says(expression, want string) {
	z.t.Helper()
	if _, err := fmt.Fprintln(z.in, expression); err != nil {
		z.t.Fatal(err)
	}
	z.expect(want)
}

// TestKazoo uses the same paths with kazoo's recipes and with these.
func TestKazoo(t *testing.T) {
	c := processes.New(t, 1)
	z := startKazoo(t, c.Addresses()[0])
	k, err := client.Dial(t.Context(), client.Options{Servers: c.Addresses()})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close(t.Context())
	t.Run("lock", func(t *testing.T) {
		lock := recipes.NewLock(k, "/lock", recipes.LockOptions{Identifier: "go"})
		z.says(`d.setdefault("l", k.Lock("/lock", "python")).acquire()`, "True")
		if _, err := lock.TryAcquire(t.Context()); !errors.Is(err, recipes.ErrTaken) {
			t.Errorf("got %v, want ErrTaken", err)
		}
		got := make(chan *recipes.Held)
		go func() {
			held, err := lock.Acquire(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- held
		}()
		processes.Eventually(t, "both are in the queue", func() bool {
			names, err := lock.Contenders(t.Context())
			return err == nil && slices.Equal(names, []string{"python", "go"})
		})
		z.says(`d["l"].contenders()`, "['python', 'go']")
		z.says(`d["l"].release()`, "True")
		held := <-got
		z.says(`k.Lock("/lock").acquire(blocking=False)`, "False")
		if err := held.Release(t.Context()); err != nil {
			t.Error(err)
		}
		z.says(`k.Lock("/lock").acquire(blocking=False)`, "True")
	})
	t.Run("readers and writers", func(t *testing.T) {
		lock := recipes.NewRWLock(k, "/rw", recipes.LockOptions{})
		held, err := lock.Read().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		z.says(`k.WriteLock("/rw").acquire(blocking=False)`, "False")
		z.says(`d.setdefault("r", k.ReadLock("/rw")).acquire(blocking=False)`, "True")
		if err := held.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := lock.Write().TryAcquire(t.Context()); !errors.Is(err, recipes.ErrTaken) {
			t.Errorf("got %v, want ErrTaken", err)
		}
		z.says(`d["r"].release()`, "True")
	})
	t.Run("semaphore", func(t *testing.T) {
		semaphore := recipes.NewSemaphore(k, "/s", 2, recipes.LockOptions{Identifier: "go"})
		held, err := semaphore.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		z.says(`d.setdefault("s", k.Semaphore("/s", "python", max_leases=2)).acquire(blocking=False)`, "True")
		z.says(`k.Semaphore("/s", max_leases=2).acquire(blocking=False)`, "False")
		z.says(`k.Semaphore("/s", max_leases=3).acquire(blocking=False)`, "ValueError")
		z.says(`sorted(d["s"].lease_holders())`, "['go', 'python']")
		if err := held.Release(t.Context()); err != nil {
			t.Error(err)
		}
		z.says(`d["s"].release()`, "True")
	})
	t.Run("queue, counter, group, barrier", func(t *testing.T) {
		queue := recipes.NewQueue(k, "/q")
		if err := queue.Put(t.Context(), []byte("from go"), recipes.DefaultPriority); err != nil {
			t.Fatal(err)
		}
		z.says(`k.Queue("/q").put(b"from python", 50)`, "None")
		if data, err := queue.Take(t.Context()); string(data) != "from python" || err != nil {
			t.Errorf("got %s, %v", data, err)
		}
		z.says(`k.Queue("/q").get()`, "b'from go'")
		if n, err := recipes.NewCounter(k, "/n").Add(t.Context(), 5); n != 5 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		z.says(`(k.Counter("/n") + 2).value`, "7")
		if n, err := recipes.NewCounter(k, "/n").Add(t.Context(), 1); n != 8 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		group := recipes.NewGroup(k, "/g", "go")
		if err := group.Join(t.Context()); err != nil {
			t.Fatal(err)
		}
		z.says(`k.Party("/g", "python").join()`, "None")
		z.says(`sorted(k.Party("/g"))`, "['go', 'python']")
		if members, _, err := group.Members(t.Context()); len(members) != 2 || err != nil {
			t.Errorf("got %v, %v", members, err)
		}
		double := recipes.NewDoubleBarrier(k, "/b", 2, recipes.LockOptions{})
		entered := make(chan error, 2)
		go func() {
			entered <- double.Enter(t.Context())
			entered <- double.Leave(t.Context())
		}()
		z.says(`d.setdefault("b", k.DoubleBarrier("/b", 2)).enter()`, "None")
		z.says(`d["b"].leave()`, "None")
		for range 2 {
			if err := <-entered; err != nil {
				t.Error(err)
			}
		}
	})
}
