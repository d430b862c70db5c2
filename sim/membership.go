package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/zabkeeper/zabkeeper/node/replica"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/wire"
)

// reconfigure asks a server for other members: some leave, some join as voters
// or observers. The cluster takes it or refuses.
func (w *World) reconfigure(s *server, r *rand.Rand) {
	if !s.up || !s.serving || w.par.spares == 0 || slices.ContainsFunc(w.servers, func(o *server) bool { return o.damaged }) {
		return // nobody removes voters while a disk waits for its replacement
	}
	var joining, leaving []string
	for _, o := range w.servers {
		switch r.IntN(6) {
		case 0:
			leaving = append(leaving, fmt.Sprint(o.id))
		case 1, 2:
			line := wire.EnsembleServer{Number: uint32(o.id), Host: fmt.Sprintf("s%d", o.id), QuorumPort: 1, ElectionPort: 2, Observer: r.IntN(5) == 0}
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
