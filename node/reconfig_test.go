package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func reconfigurable(o *Options) {
	o.Reconfig, o.Operators = replica.Reconfig{Enabled: true}, loopback
}

func reconfig(t *testing.T, k *client.Client, r client.Reconfig) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	text, _, err := k.Reconfig(ctx, r)
	return text, err
}

func (c *cluster) leaderIs() int {
	for i, n := range c.nodes {
		if n != nil && n.roleText.Load().mode == "leader" {
			return i
		}
	}
	return -1
}

// TestReconfigIsRefused has the errors of row G07, in their order.
// covers: G07
func TestReconfigIsRefused(t *testing.T) {
	c := newCluster(t, 3, reconfigurable)
	c.awaitServing()
	k := c.dial(client.Options{})
	row := func(n int) string {
		return fmt.Sprintf("server.%d=127.0.0.1:%d:%d;%d", n, 7000+3*n, 7001+3*n, 7002+3*n)
	}
	for name, r := range map[string]struct {
		change client.Reconfig
		want   error
	}{
		"another version":              {client.Reconfig{Leaving: []string{"3"}, IfConfig: 5}, client.ErrBadVersion},
		"no line":                      {client.Reconfig{Joining: []string{"server.4"}, IfConfig: client.AnyConfig}, client.ErrBadArguments},
		"no number":                    {client.Reconfig{Leaving: []string{"x"}, IfConfig: client.AnyConfig}, client.ErrBadArguments},
		"nobody is left":               {client.Reconfig{Leaving: []string{"1", "2", "3"}, IfConfig: client.AnyConfig}, client.ErrBadArguments},
		"observers alone":              {client.Reconfig{Members: []string{"server.4=127.0.0.1:7000:7001:observer"}, IfConfig: client.AnyConfig}, client.ErrBadArguments},
		"the same address twice":       {client.Reconfig{Joining: []string{row(4), strings.Replace(row(4), "server.4", "server.5", 1)}, IfConfig: client.AnyConfig}, client.ErrBadArguments},
		"the same number twice":        {client.Reconfig{Joining: []string{row(4), strings.Replace(row(5), "server.5", "server.4", 1)}, IfConfig: client.AnyConfig}, client.ErrBadArguments},
		"a list and a change":          {client.Reconfig{Joining: []string{row(4)}, Members: []string{row(5)}, IfConfig: client.AnyConfig}, client.ErrBadArguments},
		"servers that nobody has seen": {client.Reconfig{Joining: []string{row(4), row(5), row(6), row(7)}, IfConfig: client.AnyConfig}, client.ErrNewConfigNoQuorum},
	} {
		if _, err := reconfig(t, k, r.change); !errors.Is(err, r.want) {
			t.Errorf("%s: got %v, want %v", name, err, r.want)
		}
	}
	_, stat, err := k.GetConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := reconfig(t, k, client.Reconfig{Leaving: []string{"9"}, IfConfig: stat.Mzxid})
	if err != nil || !strings.Contains(text, "server.3=") {
		t.Errorf("a change of nothing at the right version: %q, %v", text, err)
	}
}

// TestReconfigNeedsPermission: without an address among the operators WRITE on
// /zookeeper/config is needed, which the super user has.
func TestReconfigNeedsPermission(t *testing.T) {
	c := newCluster(t, 3, reconfigurable, func(o *Options) {
		o.Operators = nil
		o.Auth.SuperDigest = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=" // super:test
	})
	c.awaitServing()
	leader := c.leaderIs()
	k := c.dialServer(leader)
	third := fmt.Sprint((leader+1)%3 + 1)
	if _, err := reconfig(t, k, client.Reconfig{Leaving: []string{third}, IfConfig: client.AnyConfig}); !errors.Is(err, client.ErrNoAuth) {
		t.Errorf("got %v, want no permission", err)
	}
	if err := k.AddAuth(t.Context(), "digest", []byte("super:test")); err != nil {
		t.Fatal(err)
	}
	if text, err := reconfig(t, k, client.Reconfig{Leaving: []string{third}, IfConfig: client.AnyConfig}); err != nil || strings.Contains(text, "server."+third+"=") {
		t.Errorf("as super user: %q, %v", text, err)
	}
}

