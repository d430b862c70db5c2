package cli

import (
	"slices"
	"strings"
)

// shellCommands is the language, in the order that help shows.
func shellCommands() []*shellCommand {
	return slices.Concat(scriptCommands(), treeCommands(), aclCommands(), watchCommands(), membershipCommands(), sessionCommands())
}

// helpText lists the commands, or says all about one.
func helpText(name string) (string, error) {
	var b strings.Builder
	if name != "" {
		c := commandNamed(name)
		if c == nil {
			return "", &lineError{"no command " + name}
		}
		return c.usage() + "\n    " + c.short + "\n", nil
	}
	b.WriteString("Names without a leading / are relative to /; quotes group words; # starts a comment line.\n\n")
	for _, c := range shellCommands() {
		u := c.usage()
		b.WriteString("  " + u)
		if len(u) > 46 {
			b.WriteString("\n" + strings.Repeat(" ", 50))
		} else {
			b.WriteString(strings.Repeat(" ", 48-len(u)))
		}
		b.WriteString(c.short + "\n")
	}
	return b.String(), nil
}
