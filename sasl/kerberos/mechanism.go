// Package kerberos is the SASL mechanism GSSAPI with Kerberos 5 (RFC 4752), the
// server's side, without a connection. The server never talks to a KDC: its key is
// in a keytab.
//
// A login is three tokens at least: the client's ticket, the server's offer of
// what follows the login (nothing signed, nothing encrypted), and the client's
// choice of that. A ticket counts once while it could be sent again: what was seen
// is remembered for as long as clocks may differ, which bounds it by the tickets
// that the KDC gives out in that time.
package kerberos

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/service"
	"github.com/zabkeeper/zabkeeper/sasl"
)

// ErrKeytab is wrapped by New.
var ErrKeytab = errors.New("keytab")

// Options are the settings of the mechanism.
type Options struct {
	Keytab    string // a file
	Principal string // the server's: zookeeper/host.example.org@EXAMPLE.ORG
	// RemoveHost and RemoveRealm shorten bob/host@REALM to bob@REALM and bob/host.
	RemoveHost  bool
	RemoveRealm bool
}

// Mechanism logs in clients of one realm.
type Mechanism struct {
	opt      Options
	realm    string
	settings *service.Settings
}

// New reads the keytab, which must have a key of the principal.
func New(o Options) (*Mechanism, error) {
	name, realm, ok := strings.Cut(o.Principal, "@")
	if !ok || name == "" || realm == "" {
		return nil, fmt.Errorf("%w: principal %q: write it like zookeeper/host.example.org@EXAMPLE.ORG", ErrKeytab, o.Principal)
	}
	keys, err := keytab.Load(o.Keytab)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrKeytab, o.Keytab, err)
	}
	for _, e := range keys.Entries {
		if e.Principal.Realm == realm && strings.Join(e.Principal.Components, "/") == name {
			return &Mechanism{opt: o, realm: realm, settings: service.NewSettings(keys, service.KeytabPrincipal(name), service.DecodePAC(false))}, nil
		}
	}
	return nil, fmt.Errorf("%w: %s has no key of %s: add it with kadmin's ktadd", ErrKeytab, o.Keytab, o.Principal)
}

// gssTag begins every token with which a conversation of GSS-API opens.
const gssTag = 0x60

// Takes reports whether a token opens a conversation of GSS-API.
func (*Mechanism) Takes(first []byte) bool { return len(first) > 0 && first[0] == gssTag }

// Begin implements sasl.Mechanism.
func (m *Mechanism) Begin() sasl.Conversation { return &conversation{mechanism: m} }

// nameOf is the identity of a client.
func (m *Mechanism) nameOf(components []string, realm string) (string, error) {
	if realm != m.realm {
		return "", fmt.Errorf("%w: a client of realm %q, want %q", sasl.ErrRefused, realm, m.realm)
	}
	if len(components) == 0 || len(components) > 2 || components[0] == "" || strings.ContainsAny(strings.Join(components, ""), "/@") {
		return "", fmt.Errorf("%w: %q is not a name, or a name and a host", sasl.ErrRefused, components)
	}
	name := components[0]
	if len(components) == 2 && !m.opt.RemoveHost {
		name += "/" + components[1]
	}
	if !m.opt.RemoveRealm {
		name += "@" + realm
	}
	return name, nil
}
