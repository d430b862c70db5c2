package sim

import (
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// sends checks a message against what its sender's disk holds (I14): nobody
// says that something is durable or promised before it is.
func (k *checker) sends(s *server, l *simLink, m *zab.Message) {
	h := &s.history
	switch m.Kind {
	case zab.Acknowledge:
		if last := h.durable.last().zxid; m.Zxid > last {
			k.w.fail("server %d acknowledges %s, durable is %s (I14)", s.id, m.Zxid, last)
		}
	case zab.Pong, zab.FollowerInfo:
		if last := h.durable.last().zxid; m.Zxid > last {
			k.w.fail("server %d says it has %s in %s, durable is %s (W1)", s.id, m.Zxid, m.Kind, last)
		}
	case zab.AckEpoch:
		to, _, _ := l.other(s)
		if m.Vote && (h.accepted != m.Epoch || h.promised != to.id) {
			k.w.fail("server %d votes for epoch %d of server %d; its disk says %d of %d (I14)", s.id, m.Epoch, to.id, h.accepted, h.promised)
		}
		if m.Vote {
			k.promised(s, m.Epoch, to.id)
		}
	case zab.NewEpoch:
		if h.accepted != m.Epoch || h.promised != s.id {
			k.w.fail("server %d offers epoch %d; its disk says %d promised to %d (I14)", s.id, m.Epoch, h.accepted, h.promised)
		}
		k.promised(s, m.Epoch, s.id)
	case zab.Proposal:
		l.proposed(s, m)
	default:
	}
}

// proposed counts the records under way on a link.
func (l *simLink) proposed(from *server, m *zab.Message) {
	for _, run := range m.Runs {
		recs, err := record.DecodeAll(run, nil)
		if err != nil {
			from.w.fail("server %d sends records that do not decode: %v", from.id, err)
			return
		}
		for _, r := range recs {
			l.underWay = append(l.underWay, underWay{r.Zxid, len(r.Raw)})
			l.bytes += len(r.Raw)
		}
	}
	if l.bytes > 3*windowBytes { // an older cursor may have a window of its own under way
		from.w.fail("server %d has %d bytes of records under way to one server; the window is %d (I22)", from.id, l.bytes, windowBytes)
	}
}

// underWay is a record that was sent and not acknowledged.
type underWay struct {
	zxid  zxid.Zxid
	bytes int
}

func (l *simLink) acknowledged(z zxid.Zxid) {
	n := 0
	for n < len(l.underWay) && l.underWay[n].zxid <= z {
		l.bytes -= l.underWay[n].bytes
		n++
	}
	l.underWay = l.underWay[n:]
}

// bounds checks what a leader has under way (I22) and that at most one
// configuration is pending (I19).
func (k *checker) bounds(s *server) {
	core := s.replica.Core()
	if len(s.inForce) > 2 {
		k.w.fail("server %d has %d configurations in force (I19)", s.id, len(s.inForce))
	}
	if !core.IsLeader() {
		return
	}
	for _, f := range core.Followers() {
		if f.InFlight > 2*windowBytes {
			k.w.fail("leader %d has %d bytes under way to server %d; the window is %d (I22)", s.id, f.InFlight, f.Server, windowBytes)
		}
	}
}

// wholeStates looks at every server's whole state: no ephemeral znode without
// its session (I18).
func (k *checker) wholeStates() {
	for _, s := range k.w.servers {
		if !s.up {
			continue
		}
		t := s.replica.State().Tree
		owned := 0
		t.ForEachSession(func(session tree.Session) bool {
			for _, p := range t.Ephemerals(session.ID) {
				owned++
				if !s.has(p) {
					k.w.fail("server %d: session %x owns %s, which is not there (I18)", s.id, session.ID, p)
				}
			}
			return true
		})
		if n := t.EphemeralCount(); n != owned {
			k.w.fail("server %d: %d ephemeral znodes, %d of them with a session (I18)", s.id, n, owned)
		}
	}
}

func (s *server) has(path string) bool {
	_, res := s.replica.State().Tree.Read(wire.OpExists, (&wire.PathWatchRequest{Path: []byte(path)}).Append(nil), &tree.Reader{}, nil)
	return res.Err == wire.OK
}
