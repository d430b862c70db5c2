package cli

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/zabkeeper/zabkeeper/client"
)

// versionFlags are boolean flags and -v, the version that must match.
func versionFlags(names ...string) func(*pflag.FlagSet) {
	return func(f *pflag.FlagSet) {
		boolFlags(names...)(f)
		f.IntP("v", "v", int(client.AnyVersion), "")
	}
}

// readFlags are boolean flags and the one for a linearizable read.
func readFlags(names ...string) func(*pflag.FlagSet) {
	return func(f *pflag.FlagSet) {
		boolFlags(names...)(f)
		f.Bool("linearizable", false, "")
	}
}

// checkRead refuses a watch on a linearizable read.
func checkRead(in *input) error {
	if in.bool("w") && in.bool("linearizable") {
		return &lineError{"-w does not go with --linearizable"}
	}
	return nil
}

func treeCommands() []*shellCommand {
	return []*shellCommand{
		{name: "create", args: "[-s] [-e] [-c] [-p] [-t TTL_MS] NAME [DATA] [ACL]", short: "make a node: sequential, ephemeral, container, with its parents, with a time to live",
			least: 1, most: 3, path: 1, changes: true, run: runCreate, flags: func(f *pflag.FlagSet) {
				boolFlags("s", "e", "c", "p")(f)
				f.IntP("t", "t", 0, "")
			}},
		listCommand(),
		{name: "get", args: "[-s] [-w] [-b] [--linearizable] NAME", short: "print data; with stat, watched, in base64; everything committed so far seen", least: 1, most: 1, path: 1, flags: readFlags("s", "w", "b"), run: runGet},
		{name: "set", args: "[-s] [-v VERSION] NAME DATA", short: "replace data", least: 2, most: 2, path: 1, changes: true, flags: versionFlags("s"), run: runSet},
		{name: "stat", args: "[-w] [--linearizable] NAME", short: "print what is known about a node", least: 1, most: 1, path: 1, flags: readFlags("w"), run: runStat},
		{name: "delete", args: "[-v VERSION] NAME", short: "remove a node without children", least: 1, most: 1, path: 1, changes: true, flags: versionFlags(), run: runDelete},
		deleteAllCommand(),
		{name: "sync", args: "NAME", short: "let later reads see everything committed so far", least: 1, most: 1, path: 1, run: runSync},
		{name: "getAllChildrenNumber", args: "NAME", short: "count the nodes below", least: 1, most: 1, path: 1, run: runCount},
		{name: "getEphemerals", args: "[NAME]", short: "list this session's ephemeral nodes", most: 1, path: 1, run: runEphemerals},
		{name: "extensions", short: "list what the server has and ZooKeeper has not", run: runExtensions},
	}
}

func runCreate(ctx context.Context, sh *shell, in *input) (result, error) {
	sequential, ephemeral, container, ttl := in.bool("s"), in.bool("e"), in.bool("c"), in.int("t")
	if container && (sequential || ephemeral) || ttl != 0 && (ephemeral || container) {
		return result{}, &lineError{"-c goes with neither -s nor -e, and -t with neither -c nor -e"}
	}
	o := client.CreateOptions{TTL: time.Duration(ttl) * time.Millisecond, Parents: in.bool("p")}
	switch {
	case container:
		o.Mode = client.ModeContainer
	case ttl != 0 && sequential:
		o.Mode = client.ModeSequentialTTL
	case ttl != 0:
		o.Mode = client.ModeTTL
	case ephemeral && sequential:
		o.Mode = client.ModeEphemeralSequential
	case ephemeral:
		o.Mode = client.ModeEphemeral
	case sequential:
		o.Mode = client.ModePersistentSequential
	}
	var data []byte
	if d, ok := in.arg(1); ok {
		data = []byte(d)
	}
	if text, ok := in.arg(2); ok {
		var err error
		if o.ACL, err = parseACL(text); err != nil {
			return result{}, err
		}
	}
	path, err := sh.client.Create(ctx, in.args[0], data, o)
	return result{"Created " + path + "\n", path}, err
}

