//go:build !linux

package peer

import (
	"net"
	"time"
)

// limitUnacknowledged needs Linux; elsewhere keep-alive and write deadlines end
// a dead connection, later.
func limitUnacknowledged(net.Conn, time.Duration) {}
