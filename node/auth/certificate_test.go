package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
)

var (
	oidCN    = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidO     = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidDC    = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}
	oidUID   = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	oidEmail = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	oidTitle = asn1.ObjectIdentifier{2, 5, 4, 12}
)

// name is one relative name with one value.
func name(oid asn1.ObjectIdentifier, value any) pkix.RelativeDistinguishedNameSET {
	return pkix.RelativeDistinguishedNameSET{{Type: oid, Value: value}}
}

func bmp(s string) asn1.RawValue {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r>>8), byte(r))
	}
	return asn1.RawValue{Tag: asn1.TagBMPString, Bytes: b}
}

func ia5(s string) asn1.RawValue { return asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte(s)} }

// subjects are names and how Java's X500Principal.getName() writes them.
var subjects = []struct {
	name pkix.RDNSequence
	want string
}{
	{pkix.RDNSequence{name(oidO, "Example Inc"), name(oidCN, "bob")}, "CN=bob,O=Example Inc"},
	{pkix.RDNSequence{name(oidDC, ia5("org")), name(oidDC, ia5("example")), name(oidUID, "bob")}, "UID=bob,DC=example,DC=org"},
	{pkix.RDNSequence{name(oidCN, `a,b+c"d\e<f>g;h=i#j`)}, `CN=a\,b\+c\"d\\e\<f\>g\;h\=i\#j`},
	{pkix.RDNSequence{name(oidCN, "  two  words ")}, `CN=\ \ two  words\ `},
	{pkix.RDNSequence{name(oidCN, "Zoë Žižek 动物")}, "CN=Zoë Žižek 动物"},
	{pkix.RDNSequence{name(oidCN, "bob"), name(oidEmail, ia5("bob@example.org"))}, "1.2.840.113549.1.9.1=#160f626f62406578616d706c652e6f7267,CN=bob"},
	{pkix.RDNSequence{name(oidTitle, "Dr")}, "2.5.4.12=#13024472"},
	{pkix.RDNSequence{{{Type: oidCN, Value: "bob"}, {Type: oidUID, Value: "b"}}, name(oidO, "x")}, "O=x,CN=bob+UID=b"},
	{pkix.RDNSequence{name(oidCN, bmp("bob"))}, `CN=\00b\00o\00b`},
	{pkix.RDNSequence{name(oidCN, asn1.RawValue{Tag: asn1.TagT61String, Bytes: []byte("bob")})}, "CN=bob"},
	{pkix.RDNSequence{}, ""},
}

func TestSubjectName(t *testing.T) {
	for _, s := range subjects {
		der, err := asn1.Marshal(s.name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := subjectName(der); err != nil || got != s.want {
			t.Errorf("%x: got %q, %v, want %q", der, got, err, s.want)
		}
	}
}

func FuzzSubjectName(f *testing.F) {
	for _, s := range subjects {
		der, err := asn1.Marshal(s.name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		var text string
		var err error
		if n := allocation.Bytes(func() { text, err = subjectName(der) }); n > uint64(512*len(der)+64<<10) {
			t.Errorf("%d bytes allocated for %d", n, len(der))
		}
		if err != nil && text != "" {
			t.Errorf("%q and %v", text, err)
		}
	})
}

// issue makes a certificate, its own issuer where there is none.
func issue(t *testing.T, subject pkix.RDNSequence, issuer *tls.Certificate) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := asn1.Marshal(subject)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), RawSubject: raw, NotAfter: time.Now().Add(time.Hour), IsCA: issuer == nil,
		BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	parent, signer := c, any(key)
	if issuer != nil {
		parent, signer = issuer.Leaf, issuer.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// handshake returns what the server knows of a client that offers certificates.
func handshake(t *testing.T, server *tls.Config, offered ...tls.Certificate) *Connection {
	t.Helper()
	near, far := net.Pipe()
	defer func() { _, _ = near.Close(), far.Close() }()
	client := tls.Client(far, &tls.Config{InsecureSkipVerify: true, Certificates: offered}) //nolint:gosec // the client is the one who is judged
	done := make(chan error, 1)
	go func() {
		err := client.HandshakeContext(t.Context())
		_, _ = client.Read(make([]byte, 1)) // what the server still sends
		done <- err
	}()
	s := tls.Server(near, server)
	if err := s.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	state := s.ConnectionState()
	_ = s.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return &Connection{Address: "127.0.0.1", TLS: &state}
}

// covers: A18
func TestCertificates(t *testing.T) {
	ca := issue(t, pkix.RDNSequence{name(oidCN, "ca")}, nil)
	pool := x509.NewCertPool()
	pool.AddCert(ca.Leaf)
	bob := issue(t, pkix.RDNSequence{name(oidO, "Example, Inc"), name(oidCN, "bob")}, ca)
	want := tls.RequireAndVerifyClientCert
	config := func(a tls.ClientAuthType) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{*issue(t, pkix.RDNSequence{name(oidCN, "server")}, ca)}, ClientCAs: pool, ClientAuth: a}
	}
	p := providers(t, Options{X509: true})
	conn := handshake(t, config(want), *bob)
	secured := func(p *Providers, c *Connection) []string {
		ids, err := p.Secured(c)
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return texts(ids)
	}
	if got := secured(p, conn); !slices.Equal(got, []string{`x509:CN=bob,O=Example\, Inc`}) {
		t.Errorf("got %q", got)
	}
	if ids, err := p.Identify("x509", []byte("CN=admin"), conn); err != nil || !slices.Equal(texts(ids), []string{`x509:CN=bob,O=Example\, Inc`}) {
		t.Errorf("an auth request: %v, %v", ids, err)
	}
	super := providers(t, Options{X509: true, X509Super: `CN=bob,O=Example\, Inc`})
	if got := secured(super, conn); !slices.Equal(got, []string{`x509:CN=bob,O=Example\, Inc`, `super:CN=bob,O=Example\, Inc`}) {
		t.Errorf("the super user: %q", got)
	}
	if got := secured(providers(t, Options{}), conn); got != nil {
		t.Errorf("while x509 is not enabled: %q", got)
	}
	if got := secured(p, handshake(t, config(tls.VerifyClientCertIfGiven))); got != nil {
		t.Errorf("without a certificate: %q", got)
	}
	anybody := config(tls.RequireAnyClientCert)
	anybody.ClientCAs = nil
	unverified := handshake(t, anybody, *issue(t, pkix.RDNSequence{name(oidCN, "bob")}, nil))
	if ids, err := p.Secured(unverified); !errors.Is(err, ErrRefused) || ids != nil {
		t.Errorf("a certificate that nobody vouched for: %v, %v", ids, err)
	}
	if ids, err := p.Identify("x509", nil, somebody); !errors.Is(err, ErrRefused) || ids != nil {
		t.Errorf("without TLS: %v, %v", ids, err)
	}
}
