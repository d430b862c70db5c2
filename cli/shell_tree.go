package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
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

func treeCommands() []*shellCommand {
	return []*shellCommand{
		{name: "create", args: "[-s] [-e] [-c] [-t TTL_MS] NAME [DATA] [ACL]", short: "make a node: sequential, ephemeral, container, with a time to live",
			least: 1, most: 3, path: 1, changes: true, run: runCreate, flags: func(f *pflag.FlagSet) {
				boolFlags("s", "e", "c")(f)
				f.IntP("t", "t", 0, "")
			}},
		{name: "ls", args: "[-s] [-w] [-R] NAME", short: "list children; with stat, watched, with all below", least: 1, most: 1, path: 1, flags: boolFlags("s", "w", "R"), run: runList},
		{name: "get", args: "[-s] [-w] [-b] NAME", short: "print data; with stat, watched, in base64", least: 1, most: 1, path: 1, flags: boolFlags("s", "w", "b"), run: runGet},
		{name: "set", args: "[-s] [-v VERSION] NAME DATA", short: "replace data", least: 2, most: 2, path: 1, changes: true, flags: versionFlags("s"), run: runSet},
		{name: "stat", args: "[-w] NAME", short: "print what is known about a node", least: 1, most: 1, path: 1, flags: boolFlags("w"), run: runStat},
		{name: "delete", args: "[-v VERSION] NAME", short: "remove a node without children", least: 1, most: 1, path: 1, changes: true, flags: versionFlags(), run: runDelete},
		{name: "deleteall", args: "[-b BATCH] NAME", short: "remove a node and all below it", least: 1, most: 1, path: 1, changes: true, unlimited: true, run: runDeleteAll,
			flags: func(f *pflag.FlagSet) { f.IntP("b", "b", 1000, "") }},
		{name: "sync", args: "NAME", short: "let later reads see everything committed so far", least: 1, most: 1, path: 1, run: runSync},
		{name: "getAllChildrenNumber", args: "NAME", short: "count the nodes below", least: 1, most: 1, path: 1, run: runCount},
		{name: "getEphemerals", args: "[NAME]", short: "list this session's ephemeral nodes", most: 1, path: 1, run: runEphemerals},
	}
}

func runCreate(ctx context.Context, sh *shell, in *input) (result, error) {
	sequential, ephemeral, container, ttl := in.bool("s"), in.bool("e"), in.bool("c"), in.int("t")
	if container && (sequential || ephemeral) || ttl != 0 && (ephemeral || container) {
		return result{}, &lineError{"-c goes with neither -s nor -e, and -t with neither -c nor -e"}
	}
	o := client.CreateOptions{TTL: time.Duration(ttl) * time.Millisecond}
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

func runList(ctx context.Context, sh *shell, in *input) (result, error) {
	path := in.args[0]
	if in.bool("R") {
		paths, err := below(ctx, sh.client, path, nil)
		return result{strings.Join(paths, "\n") + "\n", paths}, err
	}
	var names []string
	var stat client.Stat
	var events <-chan client.Event
	var err error
	if in.bool("w") {
		names, stat, events, err = sh.client.ChildrenW(ctx, path)
	} else {
		names, stat, err = sh.client.Children2(ctx, path)
	}
	if err != nil {
		return result{}, err
	}
	sh.watch(events)
	return withStat(in, listText(names), map[string]any{"children": names}, stat), nil
}

func listText(names []string) string { return "[" + strings.Join(names, ", ") + "]\n" }

// withStat adds the stat when -s asks for it.
func withStat(in *input, text string, value map[string]any, stat client.Stat) result {
	if in.bool("s") {
		text += statText(stat)
		value["stat"] = stat
	}
	return result{text, value}
}

// below appends path and everything below it, all children of a node before
// those of the next. What is deleted meanwhile is left out.
func below(ctx context.Context, c *client.Client, path string, paths []string) ([]string, error) {
	paths = append(paths, path)
	for i := len(paths) - 1; i < len(paths); i++ {
		names, err := c.Children(ctx, paths[i])
		if errors.Is(err, client.ErrNoNode) && i > 0 {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			paths = append(paths, strings.TrimSuffix(paths[i], "/")+"/"+n)
		}
	}
	return paths, nil
}

func runGet(ctx context.Context, sh *shell, in *input) (result, error) {
	var data []byte
	var stat client.Stat
	var events <-chan client.Event
	var err error
	if in.bool("w") {
		data, stat, events, err = sh.client.GetW(ctx, in.args[0])
	} else {
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
	var err error
	if in.bool("w") {
		stat, found, events, err = sh.client.ExistsW(ctx, in.args[0])
	} else {
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

// runDeleteAll deletes from the leaves up, many in one transaction, and looks
// again when others changed something meanwhile.
func runDeleteAll(ctx context.Context, sh *shell, in *input) (result, error) {
	path, batch := in.args[0], in.int("b")
	if path == "/" || batch < 1 {
		return result{}, client.ErrBadArguments
	}
	for found := false; ; found = true {
		paths, err := below(ctx, sh.client, path, nil)
		if errors.Is(err, client.ErrNoNode) && found {
			return result{}, nil
		}
		if err != nil {
			return result{}, err
		}
		for len(paths) > 0 && err == nil {
			first := max(0, len(paths)-batch)
			var ops client.Ops
			for i := len(paths) - 1; i >= first; i-- {
				ops.Delete(paths[i], client.AnyVersion)
			}
			if _, err = sh.client.Multi(ctx, &ops); err == nil {
				paths = paths[:first]
			}
		}
		if !errors.Is(err, client.ErrNotEmpty) && !errors.Is(err, client.ErrNoNode) {
			return result{}, err
		}
	}
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
