//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

// The ports of every server: each has an address of its own.
const (
	serverPort  = 2888
	leaderPort  = 3888
	clientPort  = 2181
	commandTime = 20 * time.Second
	namesPrefix = "zkf"
	// subnets are parts of 198.18.0.0/15, which is set aside for tests.
	subnets = 512
)

// networks counts those of this process, for their names.
var networks atomic.Int64

// Namespaces are one network namespace a server.
type Namespaces struct {
	t      testing.TB
	n      int
	name   string // of the bridge; the namespaces are numbered behind it
	subnet string // three numbers
	cuts   []Cut
	loss   int
	frames *frameSwitch // nil with a bridge
}

// Missing says what namespaces lack here, empty for nothing.
//
// It is found out once: scenarios that begin at one time would meet.
var Missing = sync.OnceValue(missing)

func missing() string {
	if os.Geteuid() != 0 {
		return "root"
	}
	for _, tool := range []string{"ip", "nft", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			return tool
		}
	}
	name := fmt.Sprintf("%sp%d", namesPrefix, os.Getpid())
	if out, err := command("ip", "netns", "add", name); err != nil {
		return "network namespaces: " + out
	}
	defer func() { _, _ = command("ip", "netns", "del", name) }()
	if out, err := input("table inet probe { chain input { type filter hook input priority 0; numgen random mod 100 < 1 drop; }; }\n", "nsenter", "--net=/run/netns/"+name, "nft", "-f", "-"); err != nil {
		return "nftables: " + out
	}
	return ""
}

// NewNamespaces joins n servers by a bridge, or with late by a switch that can
// hold frames back.
func NewNamespaces(t testing.TB, n int, late bool) *Namespaces {
	t.Helper()
	sweep()
	s := &Namespaces{t: t, n: n, name: fmt.Sprintf("%s%d.%d", namesPrefix, os.Getpid(), networks.Add(1))}
	t.Cleanup(s.remove)
	if late {
		s.frames = newFrameSwitch()
		s.tap(Clients, "")
	} else {
		s.run("ip", "link", "add", s.name, "type", "bridge", "mcast_snooping", "0")
	}
	s.claimSubnet()
	s.run("ip", "link", "set", s.name, "address", hardware(Clients), "up")
	for id := 1; id <= n; id++ {
		s.add(id)
		s.run("ip", "neigh", "replace", s.host(id), "lladdr", hardware(id), "nud", "permanent", "dev", s.name)
	}
	return s
}

// claiming is held while a subnet is looked for and taken: scenarios begin at
// one time.
var claiming sync.Mutex

// claimSubnet takes the first part of the range that nobody has; the address on
// the bridge is the claim.
func (s *Namespaces) claimSubnet() {
	s.t.Helper()
	claiming.Lock()
	defer claiming.Unlock()
	for i := range subnets {
		k := (os.Getpid() + i) % subnets
		subnet := fmt.Sprintf("198.%d.%d", 18+k/256, k%256)
		taken := false
		addresses, _ := net.InterfaceAddrs()
		for _, a := range addresses {
			taken = taken || strings.HasPrefix(a.String(), subnet+".")
		}
		if taken {
			continue
		}
		s.subnet = subnet
		s.run("ip", "addr", "add", s.host(Clients)+"/24", "dev", s.name)
		return
	}
	s.t.Fatal("every test network is in use")
}

func (s *Namespaces) add(id int) {
	s.t.Helper()
	ns := s.namespace(id)
	s.run("ip", "netns", "add", ns)
	if s.frames != nil {
		s.tap(id, ns)
	} else {
		outside := fmt.Sprintf("%s-%d", s.name, id)
		s.run("ip", "link", "add", outside, "type", "veth", "peer", "name", "inside", "netns", ns)
		s.run("ip", "link", "set", outside, "master", s.name, "up")
	}
	s.run("ip", "-n", ns, "link", "set", "inside", "address", hardware(id), "up")
	s.run("ip", "-n", ns, "link", "set", "lo", "up")
	s.run("ip", "-n", ns, "addr", "add", s.host(id)+"/24", "dev", "inside")
	for other := 0; other <= s.n; other++ {
		if other != id {
			s.run("ip", "-n", ns, "neigh", "replace", s.host(other), "lladdr", hardware(other), "nud", "permanent", "dev", "inside")
		}
	}
	s.rules("add table inet faults\nadd chain inet faults input { type filter hook input priority 0; }\n", id)
}

