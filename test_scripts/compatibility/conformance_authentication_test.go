package compatibility

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/sasl"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
	"github.com/zabkeeper/zabkeeper/wire"
)

// users is a JAAS file.
const users = `Server {
	org.apache.zookeeper.server.auth.DigestLoginModule required
	user_super="secret"
	user_bob="pw";
};`

const provider = "org.apache.zookeeper.server.auth."

// authenticationSetups are servers with settings of their own, each with the rows
// that need them.
var authenticationSetups = []struct {
	name string
	Configuration
	rows []row
}{
	{"logins", Configuration{JAAS: users, Lines: "authProvider.1=" + provider + "SASLAuthenticationProvider\nauthProvider.2=" + provider +
		"EnsembleAuthenticationProvider\nensembleAuthName=alpha,beta\nsuperUser=super\n"}, []row{
		{"A16", "", checkLogin}, {"A16 refusals", "", checkLoginRefusals}, {"A22", "", checkEnsemble},
	}},
	{"enforced", Configuration{Lines: "enforce.auth.enabled=true\nenforce.auth.schemes=digest, sasl\nauthProvider.1=" + provider + "SASLAuthenticationProvider\nskipACL=yes\n"}, []row{
		{"A19", "", checkEnforcement}, {"A20", "", checkSkipACL},
	}},
	{"required", Configuration{JAAS: users, Lines: "sessionRequireClientSASLAuth=true\nauthProvider.1=" + provider + "SASLAuthenticationProvider\n"}, []row{
		{"A19 sasl", "", checkRequiredLogin},
	}},
	{"allowed", Configuration{JAAS: users, Lines: "allowSaslFailedClients=true\nauthProvider.1=" + provider + "SASLAuthenticationProvider\n"}, []row{
		{"A16 allowed", "", checkAllowedFailure},
	}},
}

// TestConformanceOfAuthentication is TestConformance for rows that need other
// settings.
func TestConformanceOfAuthentication(t *testing.T) {
	for _, setup := range authenticationSetups {
		t.Run(setup.name, func(t *testing.T) {
			port := func() int { return processes.FreePorts(t, 1)[0] }
			servers := []*Server{started(t)(StartZabkeeper(processes.Binary, filepath.Join(memoryDir(t), "zabkeeper"), port(), setup.Configuration))}
			if ZooKeeperInstalled() {
				servers = append(servers, started(t)(StartZooKeeper(filepath.Join(memoryDir(t), "zookeeper"), port(), setup.Configuration)))
			}
			for _, r := range setup.rows {
				for _, s := range servers {
					t.Run(r.id+"/"+s.Name, func(t *testing.T) { r.check(t, s) })
				}
			}
		})
	}
}

// TestUnknownSchemesAreNotEnforced: a server that would let nobody in does not
// start.
func TestUnknownSchemesAreNotEnforced(t *testing.T) {
	c := Configuration{Lines: "enforce.auth.enabled=true\nenforce.auth.schemes=digest,nonesuch\n"}
	port := processes.FreePorts(t, 2)
	ours, err := StartZabkeeper(processes.Binary, filepath.Join(memoryDir(t), "zabkeeper"), port[0], c)
	if err == nil || !strings.Contains(err.Error(), `"nonesuch": no such authentication scheme; use one of ip, digest`) {
		t.Errorf("zabkeeper: %v", err)
		ours.Kill()
	}
	if !ZooKeeperInstalled() {
		return
	}
	reference, err := StartZooKeeper(filepath.Join(memoryDir(t), "zookeeper"), port[1], c)
	if err == nil || !strings.Contains(err.Error(), "Authentication scheme nonesuch is not available") {
		t.Errorf("ZooKeeper: %v", err)
		reference.Kill()
	}
}

// token sends a sasl request and returns the answer.
func (u *user) token(token []byte) ([]byte, wire.ErrorCode) {
	u.t.Helper()
	xid := u.send(wire.OpSASL, (&wire.SASLToken{Token: token}).Append(nil))
	reply := u.receive()
	r := wire.NewReader(reply.Body)
	answer := r.Buffer()
	if reply.Xid != xid || reply.Zxid != 0 || !r.OK() || len(r.Rest()) > 0 || reply.Err != wire.OK && answer != nil {
		u.t.Errorf("sasl: got %+v, want xid %d, zxid 0 and a token that is null in an error", reply, xid)
	}
	return answer, reply.Err
}

