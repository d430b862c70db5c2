package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"github.com/zabkeeper/zabkeeper/zab"
)

// operatorLineMax bounds what may stand behind the word oper.
const operatorLineMax = 4096

// isOperator reports whether a client at host may run the cluster.
func (o *Options) isOperator(host string) bool {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	a = a.Unmap().WithZone("")
	for _, p := range o.Operators {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// readOperatorLine reads the line behind the word oper.
func readOperatorLine(in *inputBuffer) (string, bool) {
	for {
		b := in.bytes()
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line := strings.TrimSpace(string(b[:i]))
			in.skip(i + 1)
			return line, true
		}
		if len(b) >= operatorLineMax || in.fill(len(b)+1) != nil {
			return "", false
		}
	}
}

// operate carries out an operator's command. Servers answer whether they serve
// or not.
func (n *Node) operate(host, line string) string {
	if !n.opt.isOperator(host) {
		return fmt.Sprintf("refused: %s is not in operators\n", host)
	}
	command, argument, _ := strings.Cut(line, " ")
	answer := ""
	switch command {
	case "elect":
		n.ask(func() { answer = n.callElection() })
	case "handover":
		n.ask(func() {
			answer = "refused: this server does not lead, or nobody can take over\n"
			if n.replica.HandOver("an operator asked for it") {
				answer = "handed over\n"
			}
			n.carryOut()
		})
	case "fault":
		return n.operateFaults(argument)
	default:
		answer = fmt.Sprintf("refused: no such command: %.100q %.100q\n", command, argument)
	}
	return answer
}

// operateFaults shows the faults on purpose, or changes them.
func (n *Node) operateFaults(argument string) string {
	if !n.faults.enabled {
		return "refused: this server was not started with --faults; start it with --faults none to make some later\n"
	}
	f, err := ParseFaults(argument)
	if err != nil {
		return fmt.Sprintf("refused: %v\n", err)
	}
	answer := ""
	n.ask(func() {
		if argument != "" {
			n.setFaults(f)
		}
		answer = n.faults.now.String() + "\n"
	})
	return answer
}

func (n *Node) callElection() string {
	n.log.Info().Msg("an operator called an election")
	role := n.replica.Core().Role()
	n.replica.CallElection()
	n.carryOut()
	switch role {
	case zab.Looking:
		return "called: this server has no leader and stands as soon as it may\n"
	case zab.Leading:
		return "called: this server gave its leadership up\n"
	case zab.Following:
	}
	return "called: the leader was asked to give its leadership up\n"
}

// ask runs f in the loop and waits for it.
func (n *Node) ask(f func()) {
	done := make(chan struct{})
	n.inbox.post(func() {
		defer close(done)
		f()
	})
	select {
	case <-done:
	case <-n.stop:
	}
}

// selfDescription is what the word self tells, for tools.
type selfDescription struct {
	Number    uint32                `json:"number"`
	Row       string                `json:"row,omitempty"` // server.N=… as in /zookeeper/config
	Mode      string                `json:"mode"`
	Phase     string                `json:"phase,omitempty"`
	Leader    uint32                `json:"leader,omitempty"`
	Epoch     uint32                `json:"epoch"`
	Zxid      string                `json:"zxid"`
	Cluster   string                `json:"cluster,omitempty"`
	Member    bool                  `json:"member"`
	Voter     bool                  `json:"voter"`
	Serving   bool                  `json:"serving"`
	Why       string                `json:"why,omitempty"` // the last decision of the election, or what ended a role
	Version   string                `json:"version"`
	Config    string                `json:"config,omitempty"` // version of the configuration, in hexadecimal
	Members   []string              `json:"members,omitempty"`
	Followers []followerDescription `json:"followers,omitempty"` // a leader's
}

type followerDescription struct {
	Number   uint32 `json:"number"`
	Member   bool   `json:"member"`
	Voter    bool   `json:"voter"`
	UpToDate bool   `json:"up_to_date"`
	Zxid     string `json:"zxid"`
	InFlight int    `json:"in_flight_bytes"`
	Row      string `json:"row,omitempty"` // of a guest
}

func (n *Node) wordSelf() string {
	var d selfDescription
	n.ask(func() { d = n.describeSelf() })
	b, err := json.Marshal(d)
	if err != nil {
		return ""
	}
	return string(b) + "\n"
}

func (n *Node) describeSelf() selfDescription {
	core, role := n.replica.Core(), n.roleText.Load()
	d := selfDescription{Number: uint32(n.opt.ID), Mode: role.mode, Phase: role.phase, Leader: uint32(role.leader), Epoch: uint32(role.epoch),
		Zxid: n.applied().String(), Serving: n.Serving(), Version: n.opt.Version, Why: n.loop.why}
	if row := n.opt.own().Row; row != "" {
		d.Row = fmt.Sprintf("server.%d=%s", n.opt.ID, row)
	}
	if cfg := core.Configuration(); cfg != nil {
		d.Cluster, d.Config = fmt.Sprintf("%x", cfg.Cluster), fmt.Sprintf("%x", uint64(n.replica.State().ConfigZxid))
		for _, m := range cfg.Members {
			if m.Address != "" {
				d.Members = append(d.Members, fmt.Sprintf("server.%d=%s", m.ID, m.Address))
			}
			if m.ID == n.opt.ID {
				d.Member, d.Voter = true, m.Voter
			}
		}
	}
	if core.IsLeader() {
		for _, f := range core.Followers() {
			row := ""
			if g, ok := n.guests.find(f.Server); ok && !f.Member {
				row = g.at.Line()
			}
			d.Followers = append(d.Followers, followerDescription{uint32(f.Server), f.Member, f.Voter, f.UpToDate, f.Matched.String(), f.InFlight, row})
		}
	}
	return d
}
