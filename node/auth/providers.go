package auth

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zabkeeper/zabkeeper/sasl"
	"github.com/zabkeeper/zabkeeper/tree"
)

var (
	// ErrRefused is wrapped where credentials are not accepted: the client is
	// told, and the connection ends.
	ErrRefused = errors.New("credentials refused")
	// ErrElsewhere is wrapped where the client should try another server: the
	// connection ends without a word.
	ErrElsewhere = errors.New("the client means other servers")
	// ErrSettings is wrapped by New.
	ErrSettings = errors.New("authentication settings")
)

// Connection is what is known of a client's connection.
type Connection struct {
	Address string               // without the port
	TLS     *tls.ConnectionState // nil without TLS
}

// Provider judges the credentials of one scheme.
type Provider interface {
	// Identify returns the identities that the credentials give to a client of
	// this connection, or an error that wraps ErrRefused or ErrElsewhere.
	Identify(credentials []byte, conn *Connection) ([]tree.Identity, error)
}

// Options are the settings of authentication.
type Options struct {
	DigestAlgorithm string // SHA1 when empty
	SuperDigest     string // user:hash of the super user; empty for none

	// Ensemble are the names that a client may mean this ensemble by; "*" is
	// any. Without names the scheme is unknown.
	Ensemble []string

	// SASL makes sasl known as a scheme; Mechanisms are how clients log in.
	SASL           bool
	Mechanisms     []sasl.Mechanism
	SASLSuperUsers []string
	// KeepRefused keeps the connection of a client whose login was refused.
	KeepRefused bool

	// X509 makes x509 known as a scheme. X509Super is the subject of the super
	// user's certificate.
	X509      bool
	X509Super string

	// Enforce lists schemes: a client without an identity of one of them may do
	// nothing. Empty lets everybody in.
	Enforce []string
}

// Providers are the schemes of a server.
type Providers struct {
	opt      Options
	byScheme map[string]Provider
}

// New sets up the schemes.
func New(o Options) (*Providers, error) {
	d, err := newDigest(o.DigestAlgorithm, o.SuperDigest)
	if err != nil {
		return nil, err
	}
	p := &Providers{opt: o, byScheme: map[string]Provider{"ip": address{}, "digest": d}}
	if o.SASL {
		p.byScheme["sasl"] = byRequests{}
	}
	if o.X509 {
		p.byScheme["x509"] = certificate{super: o.X509Super}
	}
	for _, scheme := range o.Enforce {
		if p.byScheme[scheme] == nil {
			return nil, fmt.Errorf("%w: scheme %q is enforced and not known; known are %s", ErrSettings, scheme,
				strings.Join(slices.Sorted(maps.Keys(p.byScheme)), ", "))
		}
	}
	if len(o.Ensemble) > 0 { // behind what can be enforced: it gives no identity
		p.byScheme["ensemble"] = ensemble(o.Ensemble)
	}
	return p, nil
}

// Identify judges the credentials of an auth request.
func (p *Providers) Identify(scheme string, credentials []byte, conn *Connection) ([]tree.Identity, error) {
	provider := p.byScheme[scheme]
	if provider == nil {
		return nil, fmt.Errorf("%w: no scheme %q", ErrRefused, scheme)
	}
	return provider.Identify(credentials, conn)
}

// Secured returns the identities that the handshake of TLS gave a connection. A
// client without a certificate has none.
func (p *Providers) Secured(conn *Connection) ([]tree.Identity, error) {
	x509 := p.byScheme["x509"]
	if conn.TLS == nil || x509 == nil || len(conn.TLS.PeerCertificates) == 0 {
		return nil, nil
	}
	return x509.Identify(nil, conn)
}

// Admits reports whether a client with these identities may do anything.
func (p *Providers) Admits(ids []tree.Identity) bool {
	return len(p.opt.Enforce) == 0 || slices.ContainsFunc(ids, func(id tree.Identity) bool { return slices.Contains(p.opt.Enforce, id.Scheme) })
}

// Requires reports whether this scheme is enforced.
func (p *Providers) Requires(scheme string) bool { return slices.Contains(p.opt.Enforce, scheme) }
