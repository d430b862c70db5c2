package client_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/zabkeeper/zabkeeper/client"
	"github.com/zabkeeper/zabkeeper/client/clienttest"
)

// connect is what a program does, except that its Options name real Servers and
// no Dialer.
func connect(ctx context.Context) *client.Client {
	c, err := client.Dial(ctx, client.Options{Servers: []string{"localhost:2181"}, Dialer: clienttest.New().Dial})
	if err != nil {
		panic(err)
	}
	return c
}

func ExampleClient_Create() {
	ctx := context.Background()
	c := connect(ctx)
	defer c.Close(ctx)

	for range 2 {
		path, err := c.Create(ctx, "/jobs", []byte("queue"), client.CreateOptions{})
		switch {
		case errors.Is(err, client.ErrNodeExists):
			fmt.Println("somebody made it:", err)
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Println("created", path)
		}
	}
	path, err := c.Create(ctx, "/jobs/job-", nil, client.CreateOptions{Mode: client.ModeEphemeralSequential})
	fmt.Println(path, err)
	// Output:
	// created /jobs
	// somebody made it: create /jobs: node already exists
	// /jobs/job-0000000000 <nil>
}

// A write that depends on what was read is repeated when somebody else was
// faster.
func ExampleClient_Set() {
	ctx := context.Background()
	c := connect(ctx)
	defer c.Close(ctx)
	if _, err := c.Create(ctx, "/counter", []byte{41}, client.CreateOptions{}); err != nil {
		fmt.Println(err)
	}

	for {
		data, stat, err := c.Get(ctx, "/counter")
		if err != nil {
			fmt.Println(err)
			return
		}
		data[0]++
		_, err = c.Set(ctx, "/counter", data, stat.Version)
		if errors.Is(err, client.ErrBadVersion) {
			continue
		}
		fmt.Println(data[0], err)
		return
	}
	// Output: 42 <nil>
}

func ExampleClient_Multi() {
	ctx := context.Background()
	c := connect(ctx)
	defer c.Close(ctx)

	move := new(client.Ops).Create("/to", []byte("it"), client.CreateOptions{}).Delete("/from", client.AnyVersion)
	_, err := c.Multi(ctx, move)
	fmt.Println(err)
	_, found, err := c.Exists(ctx, "/to")
	fmt.Println(found, err)
	// Output:
	// multi /from: node does not exist
	// false <nil>
}

func ExampleClient_AddWatch() {
	ctx := context.Background()
	c := connect(ctx)
	defer c.Close(ctx)

	w, err := c.AddWatch(ctx, "/", client.Recursive)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err = c.Create(ctx, "/a", nil, client.CreateOptions{}); err != nil {
		fmt.Println(err)
	}
	switch e := <-w.Events(); e.Type {
	case client.EventCreated:
		fmt.Println("created", e.Path)
	case client.EventResync:
		fmt.Println("events may be missing: read everything again")
	}
	fmt.Println(w.Close(ctx))
	// Output:
	// created /a
	// <nil>
}