// answerTo is a user's answer to the challenge of a connection.
func (u *user) answerTo(name, password string) string {
	u.t.Helper()
	challenge, code := u.token([]byte{})
	if code != wire.OK {
		u.t.Fatalf("no challenge: %v", code)
	}
	answer, _, err := sasl.NewDigestMD5Client(name, password).Respond(challenge)
	if err != nil {
		u.t.Fatal(err)
	}
	return string(answer)
}

func (u *user) login(name, password string) wire.ErrorCode {
	u.t.Helper()
	_, code := u.token([]byte(u.answerTo(name, password)))
	return code
}

func checkLogin(t *testing.T, s *Server) {
	u, bob, super := connect(t, s), connect(t, s), connect(t, s)
	conversation := sasl.NewDigestMD5Client("bob", "pw")
	token, err := conversation.First()
	if err != nil {
		t.Fatal(err)
	}
	for done := false; !done; {
		answer, code := bob.token(token)
		if token, done, err = conversation.Respond(answer); err != nil || code != wire.OK {
			t.Fatalf("%v, %v", code, err)
		}
	}
	equal(t, "ids", whoAmI(bob), map[string]int{"ip:127.0.0.1": 1, "sasl:bob": 1})
	path := home(t, u)
	u.madeFor(path+"/a", entry(31, "sasl", "bob"))
	equal(t, "another", u.read(wire.OpGetData, path+"/a", false), wire.ErrNoAuth)
	equal(t, "bob", bob.read(wire.OpGetData, path+"/a", false), wire.OK)
	bob.madeFor(path+"/b", entry(31, "auth", ""))
	equal(t, "expanded", bob.acl(path+"/b"), []string{"31 sasl:bob"})
	equal(t, "after a reconnect", bob.again().read(wire.OpGetData, path+"/a", false), wire.ErrNoAuth)
	for id, want := range map[string]wire.ErrorCode{"": wire.OK, "a b": wire.OK, "a/b@c": wire.OK, "a/b/c": wire.OK, "a@b@c": wire.ErrInvalidACL, "a@b/c": wire.ErrInvalidACL} {
		equal(t, "id "+id, u.setACL(path, -1, wire.WorldAnyone(31), entry(31, "sasl", id)), want)
	}
	u.madeFor(path+"/none", wire.WorldAnyone(0))
	equal(t, "the super user's login", super.login("super", "secret"), wire.OK)
	equal(t, "the super user", super.read(wire.OpGetData, path+"/none", false), wire.OK)
	equal(t, "ids of the super user", whoAmI(super), map[string]int{"ip:127.0.0.1": 1, "sasl:super": 1, "super:": 1})
}

func checkLoginRefusals(t *testing.T, s *Server) {
	change := func(old, with string) func(string) string {
		return func(answer string) string { return strings.Replace(answer, old, with, 1) }
	}
	for what, change := range map[string]func(string) string{
		"a wrong response": change("response=", "response=0"),
		"another realm":    change(`realm="zk-sasl-md5"`, `realm="x"`),
		"another server":   change(`"zookeeper/zk-sasl-md5"`, `"zookeeper/x"`),
		"another nonce":    change(`,nonce="`, `,nonce="x`),
		"signed messages":  change("qop=auth", "qop=auth-int"),
		"no client nonce":  change("cnonce=", "other="),
		"nothing":          func(string) string { return "" },
	} {
		u := connect(t, s)
		_, code := u.token([]byte(change(u.answerTo("bob", "pw"))))
		equal(t, what, code, wire.ErrAuthFailed)
		u.ends()
	}
	u := connect(t, s)
	equal(t, "a wrong password", u.login("bob", "wrong"), wire.ErrAuthFailed)
	u.ends()
	u = connect(t, s)
	equal(t, "bob", u.login("bob", "pw"), wire.OK)
	_, code := u.token([]byte{})
	equal(t, "a second login", code, wire.ErrAuthFailed)
	u.ends()
	u = connect(t, s)
	equal(t, "an auth request", u.auth("sasl", "bob:pw"), wire.ErrAuthFailed)
	u.ends()
	for _, body := range [][]byte{{0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 9, 1}} {
		u = connect(t, s)
		u.send(wire.OpSASL, body)
		u.ends()
	}
}

