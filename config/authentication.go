package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// SASL says who may log in, and what becomes of who may not.
type SASL struct {
	Enabled bool              // access lists may name sasl identities even if nobody can log in
	Users   map[string]string // passwords by name
	// JAASFile has more users, in the section of ZooKeeper's DigestLoginModule.
	// The loaders resolve it against the directory of the file and put its users
	// into Users.
	JAASFile      string
	JAASSection   string
	SuperUsers    []string // users who pass every access list
	SuperPassword string   // of the user super, for whom no other counts then
	AllowFailed   bool     // keep a client whose login failed, without the identity

	// Kerberos: the file with the server's key, and its principal. RemoveHost and
	// RemoveRealm shorten the clients' names.
	Keytab      string
	Principal   string
	RemoveHost  bool
	RemoveRealm bool
}

// X509 is about the certificates of clients.
type X509 struct {
	Enabled   bool
	SuperUser string // the subject of the super user's certificate
}

// Known reports whether access lists may name sasl identities.
func (s *SASL) Known() bool {
	return s.Enabled || len(s.Users) > 0 || s.JAASFile != "" || s.Keytab != ""
}

// superName is the user whose password may be given apart.
const superName = "super"

// Passwords returns the users who can log in.
func (s *SASL) Passwords() map[string]string {
	users := maps.Clone(s.Users)
	if s.SuperPassword != "" {
		if users == nil {
			users = map[string]string{}
		}
		users[superName] = s.SuperPassword
	}
	return users
}

// loadUsers reads the JAAS file that the settings name.
func (s *SASL) loadUsers(read func(string) ([]byte, error)) error {
	if s.JAASFile == "" {
		return nil
	}
	text, err := read(s.JAASFile)
	if err != nil {
		return err
	}
	login, err := readJAAS(s.JAASFile, s.JAASSection, text)
	if err != nil {
		return err
	}
	users := login.users
	if login.keytab != "" {
		s.Keytab, s.Principal = login.keytab, login.principal
		if !filepath.IsAbs(s.Keytab) {
			s.Keytab = filepath.Join(filepath.Dir(s.JAASFile), s.Keytab)
		}
	}
	var p Problems
	for _, user := range slices.Sorted(maps.Keys(users)) {
		if _, twice := s.Users[user]; twice {
			p.add(s.JAASFile, 0, userOption+user, "the user is among sasl.users, too", "remove one")
		}
	}
	if s.Users == nil && len(users) > 0 {
		s.Users = map[string]string{}
	}
	maps.Copy(s.Users, users)
	return p.orNil()
}

// checkAuthentication finds what is wrong between the settings. line tells where
// a key stands.
func (c *Config) checkAuthentication(file string, line func(key string) int, p *Problems) {
	known := []string{"ip", "digest"}
	if c.SASL.Known() {
		known = append(known, "sasl")
	}
	if c.X509.Enabled {
		known = append(known, "x509")
	}
	for _, scheme := range c.EnforceAuth {
		switch {
		case slices.Contains(known, scheme):
		case scheme == "sasl":
			p.add(file, line("enforce_auth"), scheme, "sasl is enforced, and there are no users", "give sasl.users or sasl.jaas_file")
		case scheme == "x509":
			p.add(file, line("enforce_auth"), scheme, "x509 is enforced and not enabled", "set x509.enabled")
		case scheme == "ensemble":
			p.add(file, line("enforce_auth"), scheme, "ensemble gives no identity: nobody could do anything", "remove it")
		default:
			p.add(file, line("enforce_auth"), scheme, "no such authentication scheme", "use one of "+strings.Join(known, ", "))
		}
	}
	if slices.Contains(c.EnforceAuth, "sasl") && c.SASL.AllowFailed {
		p.add(file, line("sasl.allow_failed"), "sasl.allow_failed = true", "a failed login cannot be allowed while sasl is enforced", "remove one of them")
	}
	if k := &c.SASL; k.Keytab != "" && !strings.Contains(k.Principal, "@") {
		p.add(file, line("sasl.keytab"), "sasl.principal = "+k.Principal, "a keytab needs the server's principal", "write it like zookeeper/host.example.org@EXAMPLE.ORG")
	}
	for _, user := range slices.Sorted(maps.Keys(c.SASL.Users)) {
		if user == "" || strings.ContainsAny(user, "@/") {
			p.add(file, line("sasl.users"), fmt.Sprintf("sasl.users.%s", user), "not a plain user name", "write a name without @ and /")
		}
	}
	if c.X509.SuperUser != "" && !strings.Contains(c.X509.SuperUser, "=") {
		p.add(file, line("x509.super_user"), c.X509.SuperUser, "not the subject of a certificate", `write it like "CN=admin,O=example"`)
	}
}
