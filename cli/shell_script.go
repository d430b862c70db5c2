package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/zabkeeper/zabkeeper/client"
)

// scriptCommands work on znodes as files of lines.
func scriptCommands() []*shellCommand {
	return []*shellCommand{
		{name: "append", args: "NAME TEXT...", short: "add the text and a newline", least: 2, most: 2, path: 1, raw: true, changes: true, run: runAppend},
		{name: "read", args: "NAME", short: "print the data as it is", least: 1, most: 1, path: 1, run: runRead},
		{name: "sleep", args: "SECONDS", short: "wait", least: 1, most: 1, offline: true, unlimited: true, run: runSleep},
	}
}

func runRead(ctx context.Context, sh *shell, in *input) (result, error) {
	data, _, err := sh.client.Get(ctx, in.args[0])
	return result{string(data), dataValue(data)}, err
}

func runSleep(ctx context.Context, _ *shell, in *input) (result, error) {
	seconds, err := strconv.ParseFloat(in.args[0], 64)
	if err != nil || !(seconds >= 0 && seconds <= 1e9) {
		return result{}, &lineError{fmt.Sprintf("%q is not a number of seconds", in.args[0])}
	}
	select {
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		return result{}, nil
	case <-ctx.Done():
		return result{}, ctx.Err()
	}
}

func runAppend(ctx context.Context, sh *shell, in *input) (result, error) {
	return result{}, appendText(ctx, sh.client, in.args[0], in.args[1]+"\n")
}

var errAppendUnknown = errors.New("connection lost and the node was replaced since, so that nobody can tell whether the text was added")

// appendText adds text to a znode once. Every attempt is conditional on the
// version it read, so that of several attempts on one version at most one
// happens, however late. After a lost connection the outcome is looked up. The
// text carries nothing unique: when someone else appended the same text to the
// same version at that moment, theirs counts as ours.
func appendText(ctx context.Context, c *client.Client, path, text string) error {
	for {
		data, stat, err := getSurely(ctx, c, path)
		if err != nil {
			return err
		}
		if stat.Version == client.AnyVersion { // the counter wrapped round and would match everything
			return client.ErrBadVersion
		}
		want := append(bytes.Clone(data), text...)
		o := outcomeRepeat
		for lost := false; o == outcomeRepeat; {
			_, err = c.Set(ctx, path, want, stat.Version)
			lost = lost || errors.Is(err, client.ErrConnectionLoss)
			switch {
			case err == nil:
				return nil
			case lost:
				o, err = lookUp(ctx, c, path, want, stat)
			case errors.Is(err, client.ErrBadVersion):
				o, err = outcomeNotDone, nil
			}
			if err != nil || o == outcomeDone {
				return err
			}
		}
	}
}

// outcome is what became of an attempt whose answer was lost.
type outcome int

const (
	outcomeRepeat  outcome = iota // the version is still the one to change
	outcomeDone                   // it happened
	outcomeNotDone                // it did not and never will
)

// lookUp compares a znode with what it was and with what it was to become.
func lookUp(ctx context.Context, c *client.Client, path string, want []byte, before client.Stat) (outcome, error) {
	data, stat, err := getSurely(ctx, c, path)
	switch {
	case errors.Is(err, client.ErrNoNode), err == nil && stat.Czxid != before.Czxid:
		return outcomeRepeat, errAppendUnknown
	case err != nil:
		return outcomeRepeat, err
	case stat.Version == before.Version:
		return outcomeRepeat, nil
	case bytes.HasPrefix(data, want): // others may have appended more since
		return outcomeDone, nil
	case stat.Version == before.Version+1:
		return outcomeNotDone, nil
	}
	return outcomeRepeat, errAppendUnknown
}

// getSurely reads through lost connections.
func getSurely(ctx context.Context, c *client.Client, path string) ([]byte, client.Stat, error) {
	for {
		data, stat, err := c.Get(ctx, path)
		if !errors.Is(err, client.ErrConnectionLoss) {
			return data, stat, err
		}
	}
}
