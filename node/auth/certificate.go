package auth

import (
	"fmt"

	"github.com/zabkeeper/zabkeeper/tree"
)

// certificate names a client by the certificate that TLS verified.
type certificate struct{ super string }

// Identify returns the subject of the client's certificate. The credentials of
// an auth request say nothing.
func (c certificate) Identify(_ []byte, conn *Connection) ([]tree.Identity, error) {
	if conn.TLS == nil || len(conn.TLS.PeerCertificates) == 0 {
		return nil, fmt.Errorf("%w: x509: no client certificate", ErrRefused)
	}
	// A certificate that nobody vouched for names whom it likes.
	if len(conn.TLS.VerifiedChains) == 0 {
		return nil, fmt.Errorf("%w: x509: the client's certificate was not verified", ErrRefused)
	}
	name, err := subjectName(conn.TLS.VerifiedChains[0][0].RawSubject)
	if err != nil {
		return nil, fmt.Errorf("%w: x509: %w", ErrRefused, err)
	}
	ids := []tree.Identity{{Scheme: "x509", ID: name}}
	if c.super != "" && name == c.super {
		ids = append(ids, tree.Identity{Scheme: tree.Super.Scheme, ID: name})
	}
	return ids, nil
}
