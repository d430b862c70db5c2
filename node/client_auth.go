package node

import (
	"crypto/sha1" //nolint:gosec // ZooKeeper's digest ids are SHA-1 by default
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"net/netip"
	"strings"

	"github.com/zabkeeper/zabkeeper/tree"
)

// AuthProvider turns the data of an auth request into identities. It reports
// false to refuse, which closes the connection.
type AuthProvider interface {
	Identify(data []byte, host string) ([]tree.Identity, bool)
}

// authenticator holds the providers by scheme.
type authenticator struct{ providers map[string]AuthProvider }

func newAuthenticator(o *Options) (*authenticator, error) {
	d := &digestProvider{superDigest: o.SuperDigest}
	switch strings.ToUpper(strings.ReplaceAll(o.DigestAlgorithm, "-", "")) {
	case "", "SHA1":
		d.newHash = sha1.New
	case "SHA256":
		d.newHash = sha256.New
	case "SHA512":
		d.newHash = sha512.New
	default:
		return nil, fmt.Errorf("digest algorithm %q: use SHA1, SHA-256 or SHA-512", o.DigestAlgorithm)
	}
	return &authenticator{providers: map[string]AuthProvider{"digest": d, "ip": ipProvider{}}}, nil
}

func (a *authenticator) identify(scheme string, data []byte, host string) ([]tree.Identity, bool) {
	p := a.providers[scheme]
	if p == nil {
		return nil, false
	}
	return p.Identify(data, host)
}

// digestProvider makes ids of the form user:base64(hash(user:password)).
type digestProvider struct {
	newHash     func() hash.Hash
	superDigest string
}

// Identify refuses nothing but null: a wrong password is just another identity.
func (p *digestProvider) Identify(data []byte, _ string) ([]tree.Identity, bool) {
	if data == nil {
		return nil, false
	}
	h := p.newHash()
	h.Write(data)
	user, _, _ := strings.Cut(string(data), ":")
	id := user + ":" + base64.StdEncoding.EncodeToString(h.Sum(nil))
	ids := []tree.Identity{{Scheme: "digest", ID: id}}
	if p.superDigest != "" && id == p.superDigest {
		ids = append(ids, tree.Super)
	}
	return ids, true
}

// ipProvider gives every connection its address; asking for it again is
// harmless.
type ipProvider struct{}

// Identify returns the address the client comes from.
func (ipProvider) Identify(_ []byte, host string) ([]tree.Identity, bool) {
	if _, err := netip.ParseAddr(host); err != nil {
		return nil, false
	}
	return []tree.Identity{{Scheme: "ip", ID: host}}, true
}
