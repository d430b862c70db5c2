package sim

import (
	"fmt"
	"strings"

	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
)

// reconfigure asks a server for other members: some leave, some join as voters
// or observers. The cluster takes it or refuses.
func (w *World) reconfigure(s *server) {
	if !s.up || !s.serving || w.opt.Spares == 0 {
		return
	}
	var joining, leaving []string
	for _, o := range w.servers {
		switch w.proc.IntN(6) {
		case 0:
			leaving = append(leaving, fmt.Sprint(o.id))
		case 1, 2:
			line := wire.EnsembleServer{Number: uint32(o.id), Host: fmt.Sprintf("s%d", o.id), QuorumPort: 1, ElectionPort: 2, Observer: w.proc.IntN(5) == 0}
			joining = append(joining, line.Line())
		}
	}
	s.nextRequest++
	req := wire.ReconfigRequest{Joining: []byte(strings.Join(joining, ",")), Leaving: []byte(strings.Join(leaving, ",")), ConfigID: -1}
	txn := tree.AppendTransaction(nil, &tree.Transaction{Op: tree.OpReconfig, Settings: tree.SettingOperator, Origin: s.id, Request: s.nextRequest, Body: req.Append(nil)})
	w.trace("server %d is asked to let %v join and %v leave", s.id, joining, leaving)
	s.input(func() { s.replica.Submit(txn) })
}

func reconfigOptions() replica.Reconfig { return replica.Reconfig{Enabled: true} }

// wipe empties a data directory, as long as the others can count without it: a
// lost directory is a lost disk, and the model allows a minority of those at a
// time.
func (w *World) wipe(s *server) {
	if len(w.servers) == 1 {
		return
	}
	for _, o := range w.servers {
		if o == s {
			continue
		}
		if !o.up || o.replica.Core().Configuration() == nil {
			return
		}
		for _, cfg := range o.replica.Core().InForce(nil) {
			others := 0
			for _, m := range cfg.Members {
				p := w.servers[m.ID-1]
				if !m.Voter || p == s {
					continue
				}
				if m.Incarnation != p.identity() {
					return
				}
				others++
			}
			if others <= len(cfg.Voters())/2 {
				return
			}
		}
	}
	w.crash(s)
	w.trace("server %d loses its data directory", s.id)
	s.fs = vfs.NewMemory()
	s.incarnation++
	s.joins = w.opt.Servers == 1
}
