package compatibility

import (
	"bytes"

	"github.com/zabkeeper/zabkeeper/wire"
)

// An intendedDifference is something in which zabkeeper follows a later
// ZooKeeper than 3.8.0, or leaves a fault of ZooKeeper out. Everything else must
// be equal.
//
// These are left out of the sequences, because ZooKeeper's state or the
// connection would go on differently; the conformance rows have zabkeeper's side:
//
//   - several watch modes of one client on one path, and WatcherType 4 and 5,
//     which are as in 3.9 (W17, W19);
//   - IPv6 in ACLs, as since 3.9.4 (A10b);
//   - a wrong password while the session is connected, which leaves the
//     legitimate connection alone (C10);
//   - createSession and deleteContainer from a client, createTTL without a TTL
//     flag and createContainer with flags 1 to 3, which are refused;
//   - an invalid create flag in a multi, which refuses the whole, as since 3.9;
//   - several requests at once behind a setACL, which ZooKeeper may judge by the
//     old ACL, and hard quotas, which it judges without what is under way (U03b);
//   - an auth packet that lacks bytes, which is answered with -5 like any other
//     request, and sasl;
//   - check outside of a multi: ZooKeeper writes a transaction that it cannot read,
//     and does not start any more (D20);
//   - addWatch with a null path, after which ZooKeeper never closes the connection.
type intendedDifference struct {
	reason string
	// applies judges the next observation of each server; nil where there is none
	// left. skipA and skipB are how many of them it accounts for.
	applies func(s *step, a, b *observation) (skipA, skipB int)
}

func both(ok bool) (int, int) {
	if ok {
		return 1, 1
	}
	return 0, 0
}

func replies(a, b *observation) bool {
	return a != nil && b != nil && a.what == "reply" && b.what == "reply" && a.req == b.req && a.reply.Xid == b.reply.Xid
}

var intendedDifferences = []intendedDifference{
	{"create2 in a multi answers with a Stat, as since 3.8.2", func(_ *step, a, b *observation) (int, int) {
		return both(replies(a, b) && a.req.op == wire.OpMulti && equalWithoutStat(a, b))
	}},
	{"a refused multiRead is answered by a header alone, without an empty list of results", func(_ *step, a, b *observation) (int, int) {
		return both(replies(a, b) && a.req.op == wire.OpMultiRead && a.reply.Err == wire.ErrMarshalling &&
			b.reply.Err == wire.ErrMarshalling && len(b.reply.Body) == 0)
	}},
	{"exists needs READ, as since 3.8.4", func(_ *step, a, b *observation) (int, int) {
		return both(replies(a, b) && a.req.op == wire.OpExists && a.reply.Err == wire.OK && b.reply.Err == wire.ErrNoAuth)
	}},
	{"setWatches does not tell about nodes that the client may not read", func(s *step, a, _ *observation) (int, int) {
		if a == nil || a.what != "event" || !s.has(wire.OpSetWatches, wire.OpSetWatches2) {
			return 0, 0
		}
		var ev wire.WatcherEvent
		r := wire.NewReader(a.reply.Body)
		if ev.Decode(&r); secret(string(ev.Path)) {
			return 1, 0
		}
		return 0, 0
	}},
	{"checkWatches asks about the own connection's watches, as since 3.9.0", func(_ *step, a, b *observation) (int, int) {
		return both(replies(a, b) && a.req.op == wire.OpCheckWatches && a.reply.Err == wire.OK && b.reply.Err == wire.ErrNoWatcher)
	}},
	{"a TTL flag without a time to live fails in its place in a multi, with -8 as it does outside", func(_ *step, a, b *observation) (int, int) {
		return both(replies(a, b) && a.req.tags&tagMisplacedTTL != 0 && a.reply.Err == wire.ErrMarshalling && b.reply.Err == wire.OK)
	}},
	{"text is UTF-8; ZooKeeper echoes a character beyond the basic plane as two surrogates", func(_ *step, a, b *observation) (int, int) {
		return both(replies(a, b) && a.req.op == wire.OpSync && bytes.ContainsRune(a.req.body, '\U0001F600') && a.reply.Err == b.reply.Err &&
			bytes.ContainsRune(b.reply.Body, '\U0001F600'))
	}},
	{"nothing behind a closeSession is answered; ZooKeeper is sometimes fast enough to refuse it", func(s *step, a, b *observation) (int, int) {
		const emptyMultiBytes = 9 // the only write that it may still carry out
		if s.has(wire.OpCloseSession) && a != nil && a.what == "reply" && (!a.writes() || len(a.reply.Body) == emptyMultiBytes) && b != nil && b.what == "closed" {
			return 1, 0
		}
		return 0, 0
	}},
	{"a session that moves ends its old connection; ZooKeeper forgets it when the one before was closed only just then", func(s *step, a, b *observation) (int, int) {
		return both(s.kind == stepSteal && a != nil && b != nil && a.what == "old connection silent" && b.what == "old connection closed")
	}},
	{"the empty path is no name of the root", func(_ *step, a, b *observation) (int, int) {
		return both(replies(a, b) && a.req.tags&tagEmptyPath != 0 && a.reply.Err == wire.OK && b.reply.Err == wire.ErrNoNode)
	}},
	{"addWatch refuses a malformed path", func(_ *step, a, b *observation) (int, int) {
		return both(replies(a, b) && a.req.tags&tagBadWatchPath != 0 && a.reply.Err == wire.OK && b.reply.Err == wire.ErrBadArguments)
	}},
	{"only servers delete containers", func(_ *step, a, b *observation) (int, int) {
		refused := b != nil && b.what == "reply" && b.req.tags&tagUnanswered != 0 && b.reply.Err == wire.ErrUnimplemented
		return both(refused && a != nil && a.what == "reply")
	}},
	{"and the refused request has a reply", func(_ *step, a, b *observation) (int, int) {
		if b != nil && b.what == "reply" && b.req.tags&tagUnanswered != 0 && b.reply.Err == wire.ErrUnimplemented && a != nil && a.what == "silent" {
			return 0, 1
		}
		return 0, 0
	}},
	{"which then ends the connection", func(s *step, a, b *observation) (int, int) {
		return both(s.has(wire.OpDeleteContainer) && a != nil && b != nil && a.what == "silent" && b.what == "closed")
	}},
}

// intended names the reason for a difference, or nothing.
func intended(s *step, a, b []observation) (reason string, skipA, skipB int) {
	var x, y *observation
	if len(a) > 0 {
		x = &a[0]
	}
	if len(b) > 0 {
		y = &b[0]
	}
	for i := range intendedDifferences {
		d := &intendedDifferences[i]
		if skipA, skipB := d.applies(s, x, y); skipA+skipB > 0 {
			return d.reason, skipA, skipB
		}
	}
	return "", 0, 0
}

// equalWithoutStat compares the results of two multis as paths and errors alone.
func equalWithoutStat(a, b *observation) bool {
	type result struct {
		path []byte
		err  wire.ErrorCode
		data bool
	}
	list := func(o *observation) (all []result) {
		_ = wire.DecodeMultiResponse(o.reply.Body, func(res *wire.MultiResult) {
			all = append(all, result{path: bytes.Clone(res.Path), err: res.Err, data: res.Type == wire.OpSetData})
		})
		return all
	}
	x, y := list(a), list(b)
	if len(x) != len(y) || a.reply.Err != b.reply.Err {
		return false
	}
	for i := range x {
		if !bytes.Equal(x[i].path, y[i].path) || x[i].err != y[i].err || x[i].data != y[i].data {
			return false
		}
	}
	return len(x) > 0
}
