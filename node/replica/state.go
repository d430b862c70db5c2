package replica

import (
	"fmt"

	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/zab"
	"github.com/zabkeeper/zabkeeper/zab/record"
	"github.com/zabkeeper/zabkeeper/zab/zxid"
)

// State is the replicated state as of one record, with what a snapshot has to
// say about the history up to there. Restart, live traffic and the simulator
// all change it through Apply; there is no second way.
type State struct {
	Tree  *tree.Tree
	Zxid  zxid.Zxid
	Chain uint64
	Spans []record.Span
	// Config is the configuration in force at Zxid as its record carried it,
	// and ConfigZxid that record; nil before the first one.
	Config     []byte
	ConfigZxid zxid.Zxid

	// Watches fires while transactions are applied; nil where nobody watches.
	Watches *tree.WatchRegistry

	txn tree.Transaction
	res tree.Result
}

// NewState returns the state before the first record.
func NewState() *State { return &State{Tree: tree.New()} }

// Apply applies one committed record. The outcome is valid until the next call;
// it is nil for records that are not transactions.
func (s *State) Apply(r record.Record, sink tree.EventSink) (*tree.Transaction, *tree.Result) {
	if !r.Zxid.Follows(s.Zxid) {
		// Behind the condition, so that the hot path allocates no arguments.
		assert(false, "record %s applied after %s", r.Zxid, s.Zxid)
	}
	s.Zxid, s.Chain = r.Zxid, r.Chain
	s.Spans = record.ExtendSpans(s.Spans, r.Zxid)
	switch r.Kind {
	case record.Transaction:
		if err := tree.DecodeTransaction(r.Body(), &s.txn); err != nil {
			// Nothing malformed is ever proposed; if it is there, every replica
			// skips it alike.
			s.Tree.SetLastApplied(r.Zxid)
			return nil, nil
		}
		s.Tree.Apply(r.Zxid, &s.txn, s.Watches, sink, &s.res)
		return &s.txn, &s.res
	case record.Epoch, record.Config:
		if len(r.Body()) == 0 {
			s.Tree.SetLastApplied(r.Zxid)
			return nil, nil
		}
		return s.applyConfig(r, sink)
	}
	return nil, nil
}

// foresee prepares the processor for the records that are applied next.
func (s *State) foresee(next []record.Record) {
	var bodies [tree.ForesightMost][]byte
	n := 0
	for _, r := range next[:min(len(next), len(bodies))] {
		if r.Kind == record.Transaction {
			bodies[n] = r.Body()
			n++
		}
	}
	s.Tree.Foresee(bodies[:n])
}

// applyConfig makes the configuration in r visible to clients. The outcome is
// for the client that asked for it, where one did.
func (s *State) applyConfig(r record.Record, sink tree.EventSink) (*tree.Transaction, *tree.Result) {
	s.Config, s.ConfigZxid = append([]byte(nil), r.Body()...), r.Zxid
	cfg, err := zab.DecodeConfiguration(s.Config)
	assert(err == nil, "configuration at %s: %v", s.ConfigZxid, err)
	s.txn = tree.Transaction{Op: tree.OpSetConfig, Origin: cfg.Origin, Request: cfg.Request, Body: configText(cfg, r.Zxid)}
	s.Tree.Apply(r.Zxid, &s.txn, s.Watches, sink, &s.res)
	if cfg.Origin == 0 {
		return nil, nil
	}
	return &s.txn, &s.res
}

// configText is the content of /zookeeper/config: a line per member and the
// version. A server on its own, which has no address for others, shows none.
func configText(cfg *zab.Configuration, at zxid.Zxid) []byte {
	var b []byte
	if len(cfg.Members) > 1 || cfg.Members[0].Address != "" {
		for _, m := range cfg.Members {
			b = fmt.Appendf(b, "server.%d=%s\n", m.ID, m.Address)
		}
		b = fmt.Appendf(b, "version=%x", uint64(at))
	}
	return b
}

func assert(ok bool, format string, args ...any) {
	if !ok {
		panic("replica: " + fmt.Sprintf(format, args...))
	}
}
