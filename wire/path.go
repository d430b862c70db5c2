package wire

import (
	"strings"
	"unicode/utf8"
)

// CheckPath returns OK for a path that a znode may have, else ErrBadArguments.
// Bytes that are not UTF-8 decode to U+FFFD, which is among the refused ones.
func CheckPath[T ~string | ~[]byte](p T) ErrorCode {
	if len(p) == 0 || p[0] != '/' {
		return ErrBadArguments
	}
	if len(p) == 1 {
		return OK
	}
	start := 1 // of the current component
	for i := 1; i <= len(p); {
		if i == len(p) || p[i] == '/' {
			if !checkComponent(p, start, i) {
				return ErrBadArguments
			}
			i++
			start = i
			continue
		}
		if c := p[i]; c < utf8.RuneSelf {
			if c < 0x20 || c == 0x7f {
				return ErrBadArguments
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(p[i:min(len(p), i+utf8.UTFMax)]))
		if refusedRune(r) {
			return ErrBadArguments
		}
		i += size
	}
	return OK
}

func checkComponent[T ~string | ~[]byte](p T, start, end int) bool {
	switch end - start {
	case 0:
		return false
	case 1:
		return p[start] != '.'
	case 2:
		return p[start] != '.' || p[start+1] != '.'
	}
	return true
}

// refusedRune judges runes above ASCII. ZooKeeper judges UTF-16 units, so
// everything beyond the basic plane is refused with the surrogates.
func refusedRune(r rune) bool {
	return r <= 0x9f || r >= 0xd800 && r <= 0xf8ff || r >= 0xfff0
}

// Parent returns the path above p: "/" for a direct child of the root, "" for
// the root itself and for anything without a slash.
func Parent(p string) string {
	i := strings.LastIndexByte(p, '/')
	switch {
	case i > 0:
		return p[:i]
	case i == 0 && len(p) > 1:
		return "/"
	}
	return ""
}

// Base returns the last component of p.
func Base(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }
