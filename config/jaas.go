package config

import (
	"fmt"
	"strings"
)

// The login modules of ZooKeeper's servers that mean something here.
const (
	digestLoginModule   = "org.apache.zookeeper.server.auth.DigestLoginModule"
	kerberosLoginModule = "com.sun.security.auth.module.Krb5LoginModule"
)

// defaultJAASSection is the section that ZooKeeper's servers read.
const defaultJAASSection = "Server"

// userOption begins the options that name users: user_bob="password".
const userOption = "user_"

// jaasLogin is how a section of a JAAS file lets clients log in.
type jaasLogin struct {
	users             map[string]string
	keytab, principal string
}

// readJAAS takes users, or the server's key of Kerberos, out of a section of a
// JAAS file:
//
//	Server {
//	    org.apache.zookeeper.server.auth.DigestLoginModule required
//	    user_bob="password";
//	};
//
// Other sections are passed over. What is wrong in the section is told without
// the passwords.
func readJAAS(name, section string, text []byte) (*jaasLogin, error) {
	p := &jaasParser{file: name, line: 1, rest: string(text)}
	login := &jaasLogin{users: map[string]string{}}
	found := false
	for p.next(); p.token != "" && len(p.problems) == 0; p.next() {
		at, line := p.token, p.line
		p.inside = true
		p.want("{")
		wanted := at == section && !p.quoted
		if wanted && found {
			p.problems.add(name, line, at, "the section is there twice", "remove one")
		}
		found = found || wanted
		p.section(wanted, login)
		p.inside = false
	}
	switch {
	case len(p.problems) > 0:
	case !found:
		p.problems.add(name, 0, "", "there is no section "+section, "write "+section+" { "+digestLoginModule+` required user_NAME="PASSWORD"; };`)
	case len(login.users) == 0 && login.keytab == "":
		p.problems.add(name, 0, section, "the section names no user", `write user_NAME="PASSWORD" behind `+digestLoginModule+" required")
	}
	if err := p.problems.orNil(); err != nil {
		return nil, err
	}
	return login, nil
}

// jaasParser reads the tokens of a JAAS file: words, text in quotes, and single
// characters.
type jaasParser struct {
	file     string
	rest     string
	line     int
	token    string // "" at the end
	quoted   bool
	inside   bool // a section: the file may not end here
	problems Problems
}

// section reads the login modules up to the closing brace.
func (p *jaasParser) section(wanted bool, login *jaasLogin) {
	for p.next(); len(p.problems) == 0 && !p.is("}"); p.next() {
		class, line := p.token, p.line
		p.next() // required, requisite, sufficient or optional
		if wanted && class != digestLoginModule && class != kerberosLoginModule {
			p.problems.add(p.file, line, class, "a login module that this server does not have", "use "+digestLoginModule+" or "+kerberosLoginModule)
		}
		for p.next(); len(p.problems) == 0 && !p.is(";"); p.next() {
			p.option(wanted, class, login)
		}
	}
	p.want(";")
}

func (p *jaasParser) option(wanted bool, class string, login *jaasLogin) {
	key, line := p.token, p.line
	p.want("=")
	p.next()
	user, isUser := strings.CutPrefix(key, userOption)
	if wanted && class == kerberosLoginModule {
		switch key {
		case "keyTab":
			login.keytab = p.token
		case "principal":
			login.principal = p.token
		}
		return
	}
	users := login.users
	if !wanted || !isUser || len(p.problems) > 0 {
		return
	}
	_, twice := users[user]
	switch {
	case user == "":
		p.problems.add(p.file, line, key, "no name of a user", `write user_NAME="PASSWORD"`)
	case twice:
		p.problems.add(p.file, line, key, "the user is there twice", "remove one")
	case strings.Contains(p.token, "${"):
		p.problems.add(p.file, line, key, "there are no Java properties to expand here", "write the password itself")
	}
	users[user] = p.token
}

func (p *jaasParser) is(token string) bool { return !p.quoted && p.token == token }

// want reads the next token, which has to be this one.
func (p *jaasParser) want(token string) {
	if p.next(); !p.is(token) && len(p.problems) == 0 {
		p.wrong(fmt.Sprintf("a %q is missing here", token))
	}
}

// wrong reports the token at hand, unless it is in quotes: it could be a
// password.
func (p *jaasParser) wrong(what string) {
	value := p.token
	if p.quoted {
		value = ""
	}
	p.problems.add(p.file, p.line, value, what, `write SECTION { CLASS required KEY="VALUE" ...; };`)
}

// next reads a token. The end of the file is a mistake anywhere but between
// sections, where the caller looks for it.
func (p *jaasParser) next() {
	p.skipBlanks()
	p.token, p.quoted = "", false
	switch {
	case p.rest == "":
		if p.inside && len(p.problems) == 0 {
			p.problems.add(p.file, p.line, "", "the file ends within a section", "close it with };")
		}
	case p.rest[0] == '"':
		p.text()
	default:
		n := strings.IndexFunc(p.rest, func(r rune) bool { return !jaasWord(r) })
		if n < 0 {
			n = len(p.rest)
		}
		n = max(n, 1)
		p.token, p.rest = p.rest[:n], p.rest[n:]
	}
}

func jaasWord(r rune) bool {
	return r == '.' || r == '_' || r == '-' || r == '$' || r == '*' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0xa0
}

// skipBlanks passes over blanks and comments.
func (p *jaasParser) skipBlanks() {
	for p.rest != "" {
		n := 0
		switch {
		case strings.HasPrefix(p.rest, "//"), p.rest[0] == '#':
			n = strings.IndexByte(p.rest, '\n')
		case strings.HasPrefix(p.rest, "/*"):
			if n = strings.Index(p.rest, "*/"); n >= 0 {
				n += len("*/")
			}
		case strings.IndexByte(" \t\r\n\f", p.rest[0]) >= 0:
			n = 1
		default:
			return
		}
		if n < 0 {
			n = len(p.rest)
		}
		p.line += strings.Count(p.rest[:n], "\n")
		p.rest = p.rest[n:]
	}
}

// text reads up to the closing quote, which is on the same line.
func (p *jaasParser) text() {
	var b strings.Builder
	p.quoted = true
	for i := 1; i < len(p.rest) && p.rest[i] != '\n'; i++ {
		switch p.rest[i] {
		case '"':
			p.token, p.rest = b.String(), p.rest[i+1:]
			return
		case '\\':
			if i+1 < len(p.rest) {
				i++
			}
			if at := strings.IndexByte("tnrf", p.rest[i]); at >= 0 {
				b.WriteByte("\t\n\r\f"[at])
				continue
			}
		}
		b.WriteByte(p.rest[i])
	}
	p.problems.add(p.file, p.line, "", "a quote is not closed", `write KEY="VALUE" on one line`)
	p.rest = ""
}
