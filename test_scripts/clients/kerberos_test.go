package clients

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	krbclient "github.com/jcmturner/gokrb5/v8/client"
	krbconfig "github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/zabkeeper/zabkeeper/sasl"
	"github.com/zabkeeper/zabkeeper/sasl/kerberos"
	"github.com/zabkeeper/zabkeeper/test_scripts/processes"
)

const (
	realm   = "EXAMPLE.ORG"
	service = "zookeeper/localhost"
)

// kdc is a realm of one process on loopback.
type kdc struct {
	dir  string
	conf string // krb5.conf
}

func (k *kdc) keytab(name string) string { return filepath.Join(k.dir, name+".keytab") }

// startKDC makes a realm with the server's key and those of bob and eve.
func startKDC(t *testing.T) *kdc {
	t.Helper()
	for _, name := range []string{"kdb5_util", "kadmin.local", "krb5kdc", "kinit"} {
		_, err := exec.LookPath(name)
		need(t, name, err == nil)
	}
	k := &kdc{dir: t.TempDir()}
	k.conf = filepath.Join(k.dir, "krb5.conf")
	port := processes.FreePorts(t, 1)[0]
	profile := filepath.Join(k.dir, "kdc.conf")
	for name, text := range map[string]string{
		k.conf: fmt.Sprintf("[libdefaults]\n default_realm = %[1]s\n dns_lookup_kdc = false\n dns_canonicalize_hostname = false\n udp_preference_limit = 1\n"+
			"[realms]\n %[1]s = {\n  kdc = 127.0.0.1:%[2]d\n }\n", realm, port),
		profile: fmt.Sprintf("[kdcdefaults]\n kdc_listen = 127.0.0.1:%[2]d\n kdc_tcp_listen = 127.0.0.1:%[2]d\n[realms]\n %[1]s = {\n  database_name = %[3]s/db\n"+
			"  key_stash_file = %[3]s/stash\n  acl_file = %[3]s/acl\n }\n", realm, port, k.dir),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environment := append(os.Environ(), "KRB5_CONFIG="+k.conf, "KRB5_KDC_PROFILE="+profile)
	run := func(name string, args ...string) {
		t.Helper()
		cmd := limited(t, name, args...)
		cmd.Env = environment
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
	}
	run("kdb5_util", "create", "-s", "-r", realm, "-P", "master")
	for name, principal := range map[string]string{"server": service, "bob": "bob", "host": "eve/host.example.org", "other": "other/localhost"} {
		run("kadmin.local", "-q", "addprinc -randkey "+principal)
		run("kadmin.local", "-q", "ktadd -k "+k.keytab(name)+" "+principal)
	}
	cmd := exec.Command("krb5kdc", "-n", "-P", filepath.Join(k.dir, "pid"))
	cmd.Env = environment
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	processes.Eventually(t, "the KDC answers", func() bool {
		nc, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
		if err == nil {
			_ = nc.Close()
		}
		return err == nil
	})
	return k
}

// A17 with ZooKeeper's own client.
//
// covers: A17
func TestZkCliLogsInWithKerberos(t *testing.T) {
	_, err := os.Stat(zkCli)
	need(t, "zkCli.sh", err == nil)
	k := startKDC(t)
	c := processes.NewWith(t, 1, fmt.Sprintf("enforce_auth = [\"sasl\"]\n[sasl]\nkeytab = %q\nprincipal = %q\n[sasl.users]\nal = \"x\"\n", k.keytab("server"), service+"@"+realm))
	jaas := filepath.Join(k.dir, "client.conf")
	text := fmt.Sprintf("Client {\n com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab=%q storeKey=true useTicketCache=false principal=%q;\n};\n",
		k.keytab("bob"), "bob@"+realm)
	if err := os.WriteFile(jaas, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := limited(t, zkCli, "-server", strings.Join(c.Addresses(), ","))
	cmd.Env = append(os.Environ(), "CLIENT_JVMFLAGS=-Djava.security.auth.login.config="+jaas+" -Djava.security.krb5.conf="+k.conf+" -Dzookeeper.server.principal="+service+"@"+realm)
	cmd.Stdin = strings.NewReader("create /java secret sasl:bob@" + realm + ":cdrwa\nwhoami\nget /java\nquit\n")
	out, err := cmd.CombinedOutput()
	for _, want := range []string{"SaslAuthenticated", "Created /java", "sasl: bob@" + realm, "secret"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("no %q, %v", want, err)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
	// DIGEST-MD5 is offered beside it.
	if out := zkCliAs(t, c, "al", "x", "whoami"); !strings.Contains(out, "sasl: al") {
		t.Errorf("DIGEST-MD5 beside Kerberos:\n%s", out)
	}
}

// ticket is the first token of a client whose key is in a keytab.
func (k *kdc) ticket(t *testing.T, key, principal, target string, flags ...int) []byte {
	t.Helper()
	conf, err := krbconfig.Load(k.conf)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keytab.Load(k.keytab(key))
	if err != nil {
		t.Fatal(err)
	}
	cl := krbclient.NewWithKeytab(principal, realm, keys, conf)
	if err := cl.Login(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Destroy)
	tkt, session, err := cl.GetServiceTicket(target)
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
	return b
}

// TestKerberosTokens has a conversation without a connection.
//
// covers: A17
func TestKerberosTokens(t *testing.T) {
	k := startKDC(t)
	m, err := kerberos.New(kerberos.Options{Keytab: k.keytab("server"), Principal: service + "@" + realm})
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, c sasl.Conversation, token []byte) {
		t.Helper()
		if answer, err := c.Respond(token); err == nil || answer != nil {
			t.Errorf("%s: got %x, %v", what, answer, err)
		}
		if _, ok := c.Name(); ok {
			t.Errorf("%s: logged in", what)
		}
	}
	ticket := k.ticket(t, "bob", "bob", service)
	c := m.Begin()
	offer, err := c.Respond(ticket)
	if err != nil || !m.Takes(ticket) || len(offer) < 20 {
		t.Fatalf("%x, %v", offer, err)
	}
	refused("an unsigned choice", c, offer)
	refused("a token behind a refusal", c, ticket)
	refused("the same ticket again", m.Begin(), ticket)
	refused("no ticket", m.Begin(), []byte{0x60, 0x03, 0x06, 0x01, 0x2a})
	refused("nothing", m.Begin(), nil)
	refused("a ticket for another service", m.Begin(), k.ticket(t, "bob", "bob", "other/localhost"))
	damaged := k.ticket(t, "bob", "bob", service)
	damaged[len(damaged)-5] ^= 1
	refused("a damaged ticket", m.Begin(), damaged)
	for i := range ticket { // every truncation
		refused("a short token", m.Begin(), ticket[:i])
	}

	// A client that asks who it talks to gets a proof before the offer.
	c = m.Begin()
	proof, err := c.Respond(k.ticket(t, "host", "eve/host.example.org", service, gssapi.ContextFlagMutual))
	var rep spnego.KRB5Token
	if err != nil || rep.Unmarshal(proof) != nil || !rep.IsAPRep() {
		t.Errorf("the proof: %x, %v", proof, err)
	}
	if offer, err = c.Respond(nil); err != nil || len(offer) < 20 {
		t.Errorf("the offer: %x, %v", offer, err)
	}
	if _, err := kerberos.New(kerberos.Options{Keytab: k.keytab("bob"), Principal: service + "@" + realm}); err == nil || !strings.Contains(err.Error(), "has no key of") {
		t.Errorf("the wrong keytab: %v", err)
	}
}

// A17 with kazoo on MIT's library, which insists on the server's proof.
//
// covers: A17
func TestKazooLogsInWithKerberos(t *testing.T) {
	python := "/usr/bin/python3"
	need(t, "kazoo with pure-sasl and kerberos", exec.Command(python, "-c", "import kazoo, puresasl, kerberos").Run() == nil)
	k := startKDC(t)
	c := processes.NewWith(t, 1, fmt.Sprintf("enforce_auth = [\"sasl\"]\n[sasl]\nkeytab = %q\nprincipal = %q\nremove_realm = true\n", k.keytab("server"), service+"@"+realm))
	cmd := limited(t, python, "kazoo_kerberos.py", strings.ReplaceAll(c.Addresses()[0], "127.0.0.1", "localhost"), "bob")
	cmd.Env = append(os.Environ(), "KRB5_CONFIG="+k.conf, "KRB5CCNAME=FILE:"+filepath.Join(k.dir, "cache"))
	login := limited(t, "kinit", "-k", "-t", k.keytab("bob"), "bob@"+realm)
	login.Env = cmd.Env
	if out, err := login.CombinedOutput(); err != nil {
		t.Fatalf("kinit: %v\n%s", err, out)
	}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "finished") {
		t.Errorf("kazoo_kerberos.py: %v\n%s", err, out)
	}
}
