package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/zabkeeper/zabkeeper/client"
)

func membershipCommands() []*shellCommand {
	return []*shellCommand{
		{name: "config", args: "[-c] [-s]", short: "print the ensemble's configuration; -c the connect string", flags: boolFlags("c", "s"), run: runConfig},
		{name: "reconfig", args: "[-s] [-v HEX] [-file FILE | -members LIST | -add LIST -remove NUMBERS]", short: "change the ensemble's members",
			changes: true, run: runReconfig, singleDash: []string{"file", "members", "add", "remove"}, flags: func(f *pflag.FlagSet) {
				boolFlags("s")(f)
				f.StringP("v", "v", "", "")
				for _, name := range []string{"file", "members", "remove"} {
					f.String(name, "", "")
				}
				f.StringArray("add", nil, "")
			}},
		{name: "start", short: "have the servers elect a leader anew", offline: true, changes: true, run: runStart},
	}
}

func runConfig(ctx context.Context, sh *shell, in *input) (result, error) {
	data, stat, err := sh.client.GetConfig(ctx)
	if err != nil {
		return result{}, err
	}
	text := string(data)
	if in.bool("c") {
		text = connectStringOf(text)
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return withStat(in, text, map[string]any{"config": text}, stat), nil
}

// connectStringOf makes "version host:port,host:port" of a configuration.
func connectStringOf(config string) string {
	var version string
	var hosts []string
	for line := range strings.Lines(config) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key == "version" {
			version = value
		}
		peer, address, found := strings.Cut(value, ";")
		if !strings.HasPrefix(key, "server.") || !found {
			continue
		}
		if !strings.Contains(address, ":") { // the port alone: the host is that of the peers
			host, _, _ := strings.Cut(peer, ":")
			address = host + ":" + address
		}
		hosts = append(hosts, address)
	}
	return strings.TrimSpace(version + " " + strings.Join(hosts, ","))
}

// runReconfig takes ZooKeeper's flags.
func runReconfig(ctx context.Context, sh *shell, in *input) (result, error) {
	text := func(name string) string {
		v, err := in.flags.GetString(name)
		assert(err == nil, "flag %s: %v", name, err)
		return v
	}
	list := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' })
	}
	r := client.Reconfig{IfConfig: client.AnyConfig, Leaving: list(text("remove")), Members: list(text("members"))}
	add, err := in.flags.GetStringArray("add")
	assert(err == nil, "flag add: %v", err)
	for _, a := range add {
		r.Joining = append(r.Joining, list(a)...)
	}
	if file := text("file"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return result{}, err
		}
		r.Members = append(r.Members, list(string(b))...)
	}
	if v := text("v"); v != "" {
		n, err := strconv.ParseUint(strings.TrimPrefix(v, "0x"), 16, 64)
		if err != nil {
			return result{}, &lineError{fmt.Sprintf("-v %s is not a hexadecimal number", v)}
		}
		r.IfConfig = int64(n)
	}
	if len(r.Members) == 0 && len(r.Joining) == 0 && len(r.Leaving) == 0 || len(r.Members) > 0 && len(r.Joining)+len(r.Leaving) > 0 {
		return result{}, &lineError{"give the whole list (-file or -members), or who joins and leaves (-add, -remove)"}
	}
	now, st, err := sh.client.Reconfig(ctx, r)
	if err != nil {
		return result{}, err
	}
	return withStat(in, "Committed new configuration:\n"+now+"\n", map[string]any{"config": now}, st), nil
}

// runStart asks the server of this session, or the first that answers.
func runStart(ctx context.Context, sh *shell, _ *input) (result, error) {
	servers, _, err := client.ParseConnectString(sh.address)
	if err != nil {
		return result{}, err
	}
	if sh.client != nil {
		if s := sh.client.Server(); s != "" {
			servers = []string{s}
		}
	}
	var problems []error
	for _, s := range servers {
		answer, err := client.Operate(ctx, s, "elect")
		answer = strings.TrimSpace(answer)
		switch {
		case err != nil:
			problems = append(problems, err)
		case strings.HasPrefix(answer, "refused: ") || answer == "":
			return result{}, fmt.Errorf("%s: %s", s, strings.TrimPrefix(answer, "refused: "))
		default:
			return result{answer + "\n", answer}, nil
		}
	}
	return result{}, errors.Join(problems...)
}