func TestReconfigSwitchedOffAndAlone(t *testing.T) {
	off := newCluster(t, 3)
	off.awaitServing()
	if _, err := reconfig(t, off.dial(client.Options{}), client.Reconfig{Leaving: []string{"3"}, IfConfig: client.AnyConfig}); !errors.Is(err, client.ErrReconfigDisabled) {
		t.Errorf("switched off: got %v", err)
	}
	alone := newCluster(t, 1, reconfigurable, func(o *Options) {
		o.Members = []Member{{ID: 1, Voter: true}}
	})
	alone.awaitServing()
	if _, err := reconfig(t, alone.dial(client.Options{}), client.Reconfig{Leaving: []string{"1"}, IfConfig: client.AnyConfig}); !errors.Is(err, wire.ErrUnimplemented) {
		t.Errorf("a server on its own: got %v", err)
	}
}

// TestRemovedServerLetsItsClientsGo: the answer to the reconfig comes, then the
// clients of the removed server are on another one, the leader's too.
// covers: G06
func TestRemovedServerLetsItsClientsGo(t *testing.T) {
	c := newCluster(t, 3, reconfigurable)
	c.awaitServing()
	leader := c.leaderIs()
	k := c.dialServer(leader)
	other := c.dial(client.Options{})
	text, err := reconfig(t, k, client.Reconfig{Leaving: []string{fmt.Sprint(leader + 1)}, IfConfig: client.AnyConfig})
	if err != nil && !errors.Is(err, client.ErrConnectionLoss) || err == nil && strings.Contains(text, fmt.Sprintf("server.%d=", leader+1)) {
		t.Fatalf("got %q, %v", text, err)
	}
	eventually(t, "the removed leader serves nobody", func() bool { return !c.nodes[leader].Serving() })
	eventually(t, "a client that knows all servers writes", func() bool {
		_, err := other.Create(t.Context(), "/after", nil, client.CreateOptions{})
		return err == nil || errors.Is(err, client.ErrNodeExists)
	})
	if l := c.leaderIs(); l == leader || l < 0 {
		t.Errorf("server %d leads", l+1)
	}
	// It is let in again as it is.
	row := c.opts[leader].own().Row
	back := fmt.Sprintf("server.%d=%s", leader+1, row)
	eventually(t, "the server is a member again", func() bool {
		_, err := reconfig(t, other, client.Reconfig{Joining: []string{back}, IfConfig: client.AnyConfig})
		return err == nil
	})
	eventually(t, "it serves again", func() bool { return c.nodes[leader].Serving() })
}

// TestObserverIsPromotedAndDemoted: a server that joins can serve without a vote,
// get one, and lose it again.
// covers: G08
func TestObserverIsPromotedAndDemoted(t *testing.T) {
	c := newCluster(t, 3, reconfigurable)
	c.awaitServing()
	ports := processes.FreePorts(t, 3)
	own := Member{ID: 4, Voter: true, ServerAddress: fmt.Sprintf("127.0.0.1:%d", ports[0]), LeaderAddress: fmt.Sprintf("127.0.0.1:%d", ports[1]),
		Row: fmt.Sprintf("127.0.0.1:%d:%d:participant;127.0.0.1:%d", ports[1], ports[0], ports[2])}
	o := c.opts[0]
	o.ID, o.Joining, o.TableHash, o.DataDir, o.ClientAddress = zxid.ServerID(4), own, 0, t.TempDir(), fmt.Sprintf("127.0.0.1:%d", ports[2])
	c.opts = append(c.opts, o)
	c.nodes = append(c.nodes, nil)
	c.start(3)
	c.awaitServing()
	k := c.dialServer(3) // what it is asked goes to the leader
	line := "server.4=" + own.Row
	observer := strings.Replace(line, "participant", "observer", 1)
	for _, step := range []struct{ line, mode string }{{observer, "observer"}, {line, "follower"}, {observer, "observer"}, {line, "follower"}} {
		text, err := reconfig(t, k, client.Reconfig{Joining: []string{step.line}, IfConfig: client.AnyConfig})
		if err != nil || !strings.Contains(text, step.line) {
			t.Fatalf("%s: %q, %v", step.mode, text, err)
		}
		eventually(t, "server 4 is "+step.mode, func() bool { return c.nodes[3].roleText.Load().mode == step.mode })
	}
	// It votes: without two of the four the rest has no majority but with it.
	leader := c.leaderIs()
	for i := range 3 {
		if i != leader {
			c.stop(i)
			break
		}
	}
	eventually(t, "three of four take a write", func() bool {
		_, err := k.Create(t.Context(), "/voted", nil, client.CreateOptions{})
		return err == nil || errors.Is(err, client.ErrNodeExists)
	})
}
