package node

import (
	"errors"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
)

// R01, R03: this project's client goes to a server without a leader if it may,
// and on to one with a leader as soon as there is one.
//
// covers: R01, R03
func TestTheClientInReadOnlyMode(t *testing.T) {
	c, left, _ := readOnlyServer(t)
	states := make(chan client.State, 1000)
	o := client.Options{Servers: []string{c.opts[left].ClientAddress}, SessionTimeout: 20 * time.Second, ReadOnly: true,
		OnState: func(s client.StateChange) { states <- s.State }}
	k, err := client.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close(t.Context()) }()
	if s := k.State(); s != client.StateConnectedReadOnly || s.String() != "CONNECTEDREADONLY" {
		t.Errorf("state %v", s)
	}
	if _, _, err := k.Get(t.Context(), "/seen"); err != nil {
		t.Errorf("get: %v", err)
	}
	if _, err := k.Create(t.Context(), "/new", nil, client.CreateOptions{}); !errors.Is(err, client.ErrNotReadOnly) {
		t.Errorf("create: %v", err)
	}
	before := k.SessionID()
	c.start((left + 1) % 3)
	for s := range states {
		if s == client.StateConnected {
			break
		}
	}
	if _, err := k.Create(t.Context(), "/new", nil, client.CreateOptions{}); err != nil {
		t.Errorf("create: %v", err)
	}
	if k.SessionID() == before {
		t.Error("the session of the read-only server goes on")
	}
}

func TestTheClientLeavesAReadOnlyServerForOneWithALeader(t *testing.T) {
	alone := newCluster(t, 1, func(o *Options) { o.FourLetterWords, o.ReadOnly = nil, true })
	alone.awaitServing()
	c, left, _ := readOnlyServer(t)
	states := make(chan client.StateChange, 1000)
	o := client.Options{Servers: []string{c.opts[left].ClientAddress, alone.opts[0].ClientAddress}, ReadOnly: true,
		OnState: func(s client.StateChange) { states <- s }}
	k, err := client.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close(t.Context()) }()
	for s := range states {
		if s.State == client.StateConnected && s.Server == alone.opts[0].ClientAddress {
			return
		}
	}
}
