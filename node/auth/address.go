package auth

import (
	"fmt"
	"net/netip"

	"github.com/zabkeeper/zabkeeper/tree"
)

// address gives every connection its address; asking for it again is harmless.
type address struct{}

// Identify returns the address that the client comes from.
func (address) Identify(_ []byte, conn *Connection) ([]tree.Identity, error) {
	if _, err := netip.ParseAddr(conn.Address); err != nil {
		return nil, fmt.Errorf("%w: ip: %w", ErrRefused, err)
	}
	return []tree.Identity{{Scheme: "ip", ID: conn.Address}}, nil
}
