package auth

import (
	"crypto/sha1" //nolint:gosec // ZooKeeper's digest ids are SHA-1 by default
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"

	"github.com/zabkeeper/zabkeeper/tree"
)

// digest makes ids of the form user:base64(hash(user:password)).
type digest struct {
	newHash func() hash.Hash
	super   string
}

func newDigest(algorithm, super string) (*digest, error) {
	d := &digest{super: super}
	switch strings.ToUpper(strings.ReplaceAll(algorithm, "-", "")) {
	case "", "SHA1":
		d.newHash = sha1.New
	case "SHA256":
		d.newHash = sha256.New
	case "SHA512":
		d.newHash = sha512.New
	default:
		return nil, fmt.Errorf("%w: digest algorithm %q: use SHA1, SHA-256 or SHA-512", ErrSettings, algorithm)
	}
	return d, nil
}

// Identify refuses nothing but null: a wrong password is just another identity.
func (d *digest) Identify(credentials []byte, _ *Connection) ([]tree.Identity, error) {
	if credentials == nil {
		return nil, fmt.Errorf("%w: digest: null", ErrRefused)
	}
	h := d.newHash()
	h.Write(credentials)
	user, _, _ := strings.Cut(string(credentials), ":")
	id := user + ":" + base64.StdEncoding.EncodeToString(h.Sum(nil))
	ids := []tree.Identity{{Scheme: "digest", ID: id}}
	if d.super != "" && id == d.super {
		ids = append(ids, tree.Super)
	}
	return ids, nil
}
