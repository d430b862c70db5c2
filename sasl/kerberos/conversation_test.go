package kerberos

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"
	"github.com/zabkeeper/zabkeeper/sasl"
	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
)

const server = "zookeeper/localhost"

// realmOf makes a mechanism, and the keys with which a KDC would make tickets.
func realmOf(t testing.TB, o Options) (*Mechanism, *keytab.Keytab) {
	t.Helper()
	keys := keytab.New()
	if err := keys.AddEntry(server, "R", "secret", time.Now(), 1, etypeID.AES256_CTS_HMAC_SHA1_96); err != nil {
		t.Fatal(err)
	}
	b, err := keys.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	o.Keytab, o.Principal = filepath.Join(t.TempDir(), "keytab"), server+"@R"
	if err := os.WriteFile(o.Keytab, b, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m, keys
}

// ticketOf is a client's first token, and the key of what follows.
func ticketOf(t testing.TB, keys *keytab.Keytab, name, realm string, from, to time.Duration, flags ...int) ([]byte, types.EncryptionKey) {
	t.Helper()
	conf := config.New()
	cl := client.NewWithPassword(name, realm, "x", conf)
	at := func(d time.Duration) time.Time { return time.Now().UTC().Add(d) }
	tkt, session, err := messages.NewTicket(cl.Credentials.CName(), realm, types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, server), "R", types.NewKrbFlags(), keys,
		etypeID.AES256_CTS_HMAC_SHA1_96, 1, at(from), at(from), at(to), at(to))
	if err != nil {
		t.Fatal(err)
	}
	token, err := spnego.NewKRB5TokenAPREQ(cl, tkt, session, flags, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := token.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := token.APReq.DecryptAuthenticator(session); err != nil {
		t.Fatal(err)
	}
	if sub := token.APReq.Authenticator.SubKey; len(sub.KeyValue) > 0 {
		return b, sub
	}
	return b, session
}

// choose is a client's last token.
func choose(t testing.TB, key types.EncryptionKey, payload string) []byte {
	t.Helper()
	w, err := gssapi.NewInitiatorWrapToken([]byte(payload), key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func answered(t *testing.T, c sasl.Conversation, token []byte) []byte {
	t.Helper()
	b, err := c.Respond(token)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		client string
		o      Options
		want   string
	}{
		{"bob", Options{}, "bob@R"},
		{"bob", Options{RemoveRealm: true}, "bob"},
		{"bob/host", Options{}, "bob/host@R"},
		{"bob/host", Options{RemoveHost: true}, "bob@R"},
		{"bob/host", Options{RemoveHost: true, RemoveRealm: true}, "bob"},
	} {
		m, keys := realmOf(t, test.o)
		for _, as := range []string{"", test.client + "@R", test.want} {
			token, key := ticketOf(t, keys, test.client, "R", -time.Minute, time.Hour)
			c := m.Begin()
			offer := answered(t, c, token)
			var w gssapi.WrapToken
			if err := w.Unmarshal(offer, true); err != nil {
				t.Fatal(err)
			}
			if ok, err := w.Verify(key, keyusage.GSSAPI_ACCEPTOR_SEAL); !ok || string(w.Payload) != "\x01\x00\x00\x00" {
				t.Errorf("the offer is %q, %v", w.Payload, err)
			}
			if _, ok := c.Name(); ok {
				t.Error("logged in before the end")
			}
			answered(t, c, choose(t, key, "\x01\x00\x00\x00"+as))
			if name, ok := c.Name(); !ok || name != test.want {
				t.Errorf("%s as %q: got %q, %v, want %q", test.client, as, name, ok, test.want)
			}
			if _, err := c.Respond(nil); !errors.Is(err, sasl.ErrRefused) {
				t.Errorf("behind the end: %v", err)
			}
		}
	}
}

func TestTheServersProofComesFirst(t *testing.T) {
	m, keys := realmOf(t, Options{})
	token, key := ticketOf(t, keys, "bob", "R", -time.Minute, time.Hour, gssapi.ContextFlagMutual)
	c := m.Begin()
	var rep spnego.KRB5Token
	if err := rep.Unmarshal(answered(t, c, token)); err != nil || !rep.IsAPRep() {
		t.Errorf("the proof: %v", err)
	}
	answered(t, c, nil)
	answered(t, c, choose(t, key, "\x01\x00\x00\x00"))
	if name, ok := c.Name(); !ok || name != "bob@R" {
		t.Errorf("got %q, %v", name, ok)
	}
}

func TestRefusals(t *testing.T) {
	m, keys := realmOf(t, Options{})
	_, others := realmOf(t, Options{})
	others.Entries[0].Key.KeyValue[0] ^= 1
	good, _ := ticketOf(t, keys, "bob", "R", -time.Minute, time.Hour)
	answered(t, m.Begin(), good)
	first := func(keys *keytab.Keytab, name, realm string, from, to time.Duration) []byte {
		b, _ := ticketOf(t, keys, name, realm, from, to)
		return b
	}
	for what, token := range map[string][]byte{
		"a ticket used twice":     good,
		"an expired ticket":       first(keys, "bob", "R", -2*time.Hour, -time.Hour),
		"a ticket of tomorrow":    first(keys, "bob", "R", 23*time.Hour, 24*time.Hour),
		"another key":             first(others, "bob", "R", -time.Minute, time.Hour),
		"another realm":           first(keys, "bob", "S", -time.Minute, time.Hour),
		"a name of three parts":   first(keys, "a/b/c", "R", -time.Minute, time.Hour),
		"nothing":                 nil,
		"no ticket":               {gssTag, 3, 6, 1, 42},
		"more than is acceptable": make([]byte, tokenBytesMax+1),
	} {
		c := m.Begin()
		if answer, err := c.Respond(token); !errors.Is(err, sasl.ErrRefused) || answer != nil {
			t.Errorf("%s: got %x, %v", what, answer, err)
		}
		if _, err := c.Respond(first(keys, "bob", "R", -time.Minute, time.Hour)); !errors.Is(err, sasl.ErrRefused) {
			t.Errorf("%s: a second attempt: %v", what, err)
		}
	}
	for what, payload := range map[string]string{"to sign": "\x02\x00\xff\xff", "nothing": "\x01", "to be another": "\x01\x00\x00\x00super"} {
		c := m.Begin()
		token, key := ticketOf(t, keys, "bob", "R", -time.Minute, time.Hour)
		answered(t, c, token)
		if answer, err := c.Respond(choose(t, key, payload)); !errors.Is(err, sasl.ErrRefused) || answer != nil {
			t.Errorf("a client that chooses %s: got %x, %v", what, answer, err)
		}
		if name, ok := c.Name(); ok || name != "" {
			t.Errorf("a client that chooses %s is %q", what, name)
		}
	}
	c := m.Begin()
	token, key := ticketOf(t, keys, "bob", "R", -time.Minute, time.Hour)
	answered(t, c, token)
	key.KeyValue[0] ^= 1
	if _, err := c.Respond(choose(t, key, "\x01\x00\x00\x00")); !errors.Is(err, sasl.ErrRefused) {
		t.Errorf("a choice signed by somebody else: %v", err)
	}
}

func TestNewMistakes(t *testing.T) {
	m, _ := realmOf(t, Options{})
	for want, o := range map[string]Options{
		"write it like":               {Keytab: m.opt.Keytab, Principal: "zookeeper/localhost"},
		"has no key of zookeeper/x@R": {Keytab: m.opt.Keytab, Principal: "zookeeper/x@R"},
		"no such file or directory":   {Keytab: m.opt.Keytab + "x", Principal: server + "@R"},
	} {
		if _, err := New(o); !errors.Is(err, ErrKeytab) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %s", o, err, want)
		}
	}
}

func FuzzTokens(f *testing.F) {
	m, keys := realmOf(f, Options{})
	token, _ := ticketOf(f, keys, "bob", "R", -time.Minute, time.Hour)
	f.Add(token)
	f.Add(token[:40])
	f.Fuzz(func(t *testing.T, token []byte) {
		c := m.Begin()
		var err error
		if n := allocation.Bytes(func() { _, err = c.Respond(token) }); n > uint64(1024*len(token)+1<<20) {
			t.Errorf("%d bytes allocated for %d", n, len(token))
		}
		if _, ok := c.Name(); ok || err != nil && !errors.Is(err, sasl.ErrRefused) {
			t.Errorf("logged in %v, %v", ok, err)
		}
	})
}
