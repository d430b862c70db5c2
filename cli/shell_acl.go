package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/zabkeeper/zabkeeper/client"
)

func aclCommands() []*shellCommand {
	return []*shellCommand{
		{name: "getAcl", args: "[-s] NAME", short: "print who may do what", least: 1, most: 1, path: 1, flags: boolFlags("s"), run: runGetACL},
		{name: "setAcl", args: "[-s] [-v VERSION] [-R] NAME SCHEME:ID:PERMS[,...]", short: "set who may do what, perms of cdrwa", least: 2, most: 2, path: 1, changes: true,
			flags: versionFlags("s", "R"), run: runSetACL},
		{name: "addauth", args: "SCHEME AUTH", short: "authenticate: digest user:password, or sasl user:password", least: 1, most: 2, changes: true, run: runAddAuth},
		{name: "whoami", short: "print the identities of this connection", run: runWhoAmI},
	}
}

// permLetters are in the order in which they are printed.
var permLetters = []struct {
	letter rune
	perm   client.Perms
}{{'c', client.PermCreate}, {'d', client.PermDelete}, {'r', client.PermRead}, {'w', client.PermWrite}, {'a', client.PermAdmin}}

func permText(p client.Perms) string {
	var b strings.Builder
	for _, l := range permLetters {
		if p&l.perm != 0 {
			b.WriteRune(l.letter)
		}
	}
	return b.String()
}

// parseACL reads scheme:id:perms[,...]; the id may hold colons.
func parseACL(text string) ([]client.ACL, error) {
	var list []client.ACL
	for entry := range strings.SplitSeq(text, ",") {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(entry), ":")
		last := strings.LastIndexByte(rest, ':')
		if scheme == "" || last < 0 {
			return nil, &lineError{fmt.Sprintf("%q is not scheme:id:perms", entry)}
		}
		acl := client.ACL{ID: client.ID{Scheme: scheme, ID: rest[:last]}}
	letters:
		for _, r := range rest[last+1:] {
			for _, l := range permLetters {
				if l.letter == r {
					acl.Perms |= l.perm
					continue letters
				}
			}
			return nil, &lineError{fmt.Sprintf("%q is none of the permissions cdrwa", r)}
		}
		list = append(list, acl)
	}
	return list, nil
}

func runGetACL(ctx context.Context, sh *shell, in *input) (result, error) {
	acl, stat, err := sh.client.GetACL(ctx, in.args[0])
	if err != nil {
		return result{}, err
	}
	var b strings.Builder
	values := []map[string]string{}
	for _, a := range acl {
		fmt.Fprintf(&b, "'%s,'%s\n: %s\n", a.ID.Scheme, a.ID.ID, permText(a.Perms))
		values = append(values, map[string]string{"scheme": a.ID.Scheme, "id": a.ID.ID, "perms": permText(a.Perms)})
	}
	return withStat(in, b.String(), map[string]any{"acl": values}, stat), nil
}

func runSetACL(ctx context.Context, sh *shell, in *input) (result, error) {
	acl, err := parseACL(in.args[1])
	if err != nil {
		return result{}, err
	}
	paths := in.args[:1]
	if in.bool("R") {
		if paths, err = sh.client.Subtree(ctx, in.args[0]); err != nil {
			return result{}, err
		}
	}
	var stat client.Stat
	for i := len(paths) - 1; i >= 0; i-- {
		if stat, err = sh.client.SetACL(ctx, paths[i], acl, int32(in.int("v"))); err != nil {
			return result{}, err
		}
	}
	return withStat(in, "", map[string]any{}, stat), nil
}

func runAddAuth(ctx context.Context, sh *shell, in *input) (result, error) {
	auth, _ := in.arg(1)
	return result{}, sh.client.AddAuth(ctx, in.args[0], []byte(auth))
}

func runWhoAmI(ctx context.Context, sh *shell, _ *input) (result, error) {
	ids, err := sh.client.WhoAmI(ctx)
	if err != nil {
		return result{}, err
	}
	text := "Auth scheme: User\n"
	values := []map[string]string{}
	for _, id := range ids {
		text += id.Scheme + ": " + id.ID + "\n"
		values = append(values, map[string]string{"scheme": id.Scheme, "id": id.ID})
	}
	return result{text, values}, nil
}
