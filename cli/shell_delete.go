package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/zabkeeper/zabkeeper/client"
)

func deleteAllCommand() *shellCommand {
	return &shellCommand{name: "deleteall", args: "[-b BATCH] [--limit N] NAME",
		short: "remove a node and all below it, in one transaction where the server can; in batches; at most N nodes or nothing",
		least: 1, most: 1, path: 1, changes: true, unlimited: true, run: runDeleteAll,
		flags: func(f *pflag.FlagSet) {
			f.IntP("b", "b", 0, "")
			f.Int("limit", 0, "")
		}}
}

func runDeleteAll(ctx context.Context, sh *shell, in *input) (result, error) {
	path, batch, limit := in.args[0], in.int("b"), in.int("limit")
	if in.flags.Changed("b") && batch < 1 || limit < 0 || batch > 0 && limit > 0 {
		return result{}, &lineError{"-b and --limit are positive, and one of them is given at the most"}
	}
	var done client.Deleted
	var err error
	if limit > 0 {
		done.Atomic = true
		done.Nodes, err = sh.client.DeleteRecursive(ctx, path, client.AnyVersion, limit)
	} else {
		done, err = sh.client.DeleteAll(ctx, path, batch)
	}
	if err != nil {
		return result{}, err
	}
	text := ""
	if sh.talks { // scripts see what they see of a ZooKeeper: nothing
		text = fmt.Sprintf("Deleted %d nodes, one after another\n", done.Nodes)
		if done.Atomic {
			text = fmt.Sprintf("Deleted %d nodes in one transaction\n", done.Nodes)
		}
	}
	return result{text, map[string]any{"deleted": done.Nodes, "atomic": done.Atomic}}, nil
}

func runExtensions(ctx context.Context, sh *shell, _ *input) (result, error) {
	set, err := sh.client.Extensions(ctx)
	if err != nil {
		return result{}, err
	}
	names := set.Names()
	if len(names) == 0 {
		return result{"none\n", names}, nil
	}
	return result{strings.Join(names, "\n") + "\n", names}, nil
}
