package sim

import (
	"slices"
	"strconv"
	"strings"

	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// watch is what a client watches on its connection, as of what it read.
type watch struct {
	path  string
	mzxid int64
}

func (c *client) watcher() tree.WatcherID { return tree.WatcherID(uint64(c.n)<<32 | c.attempt) }

// read looks at the server's own state: what the session was shown before must
// be in it, the two accounts have their sum, and a watched znode has not changed
// unheard.
func (c *client) read() {
	c.busy = false
	c.done++
	s := c.at
	if z := s.replica.State().Zxid; z < c.lastZxid {
		c.w.fail("client %d on server %d: a read shows %s after %s (I23)", c.n, s.id, z, c.lastZxid)
	} else {
		c.lastZxid = z
	}
	if own, _ := s.number(c.path()); own < c.acked || own > c.tried {
		c.w.fail("client %d on server %d reads %d of its own; %d was answered, %d sent (I21)", c.n, s.id, own, c.acked, c.tried)
	}
	a, _ := s.number("/bank-a")
	b, _ := s.number("/bank-b")
	if a+b != 0 {
		c.w.fail("client %d on server %d: the accounts are %d and %d; nothing was ever paid in", c.n, s.id, a, b)
	}
	path := "/shared"
	if c.w.cli.IntN(2) == 0 {
		path = c.path()
	}
	_, stat, kind := s.get(path)
	if c.watching.path == path && stat.Mzxid != c.watching.mzxid {
		c.w.fail("client %d on server %d sees %s as of %x and never heard that it changed since %x", c.n, s.id, path, stat.Mzxid, c.watching.mzxid)
	}
	if c.watching.path == "" {
		c.watching = watch{path, stat.Mzxid}
		s.replica.State().Watches.Add(c.watcher(), kind, []byte(path))
	}
}

// watchFired tells a client of a change.
func (w *World) watchFired(id tree.WatcherID, ev *tree.Event) {
	c := w.clients[id>>32]
	if c.at == nil || c.watcher() != id {
		w.fail("a watch on %s fires for client %d on a connection that is gone", ev.Path, c.n)
		return
	}
	if c.watching.path != ev.Path {
		w.fail("client %d hears of %s and watches %q", c.n, ev.Path, c.watching.path)
	}
	c.watching = watch{}
}

// get reads a znode of the server's own state.
func (s *server) get(path string) (data string, stat wire.Stat, kind tree.WatchKind) {
	body := (&wire.PathWatchRequest{Path: []byte(path), Watch: true}).Append(nil)
	b, res := s.replica.State().Tree.Read(wire.OpGetData, body, &tree.Reader{}, nil)
	if res.Err == wire.OK {
		r := wire.NewReader(b)
		data = string(r.Buffer())
		stat.Decode(&r)
	}
	return data, stat, res.Watch
}

// number reads a znode that holds a number, and its version.
func (s *server) number(path string) (n int, version int32) {
	data, stat, _ := s.get(path)
	n, _ = strconv.Atoi(data)
	return n, stat.Version
}

// sharedVersion reads the shared counter's version on a server.
func (w *World) sharedVersion(s *server) int32 {
	_, version := s.number("/shared")
	return version
}

// lock is a client's place in the queue for the lock.
type lock struct {
	path  string
	token zxid.Zxid // of its create: what the resource compares
	held  bool
}

// claim is what a client takes for granted when it holds the lock.
type claim struct {
	token zxid.Zxid
	seen  zxid.Zxid // the state in which it was first in the queue
}

// useLock queues up, looks whether it is this client's turn, or lets go.
func (c *client) useLock() {
	switch {
	case c.lock.path == "":
		c.create("lock", "/locks/lock-", "", wire.FlagEphemeralSequential)
	case c.lock.held:
		c.send("release", 0, tree.OpDelete, (&wire.PathVersionRequest{Path: []byte(c.lock.path), Version: -1}).Append(nil))
	default:
		c.sync("look at lock")
	}
}

// lookAtLock decides who is first in the queue. Tokens only ever grow: whoever
// is first in a later state queued up later.
func (c *client) lookAtLock(s *server) {
	body := (&wire.PathWatchRequest{Path: []byte("/locks")}).Append(nil)
	b, res := s.replica.State().Tree.Read(wire.OpGetChildren, body, &tree.Reader{}, nil)
	if res.Err != wire.OK {
		return
	}
	r := wire.NewReader(b)
	var names []string
	for range r.Int() {
		names = append(names, string(r.Buffer()))
	}
	first := len(names) > 0 && strings.HasSuffix(c.lock.path, "/"+slices.Min(names))
	if !first {
		return
	}
	c.lock.held = true
	at, k := s.replica.State().Zxid, c.w.check
	if at >= k.claimed.seen && c.lock.token < k.claimed.token {
		c.w.fail("client %d holds the lock by token %s at %s; %s held it at %s", c.n, c.lock.token, at, k.claimed.token, k.claimed.seen)
	}
	if at >= k.claimed.seen {
		k.claimed = claim{c.lock.token, at}
	}
}
