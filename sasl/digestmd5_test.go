package sasl

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
)

// TestResponseOfTheStandard is the example of RFC 2831, section 4.
func TestResponseOfTheStandard(t *testing.T) {
	p := proof{user: "chris", realm: "elwood.innosoft.com", password: "secret", nonce: "OA6MG9tEQGm2hh", cnonce: "OA6MHXh6VqTrRk", uri: "imap/elwood.innosoft.com"}
	if got := p.response("AUTHENTICATE"); got != "d388dad90d4bbd760a152321f2143af7" {
		t.Errorf("the client's proof: %s", got)
	}
	if got := p.response(""); got != "ea40f60335c427b5527b84dbabcdfffd" {
		t.Errorf("the server's proof: %s", got)
	}
}

func respond(t testing.TB, c Conversation, token string) string {
	t.Helper()
	b, err := c.Respond([]byte(token))
	if err != nil {
		t.Fatalf("%q: %v", token, err)
	}
	return string(b)
}

// challenged returns a conversation that waits for its answer, and a client's
// right answer.
func challenged(t testing.TB) (Conversation, string) {
	t.Helper()
	s := NewDigestMD5(map[string]string{"bob": "pw", "eve": "x"}).Begin()
	challenge := respond(t, s, "")
	answer, _, err := NewDigestMD5Client("bob", "pw").Respond([]byte(challenge))
	if err != nil {
		t.Fatal(err)
	}
	return s, string(answer)
}

func TestLogin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		user, password := rapid.StringN(1, 20, -1).Draw(rt, "user"), rapid.String().Draw(rt, "password")
		s, c := NewDigestMD5(map[string]string{user: password}).Begin(), NewDigestMD5Client(user, password)
		token, err := c.First()
		for done := false; !done; {
			if err != nil {
				rt.Fatal(err)
			}
			if token, err = s.Respond(token); err != nil {
				rt.Fatal(err)
			}
			token, done, err = c.Respond(token)
		}
		if name, ok := s.Name(); err != nil || !ok || name != user {
			rt.Fatalf("logged in as %q, %v, %v", name, ok, err)
		}
	})
}

func TestEveryRefusal(t *testing.T) {
	replace := func(old, with string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, with, 1) }
	}
	for what, change := range map[string]func(string) string{
		"another user":        replace(`"bob"`, `"eve"`),
		"an unknown user":     replace(`"bob"`, `"nobody"`),
		"no user":             replace(`username="bob",`, ""),
		"another realm":       replace(`realm="zk-sasl-md5"`, `realm="x"`),
		"no realm":            replace(`realm="zk-sasl-md5",`, ""),
		"another nonce":       replace(`,nonce="`, `,nonce="x`),
		"no client nonce":     replace("cnonce=", "other="),
		"a nonce used twice":  replace("nc=00000001", "nc=00000002"),
		"signed messages":     replace("qop=auth", "qop=auth-int"),
		"another service":     replace("zookeeper/", "http/"),
		"another server":      replace("/zk-sasl-md5", "/elsewhere"),
		"no URI":              replace("digest-uri=", "other="),
		"no response":         replace("response=", "other="),
		"a short response":    func(s string) string { return s[:len(s)-1] },
		"another character":   replace("charset=utf-8", "charset=latin1"),
		"twice the same word": func(s string) string { return s + `,username="bob"` },
		"to act for another":  func(s string) string { return s + `,authzid="super"` },
		"an open quote":       func(s string) string { return s + `,x="` },
		"no directives":       func(string) string { return "bob:pw" },
		"nothing":             func(string) string { return "" },
		"too much":            func(s string) string { return s + ",x=" + strings.Repeat("x", tokenBytesMax) },
	} {
		s, answer := challenged(t)
		if got, err := s.Respond([]byte(change(answer))); !errors.Is(err, ErrRefused) || got != nil {
			t.Errorf("%s: got %q, %v", what, got, err)
		}
		if name, ok := s.Name(); ok || name != "" {
			t.Errorf("%s: logged in as %q", what, name)
		}
		if _, err := s.Respond([]byte(answer)); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: the right answer is too late and was taken: %v", what, err)
		}
	}
}

func TestWhatIsTolerated(t *testing.T) {
	for what, change := range map[string]func(string) string{
		"as it is":        func(s string) string { return s },
		"an unknown word": func(s string) string { return s + ` , foo = bar ,, baz="a,\"b"` },
		"no qop":          func(s string) string { return strings.Replace(s, "qop=auth,", "", 1) },
		"no charset":      func(s string) string { return strings.Replace(s, "charset=utf-8,", "", 1) },
		"qop in quotes":   func(s string) string { return strings.Replace(s, "qop=auth", `qop="auth"`, 1) },
	} {
		s, answer := challenged(t)
		respond(t, s, change(answer))
		if name, ok := s.Name(); !ok || name != "bob" {
			t.Errorf("%s: logged in as %q, %v", what, name, ok)
		}
	}
}

func TestAServerMustProveItself(t *testing.T) {
	for _, challenge := range []string{"", "x", `realm="r",algorithm=md5-sess`, `nonce="n",algorithm=md5`} {
		if _, _, err := NewDigestMD5Client("bob", "pw").Respond([]byte(challenge)); !errors.Is(err, ErrServer) {
			t.Errorf("challenge %q: %v", challenge, err)
		}
	}
	c := NewDigestMD5Client("bob", "pw")
	if _, _, err := c.Respond([]byte(`realm="zk-sasl-md5",nonce="n",charset=utf-8,algorithm=md5-sess`)); err != nil {
		t.Fatal(err)
	}
	if _, done, err := c.Respond([]byte("rspauth=00")); done || !errors.Is(err, ErrServer) {
		t.Errorf("a wrong proof: %v, %v", done, err)
	}
}

func FuzzDirectives(f *testing.F) {
	f.Add(`realm="zk-sasl-md5",nonce="a\"b",charset=utf-8 , x= y,`)
	f.Add(`a="`)
	f.Add(`a="\`)
	f.Fuzz(func(t *testing.T, s string) {
		var d map[string]string
		var ok bool
		if n := allocation.Bytes(func() { d, ok = parseDirectives(s) }); n > uint64(128*len(s)+64<<10) {
			t.Errorf("%d bytes allocated for %d", n, len(s))
		}
		if !ok {
			return
		}
		var again strings.Builder
		for k, v := range d {
			again.WriteString(k + "=" + quoted(v) + ",")
		}
		d2, ok := parseDirectives(again.String())
		if !ok || len(d2) != len(d) {
			t.Fatalf("%q reads as %q, which does not read back", s, d)
		}
		for k, v := range d {
			if d2[k] != v {
				t.Fatalf("%q: %s is %q, then %q", s, k, v, d2[k])
			}
		}
	})
}