func checkAllowedFailure(t *testing.T, s *Server) {
	u := connect(t, s)
	equal(t, "a wrong password", u.login("bob", "wrong"), wire.OK)
	equal(t, "ids", whoAmI(u), map[string]int{"ip:127.0.0.1": 1})
	token, code := u.token([]byte{})
	equal(t, "another attempt", fmt.Sprint(token == nil, code), fmt.Sprint(true, wire.OK))
}

func checkEnsemble(t *testing.T, s *Server) {
	for _, name := range []string{"alpha", "beta", ""} {
		u := connect(t, s)
		equal(t, name, u.auth("ensemble", name), wire.OK)
		equal(t, "ids", whoAmI(u), map[string]int{"ip:127.0.0.1": 1})
	}
	for _, name := range []string{"gamma", "alpha,beta"} {
		u := connect(t, s)
		p := wire.AuthPacket{Scheme: []byte("ensemble"), Auth: []byte(name)}
		if err := u.conn.Request(wire.XidAuth, wire.OpAuth, p.Append(nil)); err != nil {
			t.Fatal(err)
		}
		u.ends()
	}
	u := connect(t, s)
	equal(t, "in an ACL", u.setACL("/", -1, entry(31, "ensemble", "alpha")), wire.ErrInvalidACL)
}

// refusedUntilAuthenticated checks that every operation is refused on a
// connection of its own.
func refusedUntilAuthenticated(t *testing.T, s *Server) {
	t.Helper()
	for _, op := range []wire.OpCode{wire.OpExists, wire.OpCreate, wire.OpSync, wire.OpPing, wire.OpWhoAmI, wire.OpMulti, wire.OpSetWatches, wire.OpCloseSession, 77} {
		u := connect(t, s)
		reply := u.do(op, nil)
		if reply.Err != wire.ErrSessionClosedRequireSASLAuth || reply.Zxid != 0 || len(reply.Body) > 0 {
			t.Errorf("%v: got %+v", op, reply)
		}
		u.ends()
	}
}

func checkEnforcement(t *testing.T, s *Server) {
	refusedUntilAuthenticated(t, s)
	u := connect(t, s)
	equal(t, "an address is not enough", u.auth("ip", ""), wire.OK)
	equal(t, "refused", u.read(wire.OpExists, "/", false), wire.ErrSessionClosedRequireSASLAuth)
	u.ends()
	u = connect(t, s)
	two := AppendRequest(AppendRequest(nil, 1, wire.OpExists, watchRecord("/", false)), 2, wire.OpExists, watchRecord("/", false))
	if err := u.conn.Write(two); err != nil {
		t.Fatal(err)
	}
	equal(t, "the first of two", u.receive().Err, wire.ErrSessionClosedRequireSASLAuth)
	u.ends()
	u = connect(t, s)
	equal(t, "digest", u.auth("digest", "anybody:x"), wire.OK)
	equal(t, "admitted", u.read(wire.OpExists, "/", false), wire.OK)
	equal(t, "after a reconnect", u.again().read(wire.OpExists, "/", false), wire.ErrSessionClosedRequireSASLAuth)
}

func checkRequiredLogin(t *testing.T, s *Server) {
	refusedUntilAuthenticated(t, s)
	u := connect(t, s)
	u.auth("digest", "bob:pw")
	equal(t, "with digest", u.read(wire.OpExists, "/", false), wire.ErrSessionClosedRequireSASLAuth)
	u.ends()
	u = connect(t, s)
	equal(t, "a wrong password", u.login("bob", "wrong"), wire.ErrSessionClosedRequireSASLAuth)
	u.ends()
	u = connect(t, s)
	equal(t, "a login", u.login("bob", "pw"), wire.OK)
	equal(t, "admitted", u.read(wire.OpExists, "/", false), wire.OK)
}

func checkSkipACL(t *testing.T, s *Server) {
	u := connect(t, s)
	u.auth("digest", "anybody:x")
	path := home(t, u)
	u.madeFor(path+"/a", wire.WorldAnyone(0))
	for what, got := range attempts(u, path+"/a") {
		if got == wire.ErrNoAuth {
			t.Errorf("%s is refused", what)
		}
	}
	equal(t, "getACL", u.acl(path+"/a"), []string{"0 world:anyone"})
	equal(t, "the form is checked", u.setACL(path+"/a", -1, entry(31, "nonesuch", "x")), wire.ErrInvalidACL)
	equal(t, "setACL", u.setACL(path+"/a", -1, entry(31, "digest", bobDigest)), wire.OK)
	equal(t, "a node of somebody else", u.read(wire.OpGetData, path+"/a", false), wire.OK)
}
