package config

import (
	"strconv"
	"strings"
	"unicode/utf16"
)

// property is one entry of a Java properties file.
type property struct {
	key, value string
	line       int
}

const blanks = " \t\f"

// parseProperties reads the syntax of java.util.Properties: key and value are
// separated by "=", ":" or blanks; "#" and "!" begin comments; a line that ends
// with a backslash goes on in the next; \t, \n, \r, \f, \uXXXX and backslash with
// any other character are escapes. Nothing is an error in it.
func parseProperties(text []byte) []property {
	var all []property
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text)), "\n")
	for i := 0; i < len(lines); i++ {
		line, first := strings.TrimLeft(lines[i], blanks), i+1
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		var b strings.Builder
		for continued(line) {
			b.WriteString(line[:len(line)-1])
			line = ""
			if i++; i < len(lines) {
				line = strings.TrimLeft(lines[i], blanks)
			}
		}
		b.WriteString(line)
		line = b.String()
		end := keyEnd(line)
		rest := strings.TrimLeft(line[end:], blanks)
		if rest != "" && (rest[0] == '=' || rest[0] == ':') {
			rest = strings.TrimLeft(rest[1:], blanks)
		}
		// Java keeps blanks at the end of a value; nobody means them.
		all = append(all, property{unescape(line[:end]), strings.TrimSpace(unescape(rest)), first})
	}
	return all
}

// continued reports whether a line ends with an odd number of backslashes.
func continued(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

func keyEnd(line string) int {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '=', ':', ' ', '\t', '\f':
			return i
		}
	}
	return len(line)
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var units []uint16
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 == len(s) {
			r := strings.IndexByte(s[i+1:], '\\') + 1
			if r <= 0 {
				r = len(s) - i
			}
			units = append(units, utf16.Encode([]rune(s[i:i+r]))...)
			i += r
			continue
		}
		c := s[i+1]
		i += 2
		if at := strings.IndexByte("tnrf", c); at >= 0 {
			units = append(units, uint16("\t\n\r\f"[at]))
			continue
		}
		if c == 'u' && i+4 <= len(s) {
			if u, err := strconv.ParseUint(s[i:i+4], 16, 16); err == nil {
				units = append(units, uint16(u))
				i += 4
				continue
			}
		}
		i-- // the character stands for itself, whatever its length
		next := strings.IndexByte(s[i+1:], '\\') + 1
		if next <= 0 {
			next = len(s) - i
		}
		units = append(units, utf16.Encode([]rune(s[i:i+next]))...)
		i += next
	}
	return string(utf16.Decode(units))
}