// withStat adds the stat when -s asks for it.
func withStat(in *input, text string, value map[string]any, stat client.Stat) result {
	if in.bool("s") {
		text += statText(stat)
		value["stat"] = stat
	}
	return result{text, value}
}

func runGet(ctx context.Context, sh *shell, in *input) (result, error) {
	var data []byte
	var stat client.Stat
	var events <-chan client.Event
	err := checkRead(in)
	switch {
	case err != nil:
	case in.bool("w"):
		data, stat, events, err = sh.client.GetW(ctx, in.args[0])
	case in.bool("linearizable"):
		data, stat, err = sh.client.Linearizable().Get(ctx, in.args[0])
	default:
		data, stat, err = sh.client.Get(ctx, in.args[0])
	}
	if err != nil {
		return result{}, err
	}
	sh.watch(events)
	text := string(data)
	switch {
	case data == nil:
		text = "null"
	case in.bool("b"):
		text = base64.StdEncoding.EncodeToString(data)
	}
	return withStat(in, text+"\n", map[string]any{"data": dataValue(data)}, stat), nil
}

// dataValue is data for programs: null, a string, or base64 for what is no text.
func dataValue(data []byte) any {
	switch {
	case data == nil:
		return nil
	case utf8.Valid(data):
		return string(data)
	}
	return map[string]any{"base64": data}
}

func runSet(ctx context.Context, sh *shell, in *input) (result, error) {
	stat, err := sh.client.Set(ctx, in.args[0], []byte(in.args[1]), int32(in.int("v")))
	return withStat(in, "", map[string]any{}, stat), err
}

func runStat(ctx context.Context, sh *shell, in *input) (result, error) {
	var stat client.Stat
	var found bool
	var events <-chan client.Event
	err := checkRead(in)
	switch {
	case err != nil:
	case in.bool("w"):
		stat, found, events, err = sh.client.ExistsW(ctx, in.args[0])
	case in.bool("linearizable"):
		stat, found, err = sh.client.Linearizable().Exists(ctx, in.args[0])
	default:
		stat, found, err = sh.client.Exists(ctx, in.args[0])
	}
	if err != nil {
		return result{}, err
	}
	sh.watch(events)
	if !found {
		return result{}, client.ErrNoNode
	}
	return result{statText(stat), stat}, nil
}

func statText(s client.Stat) string {
	date := func(ms int64) string { return time.UnixMilli(ms).Format("Mon Jan 02 15:04:05 MST 2006") }
	return fmt.Sprintf("cZxid = 0x%x\nctime = %s\nmZxid = 0x%x\nmtime = %s\npZxid = 0x%x\ncversion = %d\ndataVersion = %d\naclVersion = %d\nephemeralOwner = 0x%x\ndataLength = %d\nnumChildren = %d\n",
		uint64(s.Czxid), date(s.Ctime), uint64(s.Mzxid), date(s.Mtime), uint64(s.Pzxid), s.Cversion, s.Version, s.Aversion,
		uint64(s.EphemeralOwner), s.DataLength, s.NumChildren)
}

func runDelete(ctx context.Context, sh *shell, in *input) (result, error) {
	return result{}, sh.client.Delete(ctx, in.args[0], int32(in.int("v")))
}

func runSync(ctx context.Context, sh *shell, in *input) (result, error) {
	return result{"Sync is OK\n", nil}, sh.client.Sync(ctx, in.args[0])
}

func runCount(ctx context.Context, sh *shell, in *input) (result, error) {
	n, err := sh.client.GetAllChildrenNumber(ctx, in.args[0])
	return result{strconv.Itoa(n) + "\n", n}, err
}

func runEphemerals(ctx context.Context, sh *shell, in *input) (result, error) {
	prefix, _ := in.arg(0)
	paths, err := sh.client.GetEphemerals(ctx, prefix)
	return result{listText(paths), paths}, err
}
