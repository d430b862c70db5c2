package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

func sessionCommands() []*shellCommand {
	return []*shellCommand{
		{name: "connect", args: "[HOST:PORT,...[/CHROOT]]", short: "start a new session", most: 1, offline: true, run: runConnect},
		{name: "close", short: "end the session", offline: true, run: runClose},
		{name: "history", short: "list the commands so far", offline: true, run: runHistory},
		{name: "version", short: "print the version of this program", offline: true, run: runVersion},
		{name: "help", args: "[COMMAND]", short: "list the commands, or explain one", most: 1, offline: true, run: runHelp},
		{name: "quit", short: "end the session and the shell", offline: true, run: runQuit},
		{name: "exit", short: "likewise", offline: true, run: runQuit},
	}
}

func runConnect(ctx context.Context, sh *shell, in *input) (result, error) {
	if address, ok := in.arg(0); ok {
		sh.address = address
	}
	sh.disconnect()
	return result{}, sh.connect(ctx)
}

func runClose(_ context.Context, sh *shell, _ *input) (result, error) {
	sh.disconnect()
	return result{}, nil
}

func runHistory(_ context.Context, sh *shell, _ *input) (result, error) {
	var b strings.Builder
	for i, line := range sh.history {
		fmt.Fprintf(&b, "%d - %s\n", i, line)
	}
	return result{b.String(), slices.Clone(sh.history)}, nil
}

func runVersion(context.Context, *shell, *input) (result, error) {
	return result{"zabkeeper CLI version: " + version + "\n", version}, nil
}

func runHelp(_ context.Context, _ *shell, in *input) (result, error) {
	name, _ := in.arg(0)
	text, err := helpText(name)
	return result{text, text}, err
}

func runQuit(_ context.Context, sh *shell, _ *input) (result, error) {
	sh.quit = true
	return result{}, nil
}
