package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/zabkeeper/zabkeeper/client"
)

func watchCommands() []*shellCommand {
	return []*shellCommand{
		{name: "addWatch", args: "[-m PERSISTENT|PERSISTENT_RECURSIVE] NAME", short: "print every change from now on", least: 1, most: 1, path: 1, changes: true, run: runAddWatch,
			flags: func(f *pflag.FlagSet) { f.StringP("m", "m", "PERSISTENT_RECURSIVE", "") }},
		{name: "removewatches", args: "NAME [-c] [-d] [-p] [-r] [-a]", short: "end watches: children, data, persistent, recursive, any", least: 1, most: 1, path: 1, changes: true,
			flags: boolFlags("c", "d", "p", "r", "a"), run: runRemoveWatches},
		{name: "printwatches", args: "[on|off]", short: "say whether events are printed, or change it", most: 1, offline: true, run: runPrintWatches},
	}
}

// watch prints what comes until the channel is closed.
func (sh *shell) watch(events <-chan client.Event) {
	if events == nil {
		return
	}
	show := sh.printWatches
	sh.watching.Go(func() {
		for e := range events {
			if show && e.Type != client.EventEnded {
				sh.printEvent(e)
			}
		}
	})
}

var eventNames = map[client.EventType]string{
	client.EventCreated: "NodeCreated", client.EventDeleted: "NodeDeleted", client.EventDataChanged: "NodeDataChanged",
	client.EventChildrenChanged: "NodeChildrenChanged", client.EventRemoved: "PersistentWatchRemoved",
	client.EventResync: "Resync",
}

func (sh *shell) printEvent(e client.Event) {
	if sh.json {
		_ = json.NewEncoder(sh.out).Encode(map[string]any{"event": eventNames[e.Type], "path": e.Path})
		return
	}
	_, _ = fmt.Fprintf(sh.out, "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:%s path:%s\n", eventNames[e.Type], e.Path)
}

func runAddWatch(ctx context.Context, sh *shell, in *input) (result, error) {
	mode, err := in.flags.GetString("m")
	assert(err == nil, "flag m: %v", err)
	modes := map[string]client.WatchMode{"PERSISTENT": client.Persistent, "PERSISTENT_RECURSIVE": client.Recursive}
	m, ok := modes[mode]
	if !ok {
		return result{}, &lineError{fmt.Sprintf("no watch mode %q", mode)}
	}
	w, err := sh.client.AddWatch(ctx, in.args[0], m)
	if err != nil {
		return result{}, err
	}
	sh.watch(w.Events())
	return result{}, nil
}

func runRemoveWatches(ctx context.Context, sh *shell, in *input) (result, error) {
	t := client.WatcherAny
	for _, f := range []struct {
		flag string
		t    client.WatcherType
	}{{"c", client.WatcherChildren}, {"d", client.WatcherData}, {"p", client.WatcherPersistent}, {"r", client.WatcherRecursive}, {"a", client.WatcherAny}} {
		if in.bool(f.flag) {
			t = f.t
		}
	}
	return result{}, sh.client.RemoveWatches(ctx, in.args[0], t)
}

func runPrintWatches(_ context.Context, sh *shell, in *input) (result, error) {
	arg, ok := in.arg(0)
	switch {
	case arg == "on" || arg == "off":
		sh.printWatches = arg == "on"
		return result{}, nil
	case ok:
		return result{}, &lineError{"on or off"}
	case sh.printWatches:
		return result{"printwatches is on\n", true}, nil
	}
	return result{"printwatches is off\n", false}, nil
}
