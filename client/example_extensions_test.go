package client_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/rs/zerolog"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/node"
)

// connectToNode starts a server of zabkeeper and connects to it.
func connectToNode(ctx context.Context) (c *client.Client, stop func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	n, err := node.Open(node.Options{ID: 1, DataDir: dir, Members: []node.Member{{ID: 1, Voter: true}}, ClientAddress: "127.0.0.1:0", Log: zerolog.Nop()})
	if err != nil {
		panic(err)
	}
	c, err = client.Dial(ctx, client.Options{Servers: []string{n.ClientAddr().String()}})
	if err != nil {
		panic(err)
	}
	return c, func() {
		_ = c.Close(ctx)
		_ = n.Close()
		_ = os.RemoveAll(dir)
	}
}

// Parents that are missing are made in the same transaction.
func ExampleClient_Create_parents() {
	ctx := context.Background()
	c, stop := connectToNode(ctx)
	defer stop()

	path, err := c.Create(ctx, "/services/web/host-", []byte("10.0.0.1"), client.CreateOptions{Mode: client.ModeEphemeralSequential, Parents: true})
	fmt.Println(path, err)
	// Output: /services/web/host-0000000000 <nil>
}

// A list of any length is read page by page.
func ExampleClient_AllChildren() {
	ctx := context.Background()
	c, stop := connectToNode(ctx)
	defer stop()
	for _, name := range []string{"blue", "green", "grey", "red"} {
		if _, err := c.Create(ctx, "/colours/"+name, []byte(name), client.CreateOptions{Parents: true}); err != nil {
			fmt.Println(err)
		}
	}

	for child, err := range c.AllChildren(ctx, "/colours", client.PageOptions{Prefix: "gr", Limit: 1000, Stats: true}) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(child.Name, child.Stat.DataLength)
	}
	// Output:
	// green 5
	// grey 4
}

// A subtree goes as a whole, or not at all.
func ExampleClient_DeleteRecursive() {
	ctx := context.Background()
	c, stop := connectToNode(ctx)
	defer stop()
	if _, err := c.Create(ctx, "/tmp/a/b", nil, client.CreateOptions{Parents: true}); err != nil {
		fmt.Println(err)
	}

	_, err := c.DeleteRecursive(ctx, "/tmp", client.AnyVersion, 2)
	fmt.Println(errors.Is(err, client.ErrLimitExceeded), err)
	n, err := c.DeleteRecursive(ctx, "/tmp", client.AnyVersion, client.DeleteLimitDefault)
	fmt.Println(n, err)
	// Output:
	// true deleteRecursive /tmp: more nodes than the limit, nothing was done
	// 3 <nil>
}

// A write that depends on a node being the same one, and on another being
// missing.
func ExampleOps_CheckCzxid() {
	ctx := context.Background()
	c, stop := connectToNode(ctx)
	defer stop()
	_, owner, err := c.Create2(ctx, "/owner", nil, client.CreateOptions{})
	if err != nil {
		fmt.Println(err)
	}

	take := new(client.Ops).CheckCzxid("/owner", owner.Czxid, client.AnyVersion).CheckNotExists("/closed").Create("/taken", nil, client.CreateOptions{})
	_, err = c.Multi(ctx, take)
	fmt.Println(err)
	_, err = c.Multi(ctx, new(client.Ops).CheckNotExists("/taken"))
	fmt.Println(err)
	// Output:
	// <nil>
	// multi /taken: node already exists
}

// A linearizable read needs no sync in front of it.
func ExampleClient_Linearizable() {
	ctx := context.Background()
	c, stop := connectToNode(ctx)
	defer stop()
	if _, err := c.Create(ctx, "/switch", []byte("on"), client.CreateOptions{}); err != nil {
		fmt.Println(err)
	}

	data, _, err := c.Linearizable().Get(ctx, "/switch")
	if errors.Is(err, client.ErrUnsupported) { // a ZooKeeper: the best it has
		if err = c.Sync(ctx, "/switch"); err == nil {
			data, _, err = c.Get(ctx, "/switch")
		}
	}
	fmt.Println(string(data), err)
	// Output: on <nil>
}
