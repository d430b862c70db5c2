package sasl

import (
	"crypto/md5" //nolint:gosec // the mechanism is MD5 by definition
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// The names that ZooKeeper's servers and clients put into DIGEST-MD5, whatever
// their hosts are called.
const (
	digestRealm = "zk-sasl-md5"
	digestURI   = "zookeeper/zk-sasl-md5"
)

// tokenBytesMax bounds a client's token, as in RFC 2831.
const tokenBytesMax = 4096

// firstUse is the only count of uses of a nonce that is known: every login has
// its own.
const firstUse = "00000001"

// DigestMD5 is RFC 2831 with authentication only: passwords are never sent, and
// what follows the login is neither signed nor encrypted.
type DigestMD5 struct {
	passwords map[string]string
}

// NewDigestMD5 offers DIGEST-MD5 to users with these passwords.
func NewDigestMD5(passwords map[string]string) *DigestMD5 { return &DigestMD5{passwords: passwords} }

// Takes is true: DIGEST-MD5 begins with the server's challenge, whatever the
// client sends to ask for it.
func (*DigestMD5) Takes([]byte) bool { return true }

// Begin starts a conversation with a nonce of its own.
func (d *DigestMD5) Begin() Conversation { return &digestServer{mechanism: d, nonce: rand.Text()} }

type digestPhase uint8

const (
	digestBegun digestPhase = iota
	digestChallenged
	digestComplete
	digestRefused
)

type digestServer struct {
	mechanism *DigestMD5
	nonce     string
	phase     digestPhase
	user      string
}

// Name implements Conversation.
func (s *digestServer) Name() (string, bool) { return s.user, s.phase == digestComplete }

// Respond implements Conversation.
func (s *digestServer) Respond(token []byte) ([]byte, error) {
	switch s.phase {
	case digestBegun:
		s.phase = digestChallenged
		return fmt.Appendf(nil, "realm=%q,nonce=%q,charset=utf-8,algorithm=md5-sess", digestRealm, s.nonce), nil
	case digestChallenged:
		s.phase = digestRefused
		answer, err := s.verify(token)
		if err == nil {
			s.phase = digestComplete
		}
		return answer, err
	case digestComplete, digestRefused:
	}
	return nil, fmt.Errorf("%w: a token behind the end of the conversation", ErrRefused)
}

// verify checks everything a client's answer must say and returns the proof that
// the server knows the password too.
func (s *digestServer) verify(token []byte) ([]byte, error) {
	if len(token) > tokenBytesMax {
		return nil, fmt.Errorf("%w: a token of %d bytes, want at most %d", ErrRefused, len(token), tokenBytesMax)
	}
	d, ok := parseDirectives(string(token))
	if !ok {
		return nil, fmt.Errorf("%w: the answer is not a list of directives", ErrRefused)
	}
	charset, utf8 := d["charset"]
	authzid, hasAuthzid := d["authzid"]
	if !utf8 {
		d["username"], d["realm"], authzid = fromLatin1(d["username"]), fromLatin1(d["realm"]), fromLatin1(authzid)
	}
	qop := orDefault(d["qop"], "auth")
	for _, c := range []struct {
		what, got, want string
	}{
		{"charset", strings.ToLower(orDefault(charset, "utf-8")), "utf-8"}, {"realm", d["realm"], digestRealm}, {"nonce", d["nonce"], s.nonce},
		{"nc", d["nc"], firstUse}, {"qop", qop, "auth"}, {"digest-uri", strings.ToLower(d["digest-uri"]), digestURI},
	} {
		if c.got != c.want {
			return nil, fmt.Errorf("%w: %s is %q, want %q", ErrRefused, c.what, c.got, c.want)
		}
	}
	if d["username"] == "" || d["cnonce"] == "" {
		return nil, fmt.Errorf("%w: no username or no cnonce", ErrRefused)
	}
	// Nobody may act for somebody else.
	if authzid != "" && authzid != d["username"] {
		return nil, fmt.Errorf("%w: user %q asks to act as %q", ErrRefused, d["username"], authzid)
	}
	password, known := s.mechanism.passwords[d["username"]]
	if !known {
		password = rand.Text() // so that an unknown user takes as long as a wrong password
	}
	p := proof{user: d["username"], realm: d["realm"], password: password, nonce: s.nonce, cnonce: d["cnonce"], uri: d["digest-uri"],
		authzid: d["authzid"], hasAuthzid: hasAuthzid}
	if subtle.ConstantTimeCompare([]byte(p.response("AUTHENTICATE")), []byte(d["response"])) != 1 || !known {
		return nil, fmt.Errorf("%w: wrong password or unknown user %q", ErrRefused, d["username"])
	}
	s.user = d["username"]
	return []byte("rspauth=" + p.response("")), nil
}

// digestClient is the client's side.
type digestClient struct {
	user, password string
	proof          proof
	answered       bool
}

// NewDigestMD5Client logs a user in with DIGEST-MD5.
func NewDigestMD5Client(user, password string) ClientConversation {
	return &digestClient{user: user, password: password}
}

// First asks for the challenge.
func (*digestClient) First() ([]byte, error) { return []byte{}, nil }

// Respond implements ClientConversation.
func (c *digestClient) Respond(token []byte) ([]byte, bool, error) {
	d, ok := parseDirectives(string(token))
	if !ok {
		return nil, false, fmt.Errorf("%w: %d bytes that are not a list of directives", ErrServer, len(token))
	}
	if c.answered {
		if subtle.ConstantTimeCompare([]byte(c.proof.response("")), []byte(d["rspauth"])) != 1 {
			return nil, false, fmt.Errorf("%w: it does not know the password of %q", ErrServer, c.user)
		}
		return nil, true, nil
	}
	if d["nonce"] == "" || d["algorithm"] != "md5-sess" {
		return nil, false, fmt.Errorf("%w: a challenge without nonce or with algorithm %q, want md5-sess", ErrServer, d["algorithm"])
	}
	c.answered = true
	c.proof = proof{user: c.user, realm: d["realm"], password: c.password, nonce: d["nonce"], cnonce: rand.Text(), uri: digestURI}
	p := &c.proof
	return fmt.Appendf(nil, "charset=utf-8,username=%s,realm=%s,nonce=%s,nc=%s,cnonce=%s,digest-uri=%s,qop=auth,response=%s",
		quoted(p.user), quoted(p.realm), quoted(p.nonce), firstUse, quoted(p.cnonce), quoted(p.uri), p.response("AUTHENTICATE")), false, nil
}

// proof is what both sides compute a response from.
type proof struct {
	user, realm, password string
	nonce, cnonce, uri    string
	authzid               string
	hasAuthzid            bool
}

// response is the value of RFC 2831, section 2.1.2.1; the server's proof has an
// empty method.
func (p *proof) response(method string) string {
	secret := md5.Sum([]byte(toLatin1(p.user) + ":" + toLatin1(p.realm) + ":" + toLatin1(p.password))) //nolint:gosec // see above
	a1 := string(secret[:]) + ":" + p.nonce + ":" + p.cnonce
	if p.hasAuthzid {
		a1 += ":" + p.authzid
	}
	return hexMD5(hexMD5(a1) + ":" + p.nonce + ":" + firstUse + ":" + p.cnonce + ":auth:" + hexMD5(method+":"+p.uri))
}

func hexMD5(s string) string {
	sum := md5.Sum([]byte(s)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
