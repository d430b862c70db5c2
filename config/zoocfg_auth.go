package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// jaasKey names the JAAS file. ZooKeeper takes it from Java's command line only;
// here it stands in zoo.cfg.
const jaasKey = "java.security.auth.login.config"

// zooAuth is what zoo.cfg says about authentication, until all of it is known.
type zooAuth struct {
	enforce      property // enforce.auth.enabled
	schemes      property // enforce.auth.schemes
	required     property // sessionRequireClientSASLAuth
	ensembleAuth bool
	ensemble     property
	jaas         property
}

// authProviders are ZooKeeper's classes, without their package.
var authProviders = map[string]string{"SASLAuthenticationProvider": "sasl", "X509AuthenticationProvider": "x509",
	"EnsembleAuthenticationProvider": "ensemble", "IPAuthenticationProvider": "ip", "DigestAuthenticationProvider": "digest"}

const authProviderPackage = "org.apache.zookeeper.server.auth."

// authProperty takes a line about authentication that is more than a setting.
func (z *zooCfg) authProperty(key string, p property) bool {
	a := &z.auth
	switch {
	case key == jaasKey:
		a.jaas = p
	case key == "enforce.auth.enabled":
		a.enforce = p
	case key == "enforce.auth.schemes":
		a.schemes = p
	case key == "sessionRequireClientSASLAuth":
		a.required = p
	case key == "requireClientAuthScheme":
		z.warn(p, "ZooKeeper has no such key, and neither has this server", "to require it, write sessionRequireClientSASLAuth=true")
	case key == "ensembleAuthName":
		a.ensemble = p
	case strings.HasPrefix(key, "authProvider."):
		z.authProvider(p)
	case key == "superUser" || strings.HasPrefix(key, "superUser."):
		z.c.SASL.SuperUsers = append(z.c.SASL.SuperUsers, p.value)
	default:
		return false
	}
	return true
}

func (z *zooCfg) authProvider(p property) {
	switch authProviders[strings.TrimPrefix(p.value, authProviderPackage)] {
	case "sasl":
		z.c.SASL.Enabled = true
	case "x509":
		z.c.X509.Enabled = true
	case "ensemble":
		z.auth.ensembleAuth = true
	case "ip", "digest":
	default:
		z.warn(p, "this server does not have the class: nobody can authenticate with it", "use sasl, x509, ensemble, ip or digest of "+authProviderPackage+"*")
	}
}

// isTrue is Java's idea of a switch.
func (p property) isTrue() bool { return strings.EqualFold(p.value, "true") }

// finishAuth puts together what the lines mean.
func (z *zooCfg) finishAuth(read func(string) ([]byte, error)) {
	a, c := &z.auth, z.c
	if a.jaas.value != "" {
		c.SASL.JAASFile = a.jaas.value
		if !filepath.IsAbs(a.jaas.value) {
			c.SASL.JAASFile = filepath.Join(filepath.Dir(z.file), a.jaas.value)
		}
		// read resolves by itself.
		if err := c.SASL.loadUsers(func(string) ([]byte, error) { return read(a.jaas.value) }); err != nil {
			z.addError(a.jaas, err)
		}
	}
	if a.ensemble.value != "" && !a.ensembleAuth {
		z.warn(a.ensemble, "has no effect without the provider", "write authProvider.1="+authProviderPackage+"EnsembleAuthenticationProvider")
	}
	if a.ensembleAuth {
		c.EnsembleNames = []string{"*"}
		if a.ensemble.value != "" {
			c.EnsembleNames = strings.Split(a.ensemble.value, ",")
		}
	}
	at := a.schemes
	switch {
	case a.required.isTrue():
		c.EnforceAuth, at = []string{"sasl"}, a.required
		if !c.SASL.Known() {
			z.problem(at, "SASL is required and nobody can log in", "write "+jaasKey+"=FILE and authProvider.1="+authProviderPackage+"SASLAuthenticationProvider")
			return
		}
	case a.enforce.isTrue() && strings.Trim(a.schemes.value, ", ") == "":
		z.problem(a.enforce, "no scheme is enforced", "write enforce.auth.schemes=sasl or another scheme")
	case a.enforce.isTrue():
		for scheme := range strings.SplitSeq(a.schemes.value, ",") {
			c.EnforceAuth = append(c.EnforceAuth, strings.TrimSpace(scheme))
		}
	}
	c.checkAuthentication(z.file, func(key string) int { return z.authLine(key, at) }, &z.problems)
}

// authLine finds the line of one of our keys.
func (z *zooCfg) authLine(key string, enforced property) int {
	switch key {
	case "enforce_auth":
		return enforced.line
	case "sasl.users":
		return z.auth.jaas.line
	case "sasl.allow_failed":
		return z.seen["allowSaslFailedClients"]
	}
	return z.seen["X509AuthenticationProvider.superUser"]
}

// addError adds what another file has to say, or that it cannot be read.
func (z *zooCfg) addError(p property, err error) {
	if problems, ok := err.(Problems); ok { //nolint:errorlint // it is never wrapped
		z.problems = append(z.problems, problems...)
		return
	}
	z.problem(p, fmt.Sprintf("the JAAS file cannot be read: %v", err), "correct the path")
}
