package recipes_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/recipes"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

var (
	roundsFlag = flag.Int("rounds", 6, "how often a process is hurt")
	seedFlag   = flag.Uint64("seed", 1, "which process, how and when")
)

// newSection makes the znodes of a critical section.
func newSection(t *testing.T, c *processes.Cluster, path string) *client.Client {
	t.Helper()
	k, err := client.Dial(t.Context(), client.Options{Servers: c.Addresses(), SessionTimeout: sessionTimeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close(t.Context()) })
	for _, p := range []string{"", "/enter", "/record", "/leave"} {
		for err := client.ErrConnectionLoss.Err(); errors.Is(err, client.ErrConnectionLoss); {
			if _, err = k.Create(t.Context(), path+p, nil, client.CreateOptions{}); err != nil && !errors.Is(err, client.ErrConnectionLoss) {
				t.Fatal(err)
			}
		}
	}
	return k
}

// visit is what the store has about one visit to the section: zxids, 0 for none.
type visit struct {
	token                int64
	enter, record, leave int64
	stamp                string
}

// visits reads the history of a section, in the order of the entries.
func visits(t *testing.T, k *client.Client, path string) []visit {
	t.Helper()
	found := map[string]*visit{}
	for _, kind := range []string{"enter", "record", "leave"} {
		if err := k.Sync(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		names, err := k.Children(t.Context(), path+"/"+kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, stat, err := k.Get(t.Context(), path+"/"+kind+"/"+name)
			if err != nil {
				t.Fatal(err)
			}
			v := found[name]
			if v == nil {
				v = &visit{stamp: string(data)}
				v.token, _ = strconv.ParseInt(name, 10, 64)
				found[name] = v
			}
			if stat.Version != 0 || string(data) != v.stamp {
				t.Errorf("token %s: %s has %q in version %d, want %q, written once", name, kind, data, stat.Version, v.stamp)
			}
			*map[string]*int64{"enter": &v.enter, "record": &v.record, "leave": &v.leave}[kind] = stat.Czxid
		}
	}
	var all []visit
	for _, v := range found {
		all = append(all, *v)
	}
	slices.SortFunc(all, func(a, b visit) int { return cmp.Compare(a.enter, b.enter) })
	return all
}

// checkHistory is the judge: visits don't overlap, tokens grow, and what was
// answered is in the store.
func checkHistory(t *testing.T, k *client.Client, path string, workers ...*worker) []visit {
	t.Helper()
	all := visits(t, k, path)
	for _, problem := range overlaps(all) {
		t.Error(problem)
	}
	stored := map[string]string{}
	for _, v := range all {
		if v.record != 0 {
			stored[strconv.FormatInt(v.token, 10)] = v.stamp
		}
	}
	committed := 0
	for _, w := range workers {
		w.mu.Lock()
		for token, stamp := range w.committed {
			committed++
			if stored[token] != stamp {
				t.Errorf("committed %s %q, the store has %q", token, stamp, stored[token])
			}
		}
		w.mu.Unlock()
	}
	t.Logf("%d visits, %d committed records", len(all), committed)
	return all
}

// overlaps says what is wrong with a history.
func overlaps(all []visit) (problems []string) {
	for i, v := range all {
		if v.token >= v.enter {
			problems = append(problems, fmt.Sprintf("token %d: entered at %d, without the lock", v.token, v.enter))
		}
		if i == 0 {
			continue
		}
		last := all[i-1]
		if v.token <= last.token {
			problems = append(problems, fmt.Sprintf("token %d entered after token %d", v.token, last.token))
		}
		if max(last.enter, last.record, last.leave) >= v.enter {
			problems = append(problems, fmt.Sprintf("visits overlap: %+v and %+v", last, v))
		}
	}
	return problems
}

// TestJudge makes sure that the judge would notice.
func TestJudge(t *testing.T) {
	good := []visit{{token: 1, enter: 2, record: 3, leave: 4}, {token: 3, enter: 6}}
	if got := fmt.Sprint(overlaps(good)); got != "[]" {
		t.Errorf("got %s for a good history", got)
	}
	for _, bad := range [][]visit{
		{{token: 1, enter: 2, leave: 7}, {token: 3, enter: 6}},
		{{token: 4, enter: 5, leave: 6}, {token: 3, enter: 7}},
	} {
		if got := overlaps(bad); len(got) != 1 {
			t.Errorf("got %v for %v", got, bad)
		}
	}
}

// TestExclusion hurts random processes while workers enter a section again and
// again. -rounds 200 is the long run.
func TestExclusion(t *testing.T) {
	c := processes.New(t, 3)
	const path = "/section"
	k := newSection(t, c, path)
	var all []*worker
	running := make([]*worker, 4)
	start := func(i int) {
		running[i] = startWorker(t, c, path)
		all = append(all, running[i])
	}
	for i := range running {
		start(i)
	}
	r := rand.New(rand.NewPCG(*seedFlag, 6))
	hurts := map[string]int{}
	for range *roundsFlag {
		i := r.IntN(len(running))
		w, server := running[i], c.Servers[r.IntN(len(c.Servers))]
		pause := time.Duration(r.IntN(300)) * time.Millisecond
		var what string
		switch r.IntN(6) {
		case 0, 1:
			what = "kill a client"
			w.kill()
			start(i)
		case 2:
			what = "pause a client for longer than its session"
			w.signal(syscall.SIGSTOP)
			time.Sleep(sessionTimeout + time.Second) // the pause is the point
			w.signal(syscall.SIGCONT)
		case 3:
			what = "pause a client"
			w.signal(syscall.SIGSTOP)
			time.Sleep(pause)
			w.signal(syscall.SIGCONT)
		case 4:
			what = "kill a server"
			c.Kill(server)
			time.Sleep(pause)
			c.Start(server)
			c.AwaitServing(server)
		case 5:
			what = "pause a server"
			_ = server.Cmd.Process.Signal(syscall.SIGSTOP)
			time.Sleep(4 * pause) // up to twice the time after which it is given up
			_ = server.Cmd.Process.Signal(syscall.SIGCONT)
			c.AwaitServing(server)
		}
		hurts[what]++
		before := entries(t, k, path)
		processes.Eventually(t, "the section is entered again after: "+what, func() bool { return entries(t, k, path) > before+2 })
	}
	for _, w := range running {
		w.kill()
	}
	for _, what := range slices.Sorted(maps.Keys(hurts)) {
		t.Logf("%d times: %s", hurts[what], what)
	}
	c.AwaitServing(c.Servers...)
	checkHistory(t, k, path, all...)
	c.SameHistories()
}

func entries(t *testing.T, k *client.Client, path string) int {
	t.Helper()
	stat, _, err := k.Exists(t.Context(), path+"/enter")
	if errors.Is(err, client.ErrConnectionLoss) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return int(stat.NumChildren)
}

// TestHolderDies kills a participant in every phase, alone and together with a
// server: the section goes on to one next participant at a time, and a record
// that was answered stays.
func TestHolderDies(t *testing.T) {
	c := processes.New(t, 3)
	for _, phase := range []string{"asked", "waiting", "inside", "written"} {
		for _, server := range []string{"no", "leading", "following"} {
			t.Run(phase+" and "+server+" server", func(t *testing.T) {
				path := "/" + phase + server
				k := newSection(t, c, path)
				lock := recipes.NewLock(k, path+"/lock", recipes.LockOptions{})
				var held *recipes.Held
				if phase == "waiting" {
					var err error
					if held, err = lock.Acquire(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				victim := startWorker(t, c, path, workerStop+"="+phase)
				victim.await(phase)
				heirs := []*worker{startWorker(t, c, path, workerOnce+"=1"), startWorker(t, c, path, workerOnce+"=1")}
				if phase != "asked" {
					heirs[0].await("waiting")
					heirs[1].await("waiting")
				}
				down := serverThatIs(c, server)
				victim.kill()
				if down != nil {
					c.Kill(down)
				}
				if held != nil {
					if err := held.Release(t.Context()); err != nil {
						t.Error(err)
					}
				}
				for _, heir := range heirs {
					<-heir.ended
					heir.await("written")
				}
				if down != nil {
					c.Start(down)
					c.AwaitServing(down)
				}
				want := map[string]int{"asked": 2, "waiting": 2, "inside": 3, "written": 3}[phase]
				if all := checkHistory(t, k, path, append(heirs, victim)...); len(all) != want {
					t.Errorf("got %d visits %+v, want %d", len(all), all, want)
				}
			})
		}
	}
}

func serverThatIs(c *processes.Cluster, doing string) *processes.Process {
	if doing == "no" {
		return nil
	}
	leader := c.Leader()
	if doing == "leading" {
		return leader
	}
	return c.Servers[slices.IndexFunc(c.Servers, func(p *processes.Process) bool { return p != leader })]
}

// TestTwoServersOfFiveDie kills the leader and a follower of five at once while
// somebody is in the section: it stays in, and the next one follows it.
func TestTwoServersOfFiveDie(t *testing.T) {
	c := processes.New(t, 5)
	const path = "/five"
	k := newSection(t, c, path)
	held, err := recipes.NewLock(k, path+"/lock", recipes.LockOptions{}).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	heirs := []*worker{startWorker(t, c, path, workerOnce+"=1"), startWorker(t, c, path, workerOnce+"=1")}
	heirs[0].await("waiting")
	heirs[1].await("waiting")
	leader, follower := c.Leader(), serverThatIs(c, "following")
	_ = leader.Cmd.Process.Kill()
	c.Kill(follower)
	c.Kill(leader)
	if err := held.Release(t.Context()); err != nil {
		t.Errorf("the holder lost its lock with two of five servers: %v", err)
	}
	for _, heir := range heirs {
		<-heir.ended
		heir.await("written")
	}
	c.Start(leader)
	c.Start(follower)
	c.AwaitServing(c.Servers...)
	if all := checkHistory(t, k, path, heirs...); len(all) != 2 {
		t.Errorf("got visits %+v, want 2", all)
	}
	c.SameHistories()
}
