package config

import (
	"maps"
	"strings"
	"testing"

	"github.com/zabkeeper/zabkeeper/test_scripts/allocation"
)

func TestReadJAAS(t *testing.T) {
	text := `// users
# more of them
Client { x.Y required a="b"; };
Server {
  /* the module
     of ZooKeeper */
  org.apache.zookeeper.server.auth.DigestLoginModule required
  debug=true
  user_super="admin \"pw\""
  user_bob = "p;}w" ; // done
};`
	login, err := readJAAS("jaas.conf", "Server", []byte(text))
	if want := map[string]string{"super": `admin "pw"`, "bob": "p;}w"}; err != nil || !maps.Equal(login.users, want) {
		t.Errorf("got %q, %v, want %q", login, err, want)
	}
	text = "Server { com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab=\"/etc/zk.keytab\" storeKey=true principal=\"zookeeper/h@R\"; };"
	login, err = readJAAS("jaas.conf", "Server", []byte(text))
	if err != nil || login.keytab != "/etc/zk.keytab" || login.principal != "zookeeper/h@R" || len(login.users) > 0 {
		t.Errorf("Kerberos: got %+v, %v", login, err)
	}
}

func TestJAASMistakes(t *testing.T) {
	const module = "org.apache.zookeeper.server.auth.DigestLoginModule required "
	for _, test := range []struct{ text, want string }{
		{"", "jaas: there is no section Server"},
		{"Client { a.B required x=y; };", "there is no section Server"},
		{"Server { " + module + "; };", "names no user"},
		{"\nServer {\n" + module + `user_="x"; };`, `jaas:3: "user_": no name of a user`},
		{"Server { " + module + "user_a=\"secret\"\nuser_a=\"secret\"; };", `jaas:2: "user_a": the user is there twice`},
		{"Server { " + module + `user_a="${secret}"; };`, "no Java properties"},
		{"Server {\n com.sun.security.auth.module.LdapLoginModule required user_a=\"secret\"; };", `jaas:2: "com.sun.security.auth.module.LdapLoginModule": a login module that this server does not have`},
		{"Server { " + module + `user_a "secret"; };`, `a "=" is missing here`},
		{"Server " + module, `a "{" is missing here`},
		{"Server { " + module + `user_a="secret"; } Client {`, `a ";" is missing`},
		{"Server { " + module + `user_a="secret";`, "ends within a section"},
		{"Server { " + module + "user_a=\"secret\n\"; };", "jaas:1: a quote is not closed"},
		{"Server { " + module + `user_a="secret"; }; Server { ` + module + `user_b="secret"; };`, "twice"},
	} {
		_, err := readJAAS("jaas", "Server", []byte(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, want %s", test.text, err, test.want)
		}
	}
}

func FuzzJAAS(f *testing.F) {
	f.Add(`Server { a.B required user_a="b"; };`)
	f.Add("Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_a=\"b\\\"\"; }; /* ")
	f.Fuzz(func(t *testing.T, text string) {
		var login *jaasLogin
		var err error
		if n := allocation.Bytes(func() { login, err = readJAAS("jaas", "Server", []byte(text)) }); n > allocationCeiling(len(text)) {
			t.Errorf("%d bytes allocated for %d", n, len(text))
		}
		if (err == nil) != (login != nil) || login != nil && len(login.users) == 0 && login.keytab == "" {
			t.Errorf("%+v, %v", login, err)
		}
	})
}
