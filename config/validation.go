package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Unsupported names what a table may say and no server carries out: counting by
// weights and groups would need another quorum than the plain majority.
func (t *Table) Unsupported() Problems {
	var p Problems
	for _, r := range t.Rows {
		if r.Weight != 1 || r.Group != 0 {
			p.add(t.Name, r.Line, fmt.Sprintf("server %d: weight=%d group=%d", r.ID, r.Weight, r.Group),
				"weights and groups of voters are not supported: every voter counts the same", "remove them")
		}
	}
	return p
}

// Validate checks what concerns several settings, or the settings and the node
// table together; nil when all is well. Line numbers are those of the table.
func (c *Config) Validate(t *Table) Problems {
	var p Problems
	if c.Data == "" {
		p.add("", 0, "data", "no data directory", "set data")
	}
	if t != nil && t.Row(c.ID) == nil {
		p.add(t.Name, 0, fmt.Sprintf("id = %d", c.ID), "this server is not in the node table", "set id to one of "+t.numbers())
	}
	if least, most := c.SessionTimeouts(); least > most {
		p.add("", 0, fmt.Sprintf("min_session_timeout = %v", least), fmt.Sprintf("longer than max_session_timeout = %v", most), "make it shorter")
	}
	for _, a := range []struct{ key, value string }{{"client_address", c.ClientAddress}, {"server_address", c.ServerAddress}, {"leader_address", c.LeaderAddress}} {
		if a.value == "" {
			continue
		}
		if _, port, err := net.SplitHostPort(a.value); err != nil || !portNumber(port, 0) {
			p.add("", 0, a.key+" = "+a.value, "not host:port", `write ":2181" or "10.0.0.1:2181"`)
		}
	}
	if d := c.SuperDigest; d != "" && !strings.Contains(d, ":") {
		p.add("", 0, "super_digest", "not user:digest", "write super: and the digest")
	}
	for _, w := range c.FourLetterWords {
		if w != "*" && len(w) != 4 {
			p.add("", 0, w, "not a four-letter word", `write words like "srvr", or "*" for all`)
		}
	}
	for _, o := range c.Operators {
		if _, ok := parseNetwork(o); !ok {
			p.add("", 0, "operators: "+o, "not an address or network", `write addresses like "10.0.0.7" and networks like "10.0.0.0/24"`)
		}
	}
	c.validateThrottle(&p)
	c.validateTiming(&p)
	return p
}

// OperatorNetworks returns Operators, which Validate has checked, in the form
// that addresses are compared with.
func (c *Config) OperatorNetworks() []netip.Prefix {
	var out []netip.Prefix
	for _, o := range c.Operators {
		n, ok := parseNetwork(o)
		assert(ok, "operators: %q", o)
		out = append(out, n)
	}
	return out
}

func parseNetwork(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	n, err := netip.ParsePrefix(s)
	return n, err == nil
}

func portNumber(s string, least uint64) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n >= least
}

// validateTiming keeps the order that the protocol needs: a leader steps down
// before its followers may promise another one.
func (c *Config) validateTiming(p *Problems) {
	t := &c.Timing
	below := func(a string, x time.Duration, b string, y time.Duration, why string) {
		if x >= y {
			p.add("", 0, fmt.Sprintf("timing.%s = %v", a, x), fmt.Sprintf("not below %s, which is %v", b, y), why)
		}
	}
	below("quorum_timeout", t.QuorumTimeout, "timing.follow_timeout", t.FollowTimeout, "a leader must step down before its followers leave it")
	below("ping", t.Ping, "half of timing.quorum_timeout", t.QuorumTimeout/2, "leave room for two pings")
	below("ping", t.Ping, "half of timing.peer_timeout", t.PeerTimeout/2, "leave room for two pings")
	below("heartbeat", t.Heartbeat, "half of timing.link_timeout", t.LinkTimeout/2, "leave room for two heartbeats")
	if t.PenaltyMin > t.PenaltyMax {
		p.add("", 0, fmt.Sprintf("timing.penalty_min = %v", t.PenaltyMin), fmt.Sprintf("longer than timing.penalty_max = %v", t.PenaltyMax), "make it shorter")
	}
}
