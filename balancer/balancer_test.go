package balancer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/zabkeeper/zabkeeper/balancer"
	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/clienttest"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

func TestMain(m *testing.M) { processes.Main(m) }

// fake is a server in memory on a real port.
type fake struct {
	*clienttest.Server
	row  balancer.Server
	stop func()
}

func newFake(t *testing.T, id uint32, mode string) *fake {
	t.Helper()
	s := clienttest.New()
	addr, stop, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	f := &fake{s, balancer.Server{ID: id, Address: addr}, stop}
	f.mode(mode)
	return f
}

func (f *fake) mode(mode string) {
	f.Word("srvr", "Zookeeper version: test\nZxid: 0x100000001\nMode: "+mode+"\nNode count: 5\n")
}

func options(servers ...balancer.Server) balancer.Options {
	return balancer.Options{Servers: servers, ProbeInterval: 20 * time.Millisecond, Log: zerolog.Nop()}
}

// start returns a router that serves and its address.
func start(t *testing.T, o balancer.Options) (*balancer.Balancer, string) {
	t.Helper()
	b, err := balancer.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := b.AwaitExpected(ctx); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = b.Serve(l) }()
	return b, l.Addr().String()
}

func dial(t *testing.T, address string) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), client.Options{Servers: []string{address}, SessionTimeout: 8 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	return c
}

func clients(b *balancer.Balancer) (n []int) {
	for _, s := range b.Status().Servers {
		n = append(n, s.Clients)
	}
	return n
}

func state(b *balancer.Balancer, id uint32) string {
	for _, s := range b.Status().Servers {
		if s.ID == id {
			return s.State
		}
	}
	return ""
}

func awaitState(t *testing.T, b *balancer.Balancer, id uint32, want string) {
	t.Helper()
	processes.Eventually(t, fmt.Sprintf("server %d is %s", id, want), func() bool { return state(b, id) == want })
}

func TestOptions(t *testing.T) {
	one := balancer.Server{ID: 1, Address: "127.0.0.1:1"}
	for name, o := range map[string]balancer.Options{
		"no servers":   {},
		"same number":  {Servers: []balancer.Server{one, one}},
		"no address":   {Servers: []balancer.Server{{ID: 1}}},
		"too many":     {Servers: []balancer.Server{one}, Expected: 2},
		"less than no": {Servers: []balancer.Server{one}, Expected: -1},
	} {
		if b, err := balancer.New(o); !errors.Is(err, balancer.ErrOptions) {
			t.Errorf("%s: got %v, %v, want ErrOptions", name, b, err)
		}
	}
}

func TestClientsAreSpread(t *testing.T) {
	a, b := newFake(t, 1, "leader"), newFake(t, 2, "follower")
	o := options(a.row, b.row)
	o.Expected = 2
	router, addr := start(t, o)
	for range 6 {
		dial(t, addr)
	}
	if got := fmt.Sprint(clients(router)); got != "[3 3]" {
		t.Errorf("got %s clients, want them spread", got)
	}
	if st := router.Status(); st.Leader != 1 || st.Healthy != 2 || !st.Serving {
		t.Errorf("got %+v", st)
	}
}

// TestProbe takes a server for healthy only when it says so itself.
func TestProbe(t *testing.T) {
	a, b := newFake(t, 1, "leader"), newFake(t, 2, "follower")
	b.Word("srvr", "This ZooKeeper instance is not currently serving requests\n")
	o := options(a.row, b.row)
	o.Expected = 2
	router, err := balancer.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer router.Close()
	awaitState(t, router, 1, "up")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := router.AwaitExpected(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 of 2") {
		t.Errorf("got %v, want one of two", err)
	}
	b.mode("read-only")
	b.Word("isro", "ro")
	if got := state(router, 2); got != "down" {
		t.Errorf("got %s, want down", got)
	}
	b.Word("srvr", "srvr is not executed because it is not in the whitelist.\n")
	b.Word("isro", "rw")
	awaitState(t, router, 2, "up")
	if err := router.AwaitExpected(t.Context()); err != nil {
		t.Error(err)
	}
	b.Word("isro", "null")
	awaitState(t, router, 2, "down")
	b.Word("conf", "clientPort=1\nserverId=7\n")
	b.mode("follower")
	awaitState(t, router, 2, "refused")
	b.Word("conf", "clientPort=1\nserverId=2\n")
	awaitState(t, router, 2, "up")
}

// TestSessionStays drops a client's connection: it comes back to its server,
// although another one has fewer clients.
func TestSessionStays(t *testing.T) {
	a, b := newFake(t, 1, "leader"), newFake(t, 2, "follower")
	o := options(a.row, b.row)
	o.Expected, o.ProbeInterval = 2, time.Minute // a probe would be dropped as well
	router, addr := start(t, o)
	for range 5 { // real servers never give the same number to two sessions
		dial(t, b.row.Address)
	}
	c := dial(t, addr) // on 1
	dial(t, addr)      // on 2
	dial(t, addr)      // on 1
	id := c.SessionID()
	for i := range 5 {
		a.Drop()
		processes.Eventually(t, "both clients are back", func() bool {
			st := router.Status()
			return st.Servers[0].Routed == uint64(4+2*i) && fmt.Sprint(clients(router)) == "[2 1]"
		})
	}
	if _, _, err := c.Exists(t.Context(), "/"); err != nil || c.SessionID() != id {
		t.Errorf("got session %x, %v, want %x", c.SessionID(), err, id)
	}
}

