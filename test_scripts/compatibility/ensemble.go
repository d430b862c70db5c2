package compatibility

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// EnsembleSize is how many servers an ensemble has.
const EnsembleSize = 3

// EnsemblePorts is how many ports an ensemble needs.
const EnsemblePorts = 3 * EnsembleSize

// StartEnsemble starts three servers of zabkeeper that are one cluster, on
// EnsemblePorts ports, and waits until all of them serve. The last so many are
// observers.
func StartEnsemble(binary, dir string, ports []int, observers int) ([]*Server, error) {
	var lines strings.Builder
	for i := range EnsembleSize {
		p, role := ports[3*i:], "participant"
		if i >= EnsembleSize-observers {
			role = "observer"
		}
		fmt.Fprintf(&lines, "server.%d=127.0.0.1:%d:%d:%s;127.0.0.1:%d\n", i+1, p[1], p[2], role, p[0])
	}
	var servers []*Server
	for i := range EnsembleSize {
		own := filepath.Join(dir, strconv.Itoa(i+1))
		s, err := newZabkeeper(binary, own, ports[3*i], Configuration{Lines: lines.String()})
		if err != nil {
			return servers, err
		}
		if err := os.WriteFile(filepath.Join(own, "data", "myid"), []byte(strconv.Itoa(i+1)), 0o644); err != nil {
			return servers, fmt.Errorf("ensemble: %w", err)
		}
		if err := s.launch(); err != nil {
			return servers, err
		}
		servers = append(servers, s)
	}
	// Founding needs everybody, so none of them is waited for before all run.
	for _, s := range servers {
		if err := s.await(); err != nil {
			return servers, err
		}
	}
	return servers, nil
}

// Several is servers of one ensemble as one: every connection goes to the next.
// It is not started or killed.
func Several(members []*Server) *Server {
	return &Server{Name: "three servers", Address: members[0].Address, members: members}
}

// next is where the next connection goes.
func (s *Server) next() string {
	if len(s.members) == 0 {
		return s.Address
	}
	return s.members[int(s.turn.Add(1)-1)%len(s.members)].Address
}

// reached notes what a reply has shown.
func (s *Server) reached(zxid int64) {
	for now := s.latest.Load(); len(s.members) > 0 && zxid > now; now = s.latest.Load() {
		if s.latest.CompareAndSwap(now, zxid) {
			return
		}
	}
}
