package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// lineBytesMax is the longest line of a script: data as large as a server
// takes, and some more.
const lineBytesMax = 2 << 20

type lineReader struct{ s *bufio.Scanner }

func newLineReader(in io.Reader) lineReader {
	s := bufio.NewScanner(in)
	s.Buffer(nil, lineBytesMax)
	return lineReader{s}
}

// next returns the next line, or io.EOF.
func (l lineReader) next() (string, error) {
	if l.s.Scan() {
		return l.s.Text(), nil
	}
	switch err := l.s.Err(); {
	case err == nil:
		return "", io.EOF
	case errors.Is(err, bufio.ErrTooLong):
		return "", fmt.Errorf("a line of the script is longer than %d bytes", lineBytesMax)
	default:
		return "", fmt.Errorf("read the script: %w", err)
	}
}

// cutWord splits off the first word of a line; quotes group.
func cutWord(line string) (word, rest string) {
	words, rest, err := splitWords(line, 1)
	if err != nil || len(words) == 0 {
		return line, ""
	}
	return words[0], rest
}

// splitWords splits a line into at most limit words (0 for all) and what
// follows them. Words are separated by spaces and tabs; '…' and "…" group.
func splitWords(line string, limit int) (words []string, rest string, err error) {
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" || limit > 0 && len(words) == limit {
			return words, line, nil
		}
		var word strings.Builder
		i := 0
		for i < len(line) && line[i] != ' ' && line[i] != '\t' {
			if q := line[i]; q == '\'' || q == '"' {
				end := strings.IndexByte(line[i+1:], q)
				if end < 0 {
					return words, line, &lineError{fmt.Sprintf("a %c is not closed", q)}
				}
				word.WriteString(line[i+1 : i+1+end])
				i += end + 2
				continue
			}
			word.WriteByte(line[i])
			i++
		}
		words = append(words, word.String())
		line = line[i:]
	}
}

// quote makes a word survive splitWords.
func quote(w string) string {
	if w != "" && !strings.ContainsAny(w, " \t'\"") {
		return w
	}
	var b strings.Builder
	for i, part := range strings.Split(w, "'") {
		if i > 0 {
			b.WriteString(`"'"`)
		}
		if part != "" || w == "" {
			b.WriteString("'" + part + "'")
		}
	}
	return b.String()
}