func TestDrain(t *testing.T) {
	c := processes.New(t, 3)
	var servers []balancer.Server
	for _, p := range c.Servers {
		servers = append(servers, balancer.Server{ID: uint32(p.ID), Address: p.Client})
	}
	o := options(servers...)
	o.Expected = 3
	router, addr := start(t, o)
	page := httptest.NewServer(router.Handler())
	defer page.Close()
	var all []*client.Client
	for range 9 {
		all = append(all, dial(t, addr))
	}
	for i, k := range all {
		if _, err := k.Create(t.Context(), fmt.Sprintf("/e%d", i), nil, client.CreateOptions{Mode: client.ModeEphemeral}); err != nil {
			t.Fatal(err)
		}
	}
	if status, body := request(t, http.MethodPost, page.URL+"/servers/2/drain"); status != http.StatusOK || !strings.Contains(body, "drained") {
		t.Errorf("got %d %s", status, body)
	}
	processes.Eventually(t, "everybody is on the others", func() bool {
		n := clients(router)
		return n[1] == 0 && n[0]+n[2] == len(all)
	})
	for i, k := range all {
		if err := k.Sync(t.Context(), "/"); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
		stat, _, err := k.Exists(t.Context(), fmt.Sprintf("/e%d", i))
		if err != nil || stat.EphemeralOwner != k.SessionID() {
			t.Errorf("client %d: owner %x, %v, want its session %x", i, stat.EphemeralOwner, err, k.SessionID())
		}
	}
	if status, _ := request(t, http.MethodPost, page.URL+"/servers/2/undrain"); status != http.StatusOK {
		t.Errorf("undrain: got %d", status)
	}
	dial(t, addr)
	if n := clients(router); n[1] != 1 {
		t.Errorf("got %v, want the next client on the server that is back", n)
	}
	if status, _ := request(t, http.MethodPost, page.URL+"/servers/9/drain"); status != http.StatusNotFound {
		t.Errorf("got %d for an unknown server, want 404", status)
	}
}

func request(t *testing.T, method, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// TestKilledServer kills each server in turn while clients write through the
// router: no session is lost, and every answered write is there.
func TestKilledServer(t *testing.T) {
	c := processes.New(t, 3)
	var servers []balancer.Server
	for _, p := range c.Servers {
		servers = append(servers, balancer.Server{ID: uint32(p.ID), Address: p.Client})
	}
	o := options(servers...)
	o.Expected = 3
	router, addr := start(t, o)
	var all []*client.Client
	sessions := map[int]int64{}
	for i := range 6 {
		all = append(all, dial(t, addr))
		sessions[i] = all[i].SessionID()
		if _, err := all[i].Create(t.Context(), fmt.Sprintf("/c%d", i), nil, client.CreateOptions{Mode: client.ModeEphemeral}); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range c.Servers {
		c.Kill(p)
		for i, k := range all {
			for {
				_, err := k.Set(t.Context(), fmt.Sprintf("/c%d", i), []byte(p.Client), client.AnyVersion)
				if err == nil {
					break
				}
				if !errors.Is(err, client.ErrConnectionLoss) {
					t.Fatalf("client %d after server %d was killed: %v", i, p.ID, err)
				}
			}
		}
		awaitState(t, router, uint32(p.ID), "down")
		processes.Eventually(t, "the router knows who leads", func() bool {
			leader := c.Leader()
			return leader != nil && router.Status().Leader == uint32(leader.ID)
		})
		c.Start(p)
		c.AwaitServing(p)
		awaitState(t, router, uint32(p.ID), "up")
	}
	for i, k := range all {
		if k.SessionID() != sessions[i] {
			t.Errorf("client %d: got session %x, want %x", i, k.SessionID(), sessions[i])
		}
		data, stat, err := k.Get(t.Context(), fmt.Sprintf("/c%d", i))
		if err != nil || string(data) != c.Servers[2].Client || stat.EphemeralOwner != sessions[i] {
			t.Errorf("client %d: got %q of %x, %v", i, data, stat.EphemeralOwner, err)
		}
	}
}

func TestStatusPage(t *testing.T) {
	a, b := newFake(t, 1, "follower"), newFake(t, 2, "leader")
	o := options(a.row, b.row)
	o.Expected = 2
	router, addr := start(t, o)
	dial(t, addr)
	page := httptest.NewServer(router.Handler())
	defer page.Close()
	for path, want := range map[string]string{
		"/":            "Server 2 leads.",
		"/status.json": `"leader":2`,
		"/leader":      "2 " + b.row.Address,
		"/health":      "ok",
		"/metrics":     `zabkeeper_balancer_server_clients{server="1",address="` + a.row.Address + `"} 1`,
	} {
		if status, body := request(t, http.MethodGet, page.URL+path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: got %d\n%s\nwant %q in it", path, status, body, want)
		}
	}
	a.stop()
	b.stop()
	awaitState(t, router, 1, "down")
	awaitState(t, router, 2, "down")
	for _, path := range []string{"/leader", "/health"} {
		if status, body := request(t, http.MethodGet, page.URL+path); status != http.StatusServiceUnavailable {
			t.Errorf("%s: got %d %s, want 503", path, status, body)
		}
	}
}

func TestWordsAndNonsense(t *testing.T) {
	a := newFake(t, 1, "standalone")
	_, addr := start(t, options(a.row))
	if answer, err := client.FourLetterWord(t.Context(), addr, "srvr"); err != nil || !strings.Contains(answer, "Mode: standalone") {
		t.Errorf("got %q, %v, want the server's answer", answer, err)
	}
	for _, nonsense := range [][]byte{[]byte("GET / HTTP/1.1\r\n\r\n"), {0, 0, 0, 2, 1, 2}, bytes.Repeat([]byte{0xff}, 100)} {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = nc.Write(nonsense)
		if answer, _ := io.ReadAll(nc); len(answer) != 0 {
			t.Errorf("got %q for %q, want a closed connection", answer, nonsense)
		}
		_ = nc.Close()
	}
}
