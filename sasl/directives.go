package sasl

import "strings"

const blanks = " \t\r\n"

// parseDirectives reads key=value, separated by commas; values may be quoted.
// A key that comes twice spoils the list, because two readers could choose
// differently.
func parseDirectives(s string) (map[string]string, bool) {
	d := map[string]string{}
	for s = strings.Trim(s, blanks+","); s != ""; s = strings.TrimLeft(s, blanks+",") {
		key, rest, ok := strings.Cut(s, "=")
		key = strings.ToLower(strings.Trim(key, blanks))
		if _, twice := d[key]; !ok || twice || key == "" || strings.ContainsAny(key, blanks+`,"`) {
			return nil, false
		}
		rest = strings.TrimLeft(rest, blanks)
		if strings.HasPrefix(rest, `"`) {
			if d[key], rest, ok = unquote(rest[1:]); !ok {
				return nil, false
			}
			rest = strings.TrimLeft(rest, blanks)
			if rest != "" && rest[0] != ',' {
				return nil, false
			}
			s = rest
			continue
		}
		var value string
		value, s, _ = strings.Cut(rest, ",")
		if d[key] = strings.TrimRight(value, blanks); strings.Contains(value, `"`) {
			return nil, false
		}
	}
	return d, true
}

// unquote reads up to the closing quote; a backslash stands before a character
// that is meant as it is.
func unquote(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// toLatin1 is how RFC 2831 wants text hashed: in ISO 8859-1 if it can be
// written so, else in UTF-8.
func toLatin1(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return s
		}
		b = append(b, byte(r))
	}
	return string(b)
}

// fromLatin1 reads what a client sent without saying that it is UTF-8.
func fromLatin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}
