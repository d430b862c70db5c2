package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// shellCommand is one word of the shell's language.
type shellCommand struct {
	name  string
	args  string // of the usage line
	short string
	// least and most are the numbers of arguments; most -1 is no limit.
	least, most int
	path        int  // which argument is a path, from 1; 0 for none
	raw         bool // the last argument is the rest of the line as it stands
	offline     bool // works without a session
	changes     bool // may not be repeated when its outcome is unknown
	unlimited   bool // takes as long as it takes
	flags       func(*pflag.FlagSet)
	singleDash  []string // long flags that ZooKeeper's shell writes with one dash
	run         func(ctx context.Context, sh *shell, in *input) (result, error)
}

// input is a parsed line.
type input struct {
	args  []string // the path among them made absolute
	typed string   // that path as it was typed
	flags *pflag.FlagSet
}

func (in *input) bool(name string) bool {
	v, err := in.flags.GetBool(name)
	assert(err == nil, "flag %s: %v", name, err)
	return v
}

func (in *input) int(name string) int {
	v, err := in.flags.GetInt(name)
	assert(err == nil, "flag %s: %v", name, err)
	return v
}

func (in *input) string(name string) string {
	v, err := in.flags.GetString(name)
	assert(err == nil, "flag %s: %v", name, err)
	return v
}

// arg returns an optional argument, counted from 0.
func (in *input) arg(i int) (string, bool) {
	if i < len(in.args) {
		return in.args[i], true
	}
	return "", false
}

// result is what a command has to say: text for people, a value for programs.
type result struct {
	text  string
	value any
}

// lineError is a mistake in a line.
type lineError struct{ message string }

func (e *lineError) Error() string { return e.message }

func (c *shellCommand) usage() string { return strings.TrimSpace(c.name + " " + c.args) }

func (c *shellCommand) parse(rest string) (*input, error) {
	wrong := func(err error) error {
		return &lineError{fmt.Sprintf("%v (usage: %s)", err, c.usage())}
	}
	limit := 0
	if c.raw {
		limit = c.most - 1
	}
	words, rest, err := splitWords(rest, limit)
	if err != nil {
		return nil, wrong(err)
	}
	in := &input{args: words, flags: pflag.NewFlagSet(c.name, pflag.ContinueOnError)}
	in.flags.SetOutput(io.Discard)
	in.flags.Usage = func() {}
	if c.flags != nil {
		c.flags(in.flags)
		if err = in.flags.Parse(negativeNumbersAreValues(c.doubled(words))); err != nil {
			return nil, wrong(err)
		}
		in.args = in.flags.Args()
	}
	if c.raw && rest != "" {
		in.args = append(in.args, rest)
	}
	if c.path > 0 && len(in.args) >= c.path {
		in.typed = in.args[c.path-1]
		in.args[c.path-1] = absolute(in.typed)
	}
	switch n := len(in.args); {
	case n < c.least:
		return in, wrong(fmt.Errorf("too few arguments"))
	case c.most >= 0 && n > c.most:
		return in, wrong(fmt.Errorf("too many arguments"))
	}
	return in, nil
}

// absolute makes a name relative to the root a path.
func absolute(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return "/" + name
}

// doubled writes long flags with two dashes, as the parser wants them.
func (c *shellCommand) doubled(words []string) []string {
	out := slices.Clone(words)
	for i, w := range out {
		if slices.Contains(c.singleDash, strings.TrimPrefix(w, "-")) && strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--") {
			out[i] = "-" + w
		}
	}
	return out
}

// negativeNumbersAreValues keeps data such as -1 from being read as a flag. A
// number behind a flag is its value and is left alone by the parser anyway.
func negativeNumbersAreValues(words []string) []string {
	for i, w := range words {
		if len(w) < 2 || w[0] != '-' {
			continue
		}
		if _, err := strconv.Atoi(w); err == nil && (i == 0 || !strings.HasPrefix(words[i-1], "-")) {
			out := append([]string{}, words[:i]...)
			return append(append(out, "--"), words[i:]...)
		}
	}
	return words
}

// flagWords returns the flags that a word could become.
func (c *shellCommand) flagWords(word string) []string {
	if c == nil || c.flags == nil {
		return nil
	}
	var found []string
	set := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	c.flags(set)
	set.VisitAll(func(f *pflag.Flag) {
		name := "--" + f.Name
		if len(f.Name) == 1 {
			name = "-" + f.Name
		}
		if strings.HasPrefix(name, word) {
			found = append(found, name+" ")
		}
	})
	return found
}

func commandNamed(name string) *shellCommand {
	for _, c := range shellCommands() {
		if c.name == name {
			return c
		}
	}
	return nil
}

func boolFlags(names ...string) func(*pflag.FlagSet) {
	return func(f *pflag.FlagSet) {
		for _, n := range names {
			f.BoolP(n, n, false, "")
		}
	}
}
