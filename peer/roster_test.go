package peer

import (
	"errors"
	"testing"

	"github.com/zabkeeper/zabkeeper/election"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// TestGuest: a server that is no peer is let in where it introduces itself, is
// spoken to once it is a peer, and is not any more when it has left.
func TestGuest(t *testing.T) {
	s := cluster(t, 3)
	all := s[0].opt.Peers
	s[0].opt.Peers = all[:2]
	s[0].opt.Guest = func(h *Hello) error {
		if h.Row != "server.3=here" {
			return errors.New("who is that?")
		}
		return nil
	}
	s[2].opt.Row = "server.3=here"
	s[0].start(t)
	s[2].start(t)
	if h := <-s[0].hellos; h.Server != 3 || h.Refused != nil || h.Row != "server.3=here" {
		t.Fatalf("the guest's hello: got %+v", h)
	}
	s[2].Dial(1)
	if got := <-s[0].ups; got.peer != 3 {
		t.Errorf("a link of server %d, want 3", got.peer)
	}
	s[0].SetPeers(all)
	for round := uint64(1); len(s[2].election) == 0; round++ { // what is sent too early is lost
		s[0].SendElection(3, &election.Message{Kind: election.Election, From: 1, Round: round})
	}
	s[0].SetPeers(all[:2])
	if got := <-s[2].gone; got != 1 {
		t.Errorf("server %d is not heard any more, want 1", got)
	}
}

// TestStrangerIsRefused: without a row nobody who is unknown gets in, and it is
// told why.
func TestStrangerIsRefused(t *testing.T) {
	s := cluster(t, 2)
	s[0].opt.Peers = nil
	s[0].opt.Guest = func(*Hello) error { return errors.New("nobody is let in") }
	s[0].start(t)
	s[1].start(t)
	if h := <-s[0].hellos; !errors.Is(h.Refused, ErrHello) {
		t.Errorf("got %+v, want it refused", h)
	}
	if h := <-s[1].hellos; h.Refused == nil || h.Server != 1 {
		t.Errorf("the stranger was told %+v", h)
	}
}

// TestPeerElsewhere: where a server is not at its first address, the others are
// tried.
func TestPeerElsewhere(t *testing.T) {
	s := cluster(t, 2)
	at := s[0].opt.Peers[1]
	nowhere := listenLoopback(t)
	_ = nowhere.Close()
	s[0].opt.Peers = []Peer{{ID: 2, ServerAddress: nowhere.Addr().String(), LeaderAddress: nowhere.Addr().String(),
		Elsewhere: []Place{{at.ServerAddress, at.LeaderAddress}}}}
	s[0].start(t)
	s[1].start(t)
	s[0].Dial(2)
	if got := <-s[0].ups; got.peer != 2 {
		t.Errorf("got a link of %d, want 2", got.peer)
	}
	for round := uint64(1); len(s[1].election) == 0; round++ {
		s[0].SendElection(2, &election.Message{Kind: election.Election, From: 1, Round: round})
	}
	if m := <-s[1].election; m.From != zxid.ServerID(1) {
		t.Errorf("got a message of %d", m.From)
	}
}
