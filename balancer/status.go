package balancer

// ServerStatus is a row of Status.
type ServerStatus struct {
	ID       uint32 `json:"id"`
	Address  string `json:"address"`
	State    string `json:"state"` // up, draining, drained, down or refused
	Role     string `json:"role,omitempty"`
	Zxid     int64  `json:"zxid,omitempty"`
	Clients  int    `json:"clients"`
	Routed   uint64 `json:"routed"`
	Failures uint64 `json:"failures"`
	Problem  string `json:"problem,omitempty"`
}

// Status is what a balancer knows.
type Status struct {
	Serving  bool           `json:"serving"`
	Expected int            `json:"expected"`
	Healthy  int            `json:"healthy"`
	Leader   uint32         `json:"leader,omitempty"` // its number; 0 when nobody is known to lead
	Clients  int            `json:"clients"`
	Sessions int            `json:"sessions"` // remembered
	Refused  uint64         `json:"refused"`  // connections that found no server
	Servers  []ServerStatus `json:"servers"`
}

// Status returns what b knows at the moment.
func (b *Balancer) Status() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	st := Status{Serving: b.serving, Expected: b.o.Expected, Sessions: len(b.sessions.known), Refused: b.refused}
	newest := int64(-1)
	for _, s := range b.backends {
		row := ServerStatus{ID: s.id, Address: s.address, State: s.state(), Role: s.role, Zxid: s.zxid, Clients: len(s.conns),
			Routed: s.routed, Failures: s.failures, Problem: s.problem}
		st.Clients += row.Clients
		if s.healthy {
			st.Healthy++
		}
		// Two may believe that they lead for a moment; the newer one is right.
		if (s.role == "leader" || s.role == "standalone") && s.zxid > newest {
			st.Leader, newest = s.id, s.zxid
		}
		st.Servers = append(st.Servers, row)
	}
	return st
}

func (s *backend) state() string {
	switch {
	case s.refused:
		return "refused"
	case !s.healthy:
		return "down"
	case s.draining && len(s.conns) > 0:
		return "draining"
	case s.draining:
		return "drained"
	}
	return "up"
}
