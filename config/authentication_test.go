package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const jaasFile = "Server {\n" + digestLoginModule + " required\nuser_bob=\"pw\";\n};\n"

const krbFile = "Server {\n" + kerberosLoginModule + " required keyTab=\"zk.keytab\" principal=\"zookeeper/h@R\";\n};\n"

func TestAuthenticationInTOML(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "server.toml")
	text := "enforce_auth = [\"sasl\", \"x509\"]\nensemble_names = [\"a\"]\n[sasl]\nsuper_password = \"s\"\njaas_file = \"jaas.conf\"\n[sasl.users]\n" +
		"al = \"x\"\n\"with.dot\" = \"y\"\n[x509]\nenabled = true\nsuper_user = \"CN=admin\"\n"
	for name, content := range map[string]string{path: text, filepath.Join(dir, "jaas.conf"): jaasFile} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"al": "x", "with.dot": "y", "bob": "pw", "super": "s"}; !maps.Equal(c.SASL.Passwords(), want) {
		t.Errorf("users %q, want %q", c.SASL.Passwords(), want)
	}
	if !slices.Equal(c.EnforceAuth, []string{"sasl", "x509"}) || !c.SASL.Known() || !c.X509.Enabled || c.X509.SuperUser != "CN=admin" {
		t.Errorf("got %+v", c)
	}
	// The file of users is at fault: it is the one that is named.
	if err := os.WriteFile(filepath.Join(dir, "jaas.conf"), []byte("Server {\n x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "jaas.conf")+":2: ") {
		t.Errorf("a broken JAAS file: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "jaas.conf"), []byte(strings.Replace(jaasFile, "bob", "al", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), `"user_al": the user is among sasl.users, too; remove one`) {
		t.Errorf("a user in two places: %v", err)
	}
}

func TestAuthenticationMistakesInTOML(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"id = 1\nenforce_auth = [\"nonesuch\"]", `f:2: "nonesuch": no such authentication scheme; use one of ip, digest`},
		{"enforce_auth = [\"sasl\"]", `f:1: "sasl": sasl is enforced, and there are no users; give sasl.users or sasl.jaas_file`},
		{"enforce_auth = [\"x509\"]", `f:1: "x509": x509 is enforced and not enabled; set x509.enabled`},
		{"ensemble_names = [\"a\"]\nenforce_auth = [\"ensemble\"]", `f:2: "ensemble": ensemble gives no identity`},
		{"enforce_auth = [\"sasl\"]\n[sasl]\nallow_failed = true\nusers = { bob = \"secret\" }", `f:3: "sasl.allow_failed = true": a failed login cannot be allowed`},
		{"[sasl.users]\nbob = 5", `f:1: "sasl.users": not a table of strings; write a table like { bob = "password" }`},
		{"[sasl]\nusers = \"secret\"", `f:2: "sasl.users": not a table`},
		{"[sasl]\nusers = { \"bob@secret\" = \"secret2\" }", `f:2: "sasl.users.bob@secret": not a plain user name`},
		{"[sasl]\nsuper_password = 5", `f:2: "sasl.super_password": not a string`},
		{"[x509]\nsuper_user = \"admin\"", `f:2: "admin": not the subject of a certificate`},
		{"[sasl]\nkeytab = \"k\"", `f:2: "sasl.principal = ": a keytab needs the server's principal; write it like zookeeper/`},
		{"[sasl]\nuser = \"x\"", `f:2: "sasl.user": unknown key; did you mean sasl.users?`},
	} {
		_, err := parse("f", []byte(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret2") {
			t.Errorf("%q: got %v, want %s", test.text, err, test.want)
		}
	}
}

// zooWith reads a zoo.cfg with these lines behind two others.
func zooWith(lines string) (*Config, []Problem, error) {
	c, _, warnings, err := parseZooCfg("z", []byte("dataDir=/data\nclientPort=2181\n"+lines), files(map[string]string{"jaas.conf": jaasFile, "etc/krb.conf": krbFile}))
	return c, warnings, err
}

