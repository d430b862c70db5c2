package balancer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/balancer"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// describe has the fakes say that these are the members of their cluster.
func describe(version int, fakes []*fake, members ...*fake) {
	var lines []string
	for _, m := range members {
		lines = append(lines, fmt.Sprintf("%q", fmt.Sprintf("server.%d=127.0.0.1:1:2:participant;%s", m.row.ID, m.row.Address)))
	}
	for _, f := range fakes {
		f.Word("self", fmt.Sprintf(`{"number":%d,"config":"%x","members":[%s]}`, f.row.ID, version, strings.Join(lines, ",")))
	}
}

// TestFollow: the router learns the servers from one of them, sends clients to
// one that joins, and takes them off one that leaves.
func TestFollow(t *testing.T) {
	one, two, three := newFake(t, 1, "leader"), newFake(t, 2, "follower"), newFake(t, 3, "follower")
	all := []*fake{one, two, three}
	describe(0x100000000, all, one, two)
	servers, version, err := balancer.Discover(t.Context(), []string{"127.0.0.1:1", two.row.Address})
	if err != nil || version != 0x100000000 || len(servers) != 2 || servers[0] != one.row || servers[1] != two.row {
		t.Fatalf("got %v, %x, %v", servers, version, err)
	}
	o := options(servers...)
	o.Follow, o.ConfigVersion = true, version
	b, address := start(t, o)
	awaitState(t, b, 2, "up")
	for range 4 {
		dial(t, address)
	}
	describe(0x100000007, all, one, two, three)
	awaitState(t, b, 3, "up")
	for range 2 {
		dial(t, address)
	}
	if got := clients(b); got[0] != 2 || got[1] != 2 || got[2] != 2 {
		t.Errorf("clients %v, want two each", got)
	}
	describe(0x100000009, all, one, three)
	describe(0x100000003, []*fake{two}, one, two) // one that was away has old news
	processes.Eventually(t, "the clients of server 2 are elsewhere", func() bool {
		got := clients(b)
		return len(got) == 2 && got[0]+got[1] == 6
	})
	if s := state(b, 2); s != "" {
		t.Errorf("server 2 is still %s", s)
	}
}

// TestDiscover: a ZooKeeper tells by the word conf, and what tells nothing is
// named.
func TestDiscover(t *testing.T) {
	zoo := newFake(t, 1, "leader")
	zoo.Word("conf", "clientPort=2181\nserverId=1\nmembership: \nserver.1=10.0.0.1:2888:3888:participant;0.0.0.0:2181\nserver.2=10.0.0.2:2888:3888:participant;10.0.0.2:2182\n")
	servers, version, err := balancer.Discover(t.Context(), []string{zoo.row.Address})
	if err != nil || version != 0 || len(servers) != 2 || servers[0].Address != "10.0.0.1:2181" || servers[1].Address != "10.0.0.2:2182" {
		t.Errorf("got %v, %d, %v", servers, version, err)
	}
	if _, _, err := balancer.Discover(t.Context(), []string{newFake(t, 1, "standalone").row.Address, "127.0.0.1:1"}); !errors.Is(err, balancer.ErrDiscovery) {
		t.Errorf("got %v, want ErrDiscovery", err)
	}
}

// TestStrangerByItsOwnWord: a server that says it has another number is not used.
func TestStrangerByItsOwnWord(t *testing.T) {
	one, two := newFake(t, 1, "leader"), newFake(t, 2, "follower")
	two.Word("self", `{"number":7}`)
	b, _ := start(t, func() balancer.Options { o := options(one.row, two.row); o.Expected = 1; return o }())
	awaitState(t, b, 2, "refused")
}
