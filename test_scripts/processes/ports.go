package processes

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Servers listen below the ports that Linux gives to outgoing connections: while a
// server is away, one of those could take its port.
const (
	portsFrom = 12_000
	portsTo   = 32_000
)

// handedOut are the ports that FreePorts returned.
var handedOut sync.Map

// FreePorts returns ports of loopback that nobody listens on at the moment, and
// that no other test of this process gets.
func FreePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for tries := 0; len(ports) < n; tries++ {
		if tries > 100*n {
			t.Fatalf("of %d ports from %d to %d, none is free", tries, portsFrom, portsTo)
		}
		port := portsFrom + rand.IntN(portsTo-portsFrom)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer func() { _ = l.Close() }()
		if _, again := handedOut.LoadOrStore(port, true); !again {
			ports = append(ports, port)
		}
	}
	return ports
}