func TestAuthenticationInZooCfg(t *testing.T) {
	class := func(name string) string { return authProviderPackage + name + "AuthenticationProvider\n" }
	c, warnings, err := zooWith("authProvider.1=" + class("SASL") + "authProvider.x509=" + class("X509") + "authProvider.3=" + class("Ensemble") +
		"ensembleAuthName=a,b\njava.security.auth.login.config=jaas.conf\nenforce.auth.enabled=true\nenforce.auth.schemes=sasl, digest\n" +
		"superUser=bob\nsuperUser.1=al\nX509AuthenticationProvider.superUser=CN=admin\nzookeeper.SASLAuthenticationProvider.superPassword=s\nskipACL=yes\n")
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v, %v", warnings, err)
	}
	if want := map[string]string{"bob": "pw", "super": "s"}; !maps.Equal(c.SASL.Passwords(), want) || !c.SASL.Enabled {
		t.Errorf("users %q, want %q", c.SASL.Passwords(), want)
	}
	if !slices.Equal(c.EnforceAuth, []string{"sasl", "digest"}) || !slices.Equal(c.SASL.SuperUsers, []string{"bob", "al"}) ||
		!slices.Equal(c.EnsembleNames, []string{"a", "b"}) || c.X509 != (X509{true, "CN=admin"}) || !c.SkipACL {
		t.Errorf("got %+v", c)
	}
	c, _, err = zooWith("java.security.auth.login.config=etc/krb.conf\nkerberos.removeRealmFromPrincipal=true\n")
	if err != nil || c.SASL.Keytab != filepath.Join("etc", "zk.keytab") || c.SASL.Principal != "zookeeper/h@R" || !c.SASL.RemoveRealm || c.SASL.RemoveHost || !c.SASL.Known() {
		t.Errorf("Kerberos: got %+v, %v", c.SASL, err)
	}
	c, _, err = zooWith("enforce.auth.enabled=false\nenforce.auth.schemes=nonesuch\nauthProvider.3=" + class("Ensemble"))
	if err != nil || c.EnforceAuth != nil || !slices.Equal(c.EnsembleNames, []string{"*"}) {
		t.Errorf("nothing enforced: got %q, %q, %v", c.EnforceAuth, c.EnsembleNames, err)
	}
	c, _, err = zooWith("java.security.auth.login.config=jaas.conf\nsessionRequireClientSASLAuth=true\nallowSaslFailedClients=false\n")
	if err != nil || !slices.Equal(c.EnforceAuth, []string{"sasl"}) {
		t.Errorf("a required login: got %q, %v", c.EnforceAuth, err)
	}
}

func TestAuthenticationMistakesInZooCfg(t *testing.T) {
	for _, test := range []struct{ lines, want string }{
		{"enforce.auth.enabled=true\n", `z:3: "enforce.auth.enabled=true": no scheme is enforced; write enforce.auth.schemes=sasl`},
		{"enforce.auth.enabled=true\nenforce.auth.schemes=digest,nonesuch\n", `z:4: "nonesuch": no such authentication scheme; use one of ip, digest`},
		{"sessionRequireClientSASLAuth=true\n", `z:3: "sessionRequireClientSASLAuth=true": SASL is required and nobody can log in; write java.security.auth.login.config=FILE`},
		{"java.security.auth.login.config=none.conf\n", `z:3: "java.security.auth.login.config=none.conf": the JAAS file cannot be read`},
		{"java.security.auth.login.config=jaas.conf\nsasl.serverconfig=Other\n", `jaas.conf: there is no section Other`},
		{"X509AuthenticationProvider.superUser=admin\n", `z:3: "admin": not the subject of a certificate`},
	} {
		if _, _, err := zooWith(test.lines); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %s", test.lines, err, test.want)
		}
	}
	for _, test := range []struct{ lines, want string }{
		{"requireClientAuthScheme=sasl\n", "to require it, write sessionRequireClientSASLAuth=true"},
		{"ensembleAuthName=a\n", "has no effect without the provider; write authProvider.1="},
		{"authProvider.7=com.example.Own\n", "this server does not have the class"},
	} {
		_, warnings, err := zooWith(test.lines)
		if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0].String(), "z:3: ") || !strings.Contains(warnings[0].String(), test.want) {
			t.Errorf("%q: got %v, %v, want %s", test.lines, warnings, err, test.want)
		}
	}
}
