package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/zabkeeper/zabkeeper/node/auth"
	"github.com/zabkeeper/zabkeeper/wire"
)

// A18: a connection with TLS has the identity of its certificate before its first
// request.
//
// covers: A18
func TestACertificateIsAnIdentity(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) {
		o.Auth = auth.Options{X509: true, X509Super: "CN=bob", Enforce: []string{"x509"}}
	})
	c.awaitServing()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bob"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	own := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}

	near, far := net.Pipe()
	c.nodes[0].admit(tls.Server(near, &tls.Config{Certificates: own, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}))
	nc := tls.Client(far, &tls.Config{Certificates: own, InsecureSkipVerify: true}) //nolint:gosec // the client is the one who is judged
	defer func() { _ = nc.Close() }()
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	exchange := func(payload []byte) wire.Reader {
		t.Helper()
		if _, err := nc.Write(wire.EndFrame(append(wire.BeginFrame(nil), payload...), 0)); err != nil {
			t.Fatal(err)
		}
		var length [wire.FrameHeaderBytes]byte
		if _, err := io.ReadFull(nc, length[:]); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, binary.BigEndian.Uint32(length[:]))
		if _, err := io.ReadFull(nc, b); err != nil {
			t.Fatal(err)
		}
		return wire.NewReader(b)
	}
	exchange((&wire.ConnectRequest{TimeoutMs: 10_000, Password: make([]byte, wire.PasswordBytes)}).Append(nil))
	r := exchange(wire.RequestHeader{Xid: 1, Op: wire.OpWhoAmI}.Append(nil))
	var h wire.ReplyHeader
	var ids wire.WhoAmIResponse
	h.Decode(&r)
	ids.Decode(&r)
	want := []wire.ID{{Scheme: "ip", ID: "pipe"}, {Scheme: "x509", ID: "CN=bob"}, {Scheme: "super", ID: "CN=bob"}}
	if h.Err != wire.OK || !r.OK() || !slices.Equal(ids.Clients, want) {
		t.Errorf("got %+v, %v; want %v", h, ids.Clients, want)
	}
}