// host is the address of a server, or of the host for clients.
func (s *Namespaces) host(id int) string {
	if id == Clients {
		return s.subnet + ".254"
	}
	return fmt.Sprintf("%s.%d", s.subnet, id)
}

// hardware is a locally administered address.
func hardware(id int) string { return fmt.Sprintf("02:7a:6b:00:00:%02x", id+1) }

func (s *Namespaces) namespace(id int) string { return fmt.Sprintf("%s-%d", s.name, id) }

// Enter is what runs a program in a server's namespace. It changes nothing else:
// ip netns exec would keep file systems mounted that are to be unmounted.
func (s *Namespaces) Enter(id int) []string {
	return []string{"nsenter", "--net=/run/netns/" + s.namespace(id)}
}

// Seats implements Network.
func (s *Namespaces) Seats() []processes.Seat {
	var seats []processes.Seat
	for id := 1; id <= s.n; id++ {
		seats = append(seats, processes.Seat{Host: s.host(id), Ports: [3]int{serverPort, leaderPort, clientPort}, Command: s.Enter(id)})
	}
	return seats
}

// Set implements Network.
func (s *Namespaces) Set(cuts ...Cut) {
	s.t.Helper()
	s.cuts = cuts
	s.apply()
}

// Lose has so many of a hundred packets between servers get lost.
func (s *Namespaces) Lose(percent int) {
	s.t.Helper()
	s.loss = percent
	s.apply()
}

// Delay holds back everything that a server sends to others and gets from them.
// It needs the switch.
func (s *Namespaces) Delay(id int, d time.Duration) { s.frames.delay[id].Store(int64(d)) }

func (s *Namespaces) apply() {
	s.t.Helper()
	for id := 1; id <= s.n; id++ {
		rules := "flush chain inet faults input\n"
		rule := func(format string, args ...any) {
			rules += "add rule inet faults input " + fmt.Sprintf(format, args...) + "\n"
		}
		for _, c := range s.cuts {
			from := s.host(c.From)
			switch {
			case c.To != id:
			case c.Port == BothPorts:
				rule("ip saddr %s drop", from)
			default:
				port := map[Port]int{ServerPort: serverPort, LeaderPort: leaderPort}[c.Port]
				rule("ip saddr %s tcp dport %d drop", from, port)
				rule("ip saddr %s tcp sport %d drop", from, port)
			}
		}
		if s.loss > 0 {
			rule("ip saddr %s.1-%s.%d numgen random mod 100 < %d drop", s.subnet, s.subnet, s.n, s.loss)
		}
		s.rules(rules, id)
	}
}

// Reset breaks the connections between two servers, as a middlebox would.
func (s *Namespaces) Reset(a, b int) {
	s.t.Helper()
	s.run(append(s.Enter(a), "ss", "-K", "dst", s.host(b))...)
}

func (s *Namespaces) rules(text string, id int) {
	s.t.Helper()
	if out, err := input(text, append(s.Enter(id), "nft", "-f", "-")...); err != nil {
		s.t.Fatalf("nft in namespace %d: %v: %s\n%s", id, err, out, text)
	}
}

func (s *Namespaces) run(args ...string) {
	s.t.Helper()
	if out, err := command(args...); err != nil {
		s.t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func (s *Namespaces) remove() {
	if s.frames != nil {
		s.frames.close()
	}
	removeNetwork(s.name)
}

func removeNetwork(name string) {
	names, _ := filepath.Glob("/run/netns/" + name + "-*")
	for _, ns := range names {
		_, _ = command("ip", "netns", "del", filepath.Base(ns))
	}
	_, _ = command("ip", "link", "del", name)
}

// sweep removes what a process left that does not live any more.
func sweep() {
	names, _ := filepath.Glob("/run/netns/" + namesPrefix + "*")
	links, _ := net.Interfaces()
	for _, l := range links {
		names = append(names, l.Name)
	}
	for _, name := range names {
		rest, ours := strings.CutPrefix(filepath.Base(name), namesPrefix)
		network, _, _ := strings.Cut(rest, "-")
		owner, _, _ := strings.Cut(network, ".")
		if pid, err := strconv.Atoi(owner); ours && err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			removeNetwork(namesPrefix + network)
		}
	}
}

func command(args ...string) (string, error) { return input("", args...) }

func input(text string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	defer cancel()
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Stdin = strings.NewReader(text)
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
