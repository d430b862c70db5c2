package cli

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/zabkeeper/zabkeeper/storage/vfs"
	"github.com/zabkeeper/zabkeeper/storage/wal"
	"github.com/zabkeeper/zabkeeper/tree"
	"github.com/zabkeeper/zabkeeper/zab/record"
)

func newHistoryCommand(env *environment) *cobra.Command {
	var long, asJSON bool
	c := &cobra.Command{
		Use:   "history DATA_DIR",
		Short: "Print a server's committed transactions in order",
		Long: `Print a server's committed transactions in order, one a line:

  operation epoch counter

With --json a line is an object: op, zxid, session, server, time (milliseconds since 1970),
and what the operation asks for: path, data (base64), version, flags; of a multi, ops.
A transaction stands there whether or not it could be carried out: a set with
the wrong version, too, has its place in the order.

The server may be running. The history begins where the log does: what only
snapshots still hold is not printed, and a line on standard error says so.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := filepath.Join(args[0], "log")
			if _, err := os.Stat(dir); err != nil {
				return exit(statusUsage, fmt.Errorf("%s is not the data directory of a server: %w", args[0], err))
			}
			out := bufio.NewWriter(env.stdout)
			base, _, err := wal.Inspect(vfs.OS{}, dir, func(r record.Record) error {
				line := historyLine(r, long)
				if asJSON {
					line = historyJSON(r)
				}
				_, err := fmt.Fprintln(out, line)
				return err
			})
			if base != 0 {
				_, _ = fmt.Fprintf(env.stderr, "the log begins behind %s\n", base)
			}
			if err := errors.Join(err, out.Flush()); err != nil {
				return exit(statusFailed, err)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&long, "long", false, "add session, origin server, time and path")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, with what every operation asks for")
	c.MarkFlagsMutuallyExclusive("long", "json")
	return c
}

// historyLine describes one record.
func historyLine(r record.Record, long bool) string {
	position := fmt.Sprintf("%d %d", r.Zxid.Epoch(), r.Zxid.Counter())
	if r.Kind != record.Transaction {
		return r.Kind.String() + " " + position
	}
	var t tree.Transaction
	if err := tree.DecodeTransaction(r.Body(), &t); err != nil {
		return unreadable + " " + position
	}
	line := t.Op.String() + " " + position
	if long {
		line += fmt.Sprintf(" session=0x%x server=%d time=%d", t.Session, t.Origin, t.TimeMs)
		if details, ok := transactionDetails(&t); ok {
			line += fmt.Sprintf(" path=%q", details.Path)
		}
	}
	return line
}
