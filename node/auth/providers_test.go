package auth

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/sasl"
	"github.com/zabkeeper/zabkeeper/tree"
)

var somebody = &Connection{Address: "10.0.0.7"}

func providers(t *testing.T, o Options) *Providers {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// identified checks what credentials give, as "scheme:id".
func identified(t *testing.T, p *Providers, scheme, credentials string, want ...string) {
	t.Helper()
	ids, err := p.Identify(scheme, []byte(credentials), somebody)
	if got := texts(ids); err != nil || !slices.Equal(got, want) {
		t.Errorf("%s %q: got %q, %v, want %q", scheme, credentials, got, err, want)
	}
}

func texts(ids []tree.Identity) []string {
	var list []string
	for _, id := range ids {
		list = append(list, id.Scheme+":"+id.ID)
	}
	return list
}

// covers: A05
func TestDigest(t *testing.T) {
	const bob = "bob:ikIaKsbtGweaHnb/jKn7OHqbunM="
	p := providers(t, Options{})
	identified(t, p, "digest", "bob:pw", "digest:"+bob)
	identified(t, p, "digest", "nocolon", "digest:nocolon:Ra+cHr2ZoHvBjtNArFGNGlVie4g=")
	identified(t, p, "digest", "", "digest::2jmj7l5rSw0yVb/vlWAYkK/YBwk=")
	if _, err := p.Identify("digest", nil, somebody); !errors.Is(err, ErrRefused) {
		t.Errorf("null: %v", err)
	}
	identified(t, providers(t, Options{SuperDigest: bob}), "digest", "bob:pw", "digest:"+bob, "super:")
	identified(t, providers(t, Options{SuperDigest: bob}), "digest", "bob:wrong", "digest:bob:7e5oQdf4IqOAJ9OLk9OTl5I4cwM=")
	identified(t, providers(t, Options{DigestAlgorithm: "SHA-256"}), "digest", "bob:pw", "digest:bob:lXdkgIa9O1CDDWAryQ0pe9wUYi2LkG6M7Uocn/Vyn2g=")
	identified(t, providers(t, Options{DigestAlgorithm: "SHA512"}), "digest", "a:b",
		"digest:a:mdoaJYs51sQ7xY1yh5/CxU2MLd6OyA+mb0neO06R7P3yavbdaDJ9XFm/4RaKEBLXUxeYO/0qTS5uXf3tYf0Smw==")
	if _, err := New(Options{DigestAlgorithm: "MD5"}); !errors.Is(err, ErrSettings) {
		t.Errorf("an unknown algorithm: %v", err)
	}
}

func TestAddress(t *testing.T) {
	p := providers(t, Options{})
	identified(t, p, "ip", "", "ip:10.0.0.7")
	identified(t, p, "ip", "1.2.3.4", "ip:10.0.0.7")
	if _, err := p.Identify("ip", nil, &Connection{Address: "pipe"}); !errors.Is(err, ErrRefused) {
		t.Errorf("a connection without an address: %v", err)
	}
}

func TestEnsemble(t *testing.T) {
	p := providers(t, Options{Ensemble: []string{"alpha", "beta"}})
	for _, name := range []string{"alpha", "beta", ""} {
		identified(t, p, "ensemble", name)
	}
	for _, name := range []string{"gamma", "alpha,beta", "*"} {
		if _, err := p.Identify("ensemble", []byte(name), somebody); !errors.Is(err, ErrElsewhere) {
			t.Errorf("%s: %v", name, err)
		}
	}
	identified(t, providers(t, Options{Ensemble: []string{"*"}}), "ensemble", "gamma")
}

func TestUnknownSchemes(t *testing.T) {
	p := providers(t, Options{})
	for _, scheme := range []string{"", "world", "auth", "super", "sasl", "x509", "ensemble"} {
		if ids, err := p.Identify(scheme, []byte("x"), somebody); !errors.Is(err, ErrRefused) || ids != nil {
			t.Errorf("%s: got %v, %v", scheme, ids, err)
		}
	}
	p = providers(t, Options{SASL: true, X509: true})
	for _, scheme := range []string{"sasl", "x509"} {
		if ids, err := p.Identify(scheme, []byte("bob:pw"), somebody); !errors.Is(err, ErrRefused) || ids != nil {
			t.Errorf("%s: got %v, %v", scheme, ids, err)
		}
	}
}

func TestEnforcement(t *testing.T) {
	ip, bob := tree.Identity{Scheme: "ip", ID: "::1"}, tree.Identity{Scheme: "sasl", ID: "bob"}
	open := providers(t, Options{})
	strict := providers(t, Options{SASL: true, Enforce: []string{"digest", "sasl"}})
	if !open.Admits(nil) || !open.Admits([]tree.Identity{ip}) || strict.Admits([]tree.Identity{ip}) || !strict.Admits([]tree.Identity{ip, bob}) {
		t.Error("the wrong clients are admitted")
	}
	if strict.Admits([]tree.Identity{tree.Super}) {
		t.Error("super alone is no scheme that was asked for")
	}
	for _, scheme := range []string{"sasl", "x509", "ensemble", "nonesuch", ""} {
		_, err := New(Options{Enforce: []string{scheme}, Ensemble: []string{"x"}})
		if !errors.Is(err, ErrSettings) || !strings.Contains(err.Error(), "known are digest, ip") {
			t.Errorf("%q: %v", scheme, err)
		}
	}
}

// answer is a client's answer to a challenge.
func answer(t *testing.T, user, password string, challenge []byte) []byte {
	t.Helper()
	b, _, err := sasl.NewDigestMD5Client(user, password).Respond(challenge)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLogin(t *testing.T) {
	o := Options{SASL: true, Mechanisms: []sasl.Mechanism{sasl.NewDigestMD5(map[string]string{"bob": "pw", "root": "x"})}, SASLSuperUsers: []string{"root"}}
	log := func(p *Providers, user, password string) (*Login, []byte, []tree.Identity, error) {
		l := new(Login)
		challenge, ids, err := p.Respond(l, []byte{})
		if err != nil || ids != nil {
			t.Fatalf("challenge: %v, %v", ids, err)
		}
		token, ids, err := p.Respond(l, answer(t, user, password, challenge))
		return l, token, ids, err
	}
	p := providers(t, o)
	for user, want := range map[string][]string{"bob:pw": {"sasl:bob"}, "root:x": {"sasl:root", "super:"}} {
		name, password, _ := strings.Cut(user, ":")
		l, token, ids, err := log(p, name, password)
		if got := texts(ids); err != nil || !slices.Equal(got, want) || !strings.HasPrefix(string(token), "rspauth=") {
			t.Errorf("%s: got %q, %q, %v", user, token, got, err)
		}
		if token, ids, err := p.Respond(l, nil); !errors.Is(err, ErrRefused) || ids != nil || token != nil {
			t.Errorf("behind the end: %q, %v, %v", token, ids, err)
		}
	}
	if _, token, ids, err := log(p, "bob", "wrong"); !errors.Is(err, ErrRefused) || token != nil || ids != nil {
		t.Errorf("a wrong password: %q, %v, %v", token, ids, err)
	}

	o.KeepRefused = true
	p = providers(t, o)
	l, token, ids, err := log(p, "bob", "wrong")
	if err != nil || token != nil || ids != nil {
		t.Errorf("a wrong password that is allowed: %q, %v, %v", token, ids, err)
	}
	if token, ids, err := p.Respond(l, []byte{}); err != nil || token != nil || ids != nil {
		t.Errorf("a second attempt: %q, %v, %v", token, ids, err)
	}
	o.Enforce = []string{"sasl"}
	if _, _, _, err := log(providers(t, o), "bob", "wrong"); !errors.Is(err, ErrRefused) {
		t.Errorf("a wrong password while sasl is enforced: %v", err)
	}

	// Where nobody can log in, the answer is null.
	if token, ids, err := providers(t, Options{SASL: true}).Respond(new(Login), []byte("x")); token != nil || ids != nil || err != nil {
		t.Errorf("without users: %q, %v, %v", token, ids, err)
	}
}
