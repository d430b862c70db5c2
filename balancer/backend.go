package balancer

// backend is what is known of a server. Balancer.mu guards everything below
// address.
type backend struct {
	id      uint32
	address string
	gone    chan struct{} // closed when the server has left the cluster

	healthy  bool
	refused  bool // it answers with another number
	draining bool
	role     string
	zxid     int64
	problem  string // why it is not healthy
	misses   int    // probes without an answer, in a row
	conns    map[*relay]struct{}
	routed   uint64 // connections, ever
	failures uint64 // how often it went from healthy to not
}

func (b *Balancer) newBackend(s Server) *backend {
	return &backend{id: s.ID, address: s.Address, gone: make(chan struct{}), conns: map[*relay]struct{}{}, problem: "not probed yet"}
}

// hangUp closes the connections to the server.
func (s *backend) hangUp() {
	for r := range s.conns {
		r.close()
	}
}

// choose returns the server for a new connection: the one its session is on, or
// the healthy one with the fewest connections, by number where they are equal.
// Servers in not have just failed. The caller holds b.mu.
func (b *Balancer) choose(session int64, not map[*backend]bool) *backend {
	usable := func(s *backend) bool { return s != nil && s.healthy && !s.draining && !not[s] }
	if s := b.sessions.server(session); usable(s) {
		return s
	}
	var best *backend
	for _, s := range b.backends {
		if usable(s) && (best == nil || len(s.conns) < len(best.conns)) {
			best = s
		}
	}
	return best
}
