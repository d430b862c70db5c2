package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"github.com/zabkeeper/zabkeeper/client"
)

func listCommand() *shellCommand {
	return &shellCommand{name: "ls", args: "[-s] [-w] [-R] [-l] [--prefix TEXT] [--after NAME] [--limit N] [--page N] [--linearizable] NAME",
		short: "list children; with stat, watched, with all below, with the stat of each; those that begin with a text, behind a name, at most N, in pages of N",
		least: 1, most: 1, path: 1, run: runList, unlimited: true, flags: func(f *pflag.FlagSet) {
			boolFlags("s", "w", "R", "l")(f)
			f.Bool("linearizable", false, "")
			f.String("prefix", "", "")
			f.String("after", "", "")
			f.Int("limit", 0, "")
			f.Int("page", 0, "")
		}}
}

// paged reports whether a flag asks for a page or several.
func (in *input) paged() bool {
	return in.bool("l") || in.int("limit") != 0 || in.int("page") != 0 || in.string("prefix") != "" || in.string("after") != ""
}

func runList(ctx context.Context, sh *shell, in *input) (result, error) {
	ways := 0
	for _, set := range []bool{in.bool("R"), in.bool("w"), in.bool("linearizable") || in.paged()} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		return result{}, &lineError{"neither -R nor -w goes with the others, but -s"}
	}
	if in.paged() {
		return listPages(ctx, sh, in)
	}
	ctx, cancel := context.WithTimeout(ctx, sh.timeout)
	defer cancel()
	return listWhole(ctx, sh, in)
}

func listWhole(ctx context.Context, sh *shell, in *input) (result, error) {
	path := in.args[0]
	if in.bool("R") {
		paths, err := sh.client.Subtree(ctx, path)
		return result{strings.Join(paths, "\n") + "\n", paths}, err
	}
	var names []string
	var stat client.Stat
	var events <-chan client.Event
	var err error
	switch {
	case in.bool("w"):
		names, stat, events, err = sh.client.ChildrenW(ctx, path)
	case in.bool("linearizable"):
		names, stat, err = sh.client.Linearizable().Children(ctx, path)
	default:
		names, stat, err = sh.client.Children2(ctx, path)
	}
	if err != nil {
		return result{}, err
	}
	sh.watch(events)
	return withStat(in, listText(names), map[string]any{"children": names}, stat), nil
}

func listText(names []string) string { return "[" + strings.Join(names, ", ") + "]\n" }

// listPages prints one child a line, page by page as they come, so that memory
// does not follow the number of children.
func listPages(ctx context.Context, sh *shell, in *input) (result, error) {
	o := client.PageOptions{Prefix: in.string("prefix"), After: in.string("after"), Limit: in.int("limit"), Stats: in.bool("l")}
	one, size := o.Limit > 0, in.int("page")
	if o.Limit < 0 || size < 0 || one && size > 0 {
		return result{}, &lineError{"--limit and --page are positive, and one of them is given at the most"}
	}
	o.Limit = max(o.Limit, size)
	all := []any{}
	for {
		page, err := surePage(ctx, sh, in, o)
		if err != nil {
			return result{}, err
		}
		var text strings.Builder
		for _, child := range page.Children {
			if sh.json {
				all = append(all, childValue(child, o.Stats))
			} else {
				text.WriteString(childText(child, o.Stats))
			}
			o.After = child.Name
		}
		if _, err = io.WriteString(sh.out, text.String()); err != nil {
			return result{}, err
		}
		if page.More && !one {
			continue
		}
		if page.More && !sh.json {
			_, _ = fmt.Fprintf(sh.env.stderr, "there are more: --after %s\n", quote(o.After))
		}
		return withStat(in, "", map[string]any{"children": all, "more": page.More}, page.Stat), nil
	}
}

// surePage asks again when the connection is lost: the pages before it have been
// printed. The time of a command is that of a page here.
func surePage(ctx context.Context, sh *shell, in *input, o client.PageOptions) (client.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, sh.timeout)
	defer cancel()
	list := sh.client.ListPage
	if in.bool("linearizable") {
		list = sh.client.Linearizable().ListPage
	}
	for {
		page, err := list(ctx, in.args[0], o)
		if !errors.Is(err, client.ErrConnectionLoss) {
			return page, err
		}
	}
}

func childText(c client.Child, stats bool) string {
	switch {
	case !stats:
		return c.Name + "\n"
	case !c.HasStat:
		return c.Name + " permission denied\n"
	}
	return fmt.Sprintf("%s cZxid=0x%x mZxid=0x%x dataVersion=%d dataLength=%d numChildren=%d ephemeralOwner=0x%x\n",
		c.Name, uint64(c.Stat.Czxid), uint64(c.Stat.Mzxid), c.Stat.Version, c.Stat.DataLength, c.Stat.NumChildren, uint64(c.Stat.EphemeralOwner))
}

func childValue(c client.Child, stats bool) any {
	switch {
	case !stats:
		return c.Name
	case !c.HasStat:
		return map[string]any{"name": c.Name}
	}
	return map[string]any{"name": c.Name, "stat": c.Stat}
}
